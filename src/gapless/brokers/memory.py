"""The memory broker: streams of one process, for as long as it lives.

Everything happens at once on the loop's thread, so that a publication is stored, notified and
acknowledged before `publish` returns.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from itertools import repeat

from ..core.window import Window
from ..errors import BrokerError
from ..model import Draft, History, Position, Publication, Run
from ..options import ChannelOptions, Limits
from .base import Settle, Sink

PUBLICATION_OVERHEAD = 300
"""Bytes that a kept publication costs beside its payload."""

RECENT_PAGES = 8
"""Pages kept beside the streams, with what protocols made of them."""

EMPTY_STREAMS = 10_000
"""Names that were asked for and hold nothing: so many keep their epoch, then the oldest is forgotten.
They never take anything from a stream that holds something."""

EMPTY_SECONDS = 3600.0
"""An empty one that nobody has asked for this long is forgotten in any case."""

LOOKED_AT = 1_000
"""Streams that are looked at for one that is idle before a publication is refused: no refusal costs more."""

TROUBLE_SECONDS = 60.0
"""So long after a refusal the broker says that it is full, unless there was room for another meanwhile."""

STREAM_OVERHEAD = 1_000
"""Bytes that a stream costs beside its publications."""


def new_epoch() -> str:
    """A random name for one life of a stream: 48 bits in 8 letters."""
    return secrets.token_urlsafe(6)


class _Stream:
    """One channel's numbered publications."""

    __slots__ = ("bytes", "epoch", "kept", "options", "top", "used_at", "version", "version_epoch")

    def __init__(self, epoch: str, options: ChannelOptions, now: float) -> None:
        self.epoch = epoch
        self.options = options
        self.top = 0
        self.kept: Window[Publication] = Window()
        self.bytes = STREAM_OVERHEAD
        self.used_at = now
        self.version = 0
        self.version_epoch = ""

    @property
    def position(self) -> Position:
        return Position(self.top, self.epoch)

    @property
    def oldest(self) -> int:
        return self.top - len(self.kept) + 1

    @property
    def stamp(self) -> Hashable:
        """Differs whenever a page may."""
        return self.epoch, self.top, len(self.kept)

    def append(self, publication: Publication) -> None:
        self.top = publication.offset
        self.kept.append(publication)
        self.bytes += publication.size + PUBLICATION_OVERHEAD

    def extend(self, run: Sequence[Publication]) -> None:
        self.kept.extend(run)
        self.top = run[-1].offset
        self.bytes += sum(len(one.payload) for one in run) + PUBLICATION_OVERHEAD * len(run)

    def trim(self, now: float) -> None:
        """Drop what size, bytes or age no longer allow, whichever bites first."""
        kept, options, count = self.kept, self.options, len(self.kept)
        if count == options.history + 1:
            self._drop()
            count -= 1
        elif count > options.history:
            dropped = kept.drop(count - options.history)
            self.bytes -= sum([one.size for one in dropped]) + PUBLICATION_OVERHEAD * len(dropped)
            count = options.history
        if options.history_bytes is not None:
            bound = options.history_bytes + STREAM_OVERHEAD
            while count > 1 and self.bytes - PUBLICATION_OVERHEAD * count > bound:
                self._drop()
                count -= 1
        if options.history_age is not None:
            edge = now - options.history_age
            while kept and kept[0].time <= edge:
                self._drop()

    def _drop(self) -> None:
        dropped = self.kept.popleft()
        size = len(dropped.payload) if dropped.tags is None else dropped.size
        self.bytes -= size + PUBLICATION_OVERHEAD

    def drop_all(self) -> None:
        self.kept.clear()
        self.bytes = STREAM_OVERHEAD

    def is_repeated_version(self, draft: Draft) -> bool:
        """Is this publication not newer than what its publisher's version says we have?"""
        if not draft.version:
            return False
        if draft.version_epoch and draft.version_epoch != self.version_epoch:
            self.version_epoch = draft.version_epoch
        elif draft.version <= self.version:
            return True
        self.version = draft.version
        return False

    def page(
        self, after: int | None, limit: int | None, max_bytes: int | None, reverse: bool
    ) -> list[Publication]:
        count = len(self.kept)
        if reverse:
            end = count if after is None else min(max(after - self.oldest, 0), count)
            begin = 0 if limit is None else max(end - limit, 0)
            found = self.kept.slice(begin, end)[::-1]
        else:
            begin = 0 if after is None else min(max(after + 1 - self.oldest, 0), count)
            end = count if limit is None else min(begin + limit, count)
            found = self.kept.slice(begin, min(end, begin + 4096) if max_bytes is not None else end)
        if max_bytes is not None:
            size = 0
            for at, publication in enumerate(found):
                size += publication.size
                if at and size > max_bytes:
                    return found[:at]
        return found


