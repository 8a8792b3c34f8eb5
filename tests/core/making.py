"""What the tests of the core are made of: publications, rings, views and subscribers without a hub."""

from __future__ import annotations

from typing import Any

from gapless.core.channel import Channel
from gapless.core.cursor import Cursor, State
from gapless.core.log import Budget, Entry, Kind, Ring, SteadyView
from gapless.model import History, Member, Position, Publication
from gapless.options import ChannelOptions

EPOCH = "first"


def numbered(offset: int, *, epoch: str = EPOCH, size: int = 0, exclude: str | None = None) -> Publication:
    payload = b"%d" % offset if not size else b"1" * size
    return Publication(payload, offset, epoch, exclude=exclude)


def unnumbered(payload: bytes = b"0", *, exclude: str | None = None) -> Publication:
    return Publication(payload, exclude=exclude)


def joined(client: str = "c") -> Entry:
    return Entry(kind=Kind.JOIN, member=Member(client))


def ring_of(
    *entries: int | str,
    max_entries: int = 100,
    max_bytes: int = 1 << 20,
    budget: Budget | None = None,
    top: int = 0,
) -> Ring:
    """A ring fed with these: a number is an offset, `u` a publication without one, `j` a join."""
    ring = Ring("c", epoch=EPOCH, top=top, max_entries=max_entries, max_bytes=max_bytes, budget=budget)
    feed(ring, *entries)
    return ring


def feed(ring: Ring, *entries: int | str) -> None:
    for entry in entries:
        if isinstance(entry, int):
            ring.append(numbered(entry, epoch=ring.epoch))
        elif entry == "u":
            ring.append(unnumbered())
        else:
            ring.add(joined())


def page(first: int, last: int, *, top: int | None = None, oldest: int = 1, epoch: str = EPOCH) -> History:
    """A page of history with offsets `first` to `last`, of a stream that keeps `oldest` to `top`."""
    publications = [numbered(offset, epoch=epoch) for offset in range(first, last + 1)]
    return History(publications, Position(last if top is None else top, epoch), oldest)


def channel_of(ring: Ring, **options: Any) -> Channel:
    return Channel("c", ChannelOptions(**options), ring)


class BytesView(SteadyView):
    """Frames are payloads; joins are shown as `+`, or not. Counts what it had to encode."""

    def __init__(self, *, joins: bool = False) -> None:
        self.key = ("bytes", joins)
        self.joins = joins
        self.encoded = 0

    def frame(self, channel: str, entry: Entry, previous: Entry | None) -> bytes | None:
        if entry.publication is None:
            return b"+" if self.joins else None
        frame: bytes | None = entry.frames.get("bytes")
        if frame is None:
            self.encoded += 1
            frame = entry.frames["bytes"] = entry.publication.payload
        return frame

    def join(self, channel: str, frames: list[bytes]) -> bytes:
        return b",".join(frames)

    def concat(self, chunks: list[bytes]) -> bytes:
        return b",".join(chunks)


class Reader:
    """A subscriber that only counts how often it was its turn."""

    resting = False

    def __init__(self, cursor: Cursor | None = None) -> None:
        self.cursor = cursor or Cursor()
        self.turns = 0

    def deliver(self) -> None:
        self.turns += 1


def live(ring: Ring, *, at: int | None = None) -> Cursor:
    """A cursor in the ring, at its head or at an index."""
    cursor = Cursor()
    cursor.stand_at_head(ring)
    if at is not None:
        cursor.stand_at(ring, at)
    assert cursor.state is State.LIVE
    return cursor
