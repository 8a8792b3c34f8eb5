"""How subscribers on the Centrifuge doors see entries."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any

from ...core.log import Entry, Kind
from ...protocol.centrifuge import filters
from ...protocol.centrifuge.codecs import Codec, delta_form
from ...protocol.centrifuge.messages import FilterNode, JoinPush, LeavePush
from ..views import Framing

JOIN_BYTES = 64 * 1024
"""Messages are joined into frames of about this size; SDKs refuse frames above 1 MiB."""


class CentrifugeView:
    """Pushes of one codec in one framing; by wish with joins, in delta form, or filtered by tags.

    Messages are kept on the entries without framing and, unless they are bare, joined many to a
    frame: that costs once for all who share a chunk, and clients read fewer frames.
    """

    def __init__(
        self,
        codec: Codec,
        framing: Framing,
        *,
        bare: bool = False,
        joins: bool = False,
        delta: bool = False,
        tags: FilterNode | None = None,
        fresh: bool = False,
    ) -> None:
        self._codec = codec
        self._framing = framing
        self._bare = bare
        self._joins = joins
        self.relative = self._delta = delta
        self._tags = tags
        self.fresh = fresh
        group = ("centrifuge", codec.name, bare)
        wanted = filters.key(tags) if tags is not None else None
        self.key: Hashable = (*group, framing.name, joins, delta, wanted, fresh)
        self._whole_key: Hashable = (*group, "delta whole") if delta else group
        self._patch_key: Hashable = (*group, "delta patch")

    def _with_fresh(self, fresh: bool) -> CentrifugeView:
        if not self._delta or fresh is self.fresh:
            return self
        return CentrifugeView(
            self._codec,
            self._framing,
            bare=self._bare,
            joins=self._joins,
            delta=True,
            tags=self._tags,
            fresh=fresh,
        )

    @property
    def following(self) -> CentrifugeView:
        return self._with_fresh(fresh=False)

    @property
    def restarted(self) -> CentrifugeView:
        return self._with_fresh(fresh=True)

    def frame(self, channel: str, entry: Entry, previous: Entry | None) -> bytes | None:
        publication = entry.publication
        if publication is None:
            return self._member(channel, entry) if self._joins else None
        if self._tags is not None and not filters.matches(self._tags, publication.tags):
            return None
        base = previous.publication if previous is not None else None
        key = self._whole_key if base is None or not self._delta else self._patch_key
        frame: bytes | None = entry.frames.get(key)
        if frame is None:
            sent = delta_form(publication, base) if self._delta else publication
            frame = self._codec.encode_publication_push(channel, sent, bare=self._bare)
            entry.frames[key] = frame
        return frame

    def _member(self, channel: str, entry: Entry) -> bytes | None:
        if entry.member is None:
            return None
        key = (self._whole_key, "member")
        frame: bytes | None = entry.frames.get(key)
        if frame is None:
            push = (JoinPush if entry.kind is Kind.JOIN else LeavePush)(channel, entry.member)
            encode = self._codec.encode_bare_push if self._bare else self._codec.encode_push
            frame = entry.frames[key] = encode(push)
        return frame

    def join(self, channel: str, frames: list[bytes]) -> Any:
        if self._bare or len(frames) == 1:
            # Unidirectional clients read one push a frame, or an event.
            return self._framing.join([self._framing.wrap(frame) for frame in frames])
        groups: list[Any] = []
        begin = size = 0
        for at, frame in enumerate(frames):
            if size and size + len(frame) > JOIN_BYTES:
                groups.append(self._framing.wrap(self._codec.join(frames[begin:at])))
                begin, size = at, 0
            size += len(frame)
        groups.append(self._framing.wrap(self._codec.join(frames[begin:])))
        return self._framing.join(groups)

    def concat(self, chunks: list[Any]) -> Any:
        return self._framing.concat(chunks)


@lru_cache(maxsize=256)
def shared_view(
    codec: Codec, framing: Framing, *, bare: bool, joins: bool = False, delta: bool = False
) -> CentrifugeView:
    """One view for all who see entries the same way: they are compared by identity."""
    return CentrifugeView(codec, framing, bare=bare, joins=joins, delta=delta)