class _Recent:
    """The last few pages, while they are true: whoever comes back in a storm reads the same ones."""

    __slots__ = ("_pages",)

    def __init__(self) -> None:
        self._pages: OrderedDict[Hashable, tuple[Hashable, Run[Publication]]] = OrderedDict()

    def get(self, key: Hashable, stamp: Hashable) -> Run[Publication] | None:
        found = self._pages.get(key)
        return found[1] if found is not None and found[0] == stamp else None

    def put(self, key: Hashable, stamp: Hashable, run: Run[Publication]) -> None:
        self._pages[key] = stamp, run
        if len(self._pages) > RECENT_PAGES:
            self._pages.popitem(last=False)


class MemoryBroker:
    """Streams and presence in this process. Nothing survives it; clients are told by a new epoch.

    Above `limits.memory_budget_bytes` or `limits.memory_channels` the channels that were idle
    longest are forgotten whole; when every channel is in use, publishing fails with BrokerError,
    and `unready` says so until it works again. A name to which nothing was published holds nothing:
    it counts nowhere, and goes first. `evicted` counts the channels forgotten that way, `refused` the
    publications that failed.
    """

    immediate = True

    def __init__(self, limits: Limits | None = None, *, now: Callable[[], float] = time.time) -> None:
        self._limits = limits or Limits()
        self._now = now
        self._sink: Sink | None = None
        # Least recently used first.
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._empty: OrderedDict[str, _Stream] = OrderedDict()
        """Streams without any publication ever, in no budget. Least recently used first."""
        self._trouble = ""
        self._trouble_at = 0.0
        self._subscribed: set[str] = set()
        self._keys: OrderedDict[tuple[str, str], tuple[float, Position | None]] = OrderedDict()
        self._recent = _Recent()
        self._bytes = 0
        self.evicted = 0
        self.refused = 0

    async def start(self, sink: Sink) -> None:
        self._sink = sink

    async def close(self) -> None:
        self._sink = None

    def publish(self, channel: str, draft: Draft, options: ChannelOptions, settle: Settle) -> None:
        now = self._now()
        if draft.idempotency_key is not None:
            known = self._keys.get((channel, draft.idempotency_key))
            if known is not None and known[0] > now:
                settle.resolve(known[1])
                return
        position: Position | None = None
        offset, epoch = 0, ""
        if options.history:
            try:
                stream = self._stream(channel, options, now)
                if not draft.skip_history:
                    if not stream.top:
                        self._make_room()
                    elif self._bytes > self._limits.memory_budget_bytes:
                        self._make_room_for(channel, stream, draft.size)
            except BrokerError as error:
                settle.fail(error)
                return
            if stream.is_repeated_version(draft):
                settle.resolve(stream.position)
                return
            if not draft.skip_history:
                offset, epoch = stream.top + 1, stream.epoch
                position = Position(offset, epoch)
        publication = Publication(
            draft.payload, offset, epoch, draft.tags, draft.info, now, draft.delta, draft.exclude
        )
        if offset:
            if offset == 1:
                self._settle_in(channel, stream)
            before = stream.bytes
            stream.append(publication)
            stream.trim(now)
            self._bytes += stream.bytes - before
        if draft.idempotency_key is not None:
            self._remember(channel, draft.idempotency_key, now, position)
        if self._sink is not None and channel in self._subscribed:
            self._sink.publication(channel, publication)
        settle.resolve(position)

    def publish_run(
        self, channel: str, payloads: Sequence[bytes], options: ChannelOptions
    ) -> Position | None:
        now, delta = self._now(), options.delta_publish
        stream: _Stream | None = None
        offset, epoch = 0, ""
        if options.history:
            stream = self._stream(channel, options, now)
            if not stream.top:
                self._make_room()
                self._settle_in(channel, stream)
            elif self._bytes > self._limits.memory_budget_bytes:
                self._make_room_for(channel, stream, sum(map(len, payloads)))
            offset, epoch = stream.top, stream.epoch
        sink = self._sink if channel in self._subscribed else None
        offsets = range(offset + 1, offset + len(payloads) + 1) if stream is not None else repeat(0)
        run = [
            Publication(payload, at, epoch, None, None, now, delta)
            for payload, at in zip(payloads, offsets, strict=False)
        ]
        if stream is not None:
            before = stream.bytes
            stream.extend(run)
            stream.trim(now)
            self._bytes += stream.bytes - before
        if sink is not None:
            for publication in run:
                sink.publication(channel, publication)
        return None if stream is None else stream.position

    def _remember(self, channel: str, key: str, now: float, position: Position | None) -> None:
        self._keys[(channel, key)] = (now + self._limits.idempotency_seconds, position)
        self._keys.move_to_end((channel, key))  # it may be there still, expired: oldest first
        if len(self._keys) > self._limits.idempotency_keys:
            self._keys.popitem(last=False)

    async def history(
        self,
        channel: str,
        options: ChannelOptions,
        *,
        after: int | None = None,
        limit: int | None = None,
        max_bytes: int | None = None,
        reverse: bool = False,
    ) -> History:
        if not options.history:
            return History([], Position(0, ""), 0)
        now = self._now()
        stream = self._stream(channel, options, now)
        before = stream.bytes
        stream.trim(now)
        self._bytes += stream.bytes - before
        if limit == 0:
            return History([], stream.position, stream.oldest)
        key = (channel, after, limit, max_bytes, reverse)
        run = self._recent.get(key, stream.stamp)
        if run is None:
            run = Run(stream.page(after, limit, max_bytes, reverse))
            self._recent.put(key, stream.stamp, run)
        return History(run, stream.position, stream.oldest)

    def kept(self, channel: str) -> list[Publication]:
        """What a channel keeps now, oldest first, without touching it."""
        stream = self._streams.get(channel)
        return [] if stream is None else list(stream.kept)

    async def remove_history(self, channel: str) -> None:
        stream = self._streams.get(channel)
        if stream is not None:
            self._bytes -= stream.bytes
            stream.drop_all()
            self._bytes += stream.bytes

    async def subscribe(self, channel: str) -> None:
        self._subscribed.add(channel)

    async def unsubscribe(self, channel: str) -> None:
        self._subscribed.discard(channel)

    def known(self) -> list[str]:
        # In no order: going through an OrderedDict in its own takes ten times as long.
        return [*dict.keys(self._streams), *dict.keys(self._empty)]

    def expire(self, now: float) -> None:
        """Drop publications, idempotency keys and whole idle channels that are too old."""
        idle: list[str] = []
        for channel, stream in self._streams.items():
            if channel not in self._subscribed and stream.used_at + stream.options.idle_expiry <= now:
                idle.append(channel)
            elif stream.options.history_age is not None:
                before = stream.bytes
                stream.trim(now)
                self._bytes += stream.bytes - before
        for channel in idle:
            self._forget(channel)
        for _ in range(len(self._empty)):  # once around at most, whatever the clock does
            if next(iter(self._empty.values())).used_at + EMPTY_SECONDS > now:
                break
            self._forget_empty(now)
        while self._keys:
            oldest = next(iter(self._keys))
            if self._keys[oldest][0] > now:
                break
            del self._keys[oldest]

    # -- the budget

    def unready(self) -> str | None:
        """Why a publication was refused in the last minute; None: there was room for all."""
        return self._trouble if self._trouble and self._now() < self._trouble_at + TROUBLE_SECONDS else None

    def _stream(self, channel: str, options: ChannelOptions, now: float) -> _Stream:
        """The stream of this name, as if it had always been there."""
        streams = self._streams
        stream = streams.get(channel)
        if stream is None:
            streams = self._empty
            stream = streams.get(channel)
            if stream is None:
                if len(streams) >= EMPTY_STREAMS:
                    self._forget_empty(now)
                stream = streams[channel] = _Stream(new_epoch(), options, now)
        stream.options = options
        stream.used_at = now
        streams.move_to_end(channel)
        return stream

    def _settle_in(self, channel: str, stream: _Stream) -> None:
        """Its first publication: from now on it holds something, and counts."""
        self._streams[channel] = self._empty.pop(channel)
        self._bytes += stream.bytes

    def _forget_empty(self, now: float) -> None:
        """The oldest; one with subscribers is passed over, for they know its epoch."""
        channel, stream = self._empty.popitem(last=False)
        if channel in self._subscribed:
            stream.used_at = now
            self._empty[channel] = stream

    def _make_room_for(self, channel: str, stream: _Stream, size: int) -> None:
        # What replaces something of its size is taken even when all are in use: it adds nothing.
        full = len(stream.kept) >= stream.options.history
        if not full or size > stream.kept[0].size:
            self._make_room(keep=channel)

    def _make_room(self, keep: str | None = None) -> None:
        """Forget idle channels, longest unused first, until the budget holds. Raises BrokerError."""
        limits = self._limits

        def is_full() -> bool:
            return self._bytes > limits.memory_budget_bytes or (
                keep is None and len(self._streams) >= limits.memory_channels
            )

        if not is_full():
            self._trouble = ""
            return
        looked_at = 0
        while self._streams and looked_at < min(LOOKED_AT, len(self._streams)):
            channel = next(iter(self._streams))
            if channel == keep or channel in self._subscribed:
                self._streams.move_to_end(channel)  # in use, whenever that was
                looked_at += 1
                continue
            self._forget(channel)
            self.evicted += 1
            if not is_full():
                self._trouble = ""
                return
        self.refused += 1
        self._trouble_at = self._now()
        self._trouble = (
            f"the memory broker is full ({self._bytes} bytes in {len(self._streams)} channels, all in use): "
            "keep less history, or raise Limits.memory_budget_bytes or memory_channels"
        )
        raise BrokerError(self._trouble)

    def _forget(self, channel: str) -> None:
        self._bytes -= self._streams.pop(channel).bytes
