"""How subscribers see entries: a protocol's words in a transport's frames, encoded once for all."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any, Protocol

from ..core.log import Entry, Kind, SteadyView, View
from ..opaque import is_packed
from ..protocol import plain, sse

SEND_BYTES = 16 * 1024
"""Handed to one ASGI send of a stream; a larger single frame goes alone."""


def stream_bodies(frames: list[bytes]) -> list[bytes]:
    """Bodies of about `SEND_BYTES`: one `send` each, and progress is seen after each."""
    bodies: list[bytes] = []
    begin = size = 0
    for at, frame in enumerate(frames):
        if size and size + len(frame) > SEND_BYTES:
            bodies.append(b"".join(frames[begin:at]))
            begin, size = at, 0
        size += len(frame)
    bodies.append(b"".join(frames[begin:]))
    return bodies


class Framing(Protocol):
    """What a transport makes of messages: frames that it can write, and joins of them."""

    @property
    def name(self) -> str: ...

    def __hash__(self) -> int:
        """There is one object of each kind; views are shared by it."""

    def wrap(self, message: bytes) -> Any:
        """One message as one frame; its length is its size."""

    def join(self, frames: list[Any]) -> Any:
        """Frames as one write."""

    def concat(self, chunks: list[Any]) -> Any:
        """Several joins as one write."""


class PlainView(SteadyView):
    """Each entry is a frame of its own."""

    def __init__(self, framing: Framing, *, joins: bool) -> None:
        self._framing = framing
        self._joins = joins
        self.key: Hashable = ("plain", framing.name, joins)
        self._frame_key: Hashable = ("plain", framing.name)

    def frame(self, channel: str, entry: Entry, previous: Entry | None) -> Any | None:
        if entry.kind is not Kind.PUBLICATION and not self._joins:
            return None
        frame = entry.frames.get(self._frame_key)
        if frame is None:
            frame = entry.frames[self._frame_key] = self._framing.wrap(_message(channel, entry))
        return frame

    def join(self, channel: str, frames: list[Any]) -> Any:
        return self._framing.join(frames)

    def concat(self, chunks: list[Any]) -> Any:
        return self._framing.concat(chunks)


class BatchView(SteadyView):
    """Several publications become one frame; what is not a publication stays alone."""

    def __init__(self, framing: Framing, *, joins: bool) -> None:
        self._framing = framing
        self._joins = joins
        self.key: Hashable = ("batch", framing.name, joins)

    def frame(self, channel: str, entry: Entry, previous: Entry | None) -> bytes | None:
        if entry.kind is not Kind.PUBLICATION:
            return _message(channel, entry) if self._joins else None
        piece = entry.frames.get("item")
        if piece is None and entry.publication is not None:
            binary = is_packed(entry.publication.payload)
            piece = _message(channel, entry) if binary else plain.item(entry.publication)
            entry.frames["item"] = piece
        return piece

    def join(self, channel: str, frames: list[bytes]) -> Any:
        messages: list[bytes] = []
        items: list[bytes] = []
        for frame in frames:
            if frame.startswith(b'{"channel":'):  # a join, a leave or a gap: an item never begins so
                self._put(channel, items, messages)
                items = []
                messages.append(frame)
            else:
                items.append(frame)
        self._put(channel, items, messages)
        return self._framing.join([self._framing.wrap(message) for message in messages])

    def concat(self, chunks: list[Any]) -> Any:
        return self._framing.concat(chunks)

    @staticmethod
    def _put(channel: str, items: list[bytes], messages: list[bytes]) -> None:
        if len(items) == 1:
            messages.append(plain.live(channel, items[0]))
        elif items:
            messages.append(plain.batch(channel, items))


class SseView(SteadyView):
    """Each publication is one event. With a single channel its id is shared like the rest."""

    def __init__(self, *, joins: bool, with_id: bool) -> None:
        self._joins = joins
        self._with_id = with_id
        self.key: Hashable = ("sse", joins, with_id)
        self._frame_key: Hashable = ("sse", with_id)

    def frame(self, channel: str, entry: Entry, previous: Entry | None) -> bytes | None:
        if entry.kind is not Kind.PUBLICATION and not self._joins:
            return None
        frame: bytes | None = entry.frames.get(self._frame_key)
        if frame is None:
            publication = entry.publication
            has_id = self._with_id and publication is not None and publication.offset
            id = str(publication.position) if has_id and publication is not None else None  # noqa: A001
            name = "gap" if publication is not None and is_packed(publication.payload) else None
            frame = entry.frames[self._frame_key] = sse.event(_message(channel, entry), id=id, name=name)
        return frame

    def join(self, channel: str, frames: list[bytes]) -> list[bytes]:
        return stream_bodies(frames)

    def concat(self, chunks: list[list[bytes]]) -> list[bytes]:
        return [body for chunk in chunks for body in chunk]


def _message(channel: str, entry: Entry) -> bytes:
    if entry.publication is not None:
        return plain.frame(channel, entry.publication)
    assert entry.member is not None  # noqa: S101 - what is no publication is a join or a leave of somebody
    return (plain.joined if entry.kind is Kind.JOIN else plain.left)(channel, entry.member)


@lru_cache(maxsize=64)
def shared_view(kind: type[PlainView] | type[BatchView], framing: Framing, *, joins: bool) -> View:
    """One view for all who see entries the same way: they are compared by identity."""
    return kind(framing, joins=joins)
