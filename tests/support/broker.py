"""A broker that keeps its word about what it stores, and misbehaves in all that the contract allows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from gapless.brokers.base import Settle, Sink
from gapless.errors import BrokerError
from gapless.model import Draft, History, Position, Publication
from gapless.options import ChannelOptions

from .checker import Checker, Seen

READS_PER_MOMENT = 2_000
"""Reads of history without a jump in time after which a reader runs in circles."""


@dataclass(slots=True)
class Stream:
    epoch: str
    top: int = 0
    kept: list[Publication] = field(default_factory=list)

    @property
    def oldest(self) -> int:
        return self.top - len(self.kept) + 1

    @property
    def position(self) -> Position:
        return Position(self.top, self.epoch)


class FaultyBroker:
    """Publications wait on `wire` until they are delivered, lost or repeated, in any order.

    `read_seconds` is how long a page takes; with `old_pages` it shows what was true when it was
    asked for, else what is true when it comes. `down` refuses everything. `slow_answers` keeps
    acknowledgements on `unanswered`.
    """

    immediate = False

    def __init__(self, checker: Checker) -> None:
        self.checker = checker
        self.streams: dict[str, Stream] = {}
        self.wire: list[tuple[str, Publication]] = []
        self.unanswered: list[tuple[str, Settle, Position, bytes]] = []
        self.held = False
        """Do notifications wait on the wire until somebody delivers them?"""
        self.subscribe_seconds = 0.0
        self.read_seconds = 0.0
        self.old_pages = False
        self.down = False
        self.slow_answers = False
        self.subscribed: set[str] = set()
        self.reads = 0
        self.calls: list[str] = []
        """Subscribing and unsubscribing, in order."""
        self.circles = 0
        """Times that somebody read over and over without a jump in time."""
        self._lives = 0
        self._sink: Sink | None = None
        self._moment = (0.0, 0)

    # -- the contract

    async def start(self, sink: Sink) -> None:
        self._sink = sink

    async def close(self) -> None:
        self._sink = None

    def publish(self, channel: str, draft: Draft, options: ChannelOptions, settle: Settle) -> None:
        if self.down:
            settle.fail(BrokerError("the broker is down"))
            return
        if not options.history or draft.skip_history:
            self._notify(channel, Publication(draft.payload, exclude=draft.exclude))
            settle.resolve(None)
            return
        stream = self.stream(channel)
        publication = Publication(draft.payload, stream.top + 1, stream.epoch, exclude=draft.exclude)
        self.store(channel, stream, publication)
        del stream.kept[: max(0, len(stream.kept) - options.history)]
        self.wire.append((channel, publication))
        if self.slow_answers:
            self.unanswered.append((channel, settle, publication.position, draft.payload))
        else:
            self.answer(channel, settle, publication.position, draft.payload)
        if not self.held:
            self.deliver_all()

    def store(self, channel: str, stream: Stream, publication: Publication) -> None:
        stream.top = publication.offset
        stream.kept.append(publication)
        self.checker.stored(channel, publication.position, publication.payload)

    def answer(self, channel: str, settle: Settle, position: Position, payload: bytes) -> None:
        self.checker.acknowledged(channel, position, payload)
        settle.resolve(position)

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
        await self._count_read()
        if self.down:
            raise BrokerError("the broker is down")
        if not options.history:
            return History([], Position(0, ""), 0)
        page = self.page(channel, after, limit, max_bytes, reverse)
        if self.read_seconds:
            await asyncio.sleep(self.read_seconds)
            if self.down:
                raise BrokerError("the broker went down")
            if not self.old_pages:
                page = self.page(channel, after, limit, max_bytes, reverse)
        return page

    def page(
        self, channel: str, after: int | None, limit: int | None, max_bytes: int | None, reverse: bool
    ) -> History:
        stream = self.stream(channel)
        if reverse:
            found = [p for p in reversed(stream.kept) if after is None or p.offset < after]
        else:
            found = [p for p in stream.kept if after is None or p.offset > after]
        found = found[:limit]
        size = 0
        for at, publication in enumerate(found):
            size += len(publication.payload)
            if max_bytes is not None and at and size > max_bytes:
                found = found[:at]
                break
        return History(found, stream.position, stream.oldest)

    async def remove_history(self, channel: str) -> None:
        self.stream(channel).kept.clear()

    async def subscribe(self, channel: str) -> None:
        self.calls.append(f"subscribe {channel}")
        if self.down:
            raise BrokerError("the broker is down")
        self.subscribed.add(channel)
        if self.subscribe_seconds:
            await asyncio.sleep(self.subscribe_seconds)

    async def unsubscribe(self, channel: str) -> None:
        self.calls.append(f"unsubscribe {channel}")
        if self.subscribe_seconds:
            await asyncio.sleep(self.subscribe_seconds)
        self.subscribed.discard(channel)

    def expire(self, now: float) -> None:
        return None

    def known(self) -> list[str]:
        return list(self.streams)

    # -- what a test does to it

    def stream(self, channel: str) -> Stream:
        found = self.streams.get(channel)
        if found is None:
            found = self.streams[channel] = Stream(self.new_epoch())
        return found

    def new_epoch(self) -> str:
        self._lives += 1
        return f"life{self._lives}"

    def deliver(self, at: int) -> None:
        """Deliver one notification of those under way, whichever."""
        if self.wire:
            self._notify(*self.wire.pop(at % len(self.wire)))

    def deliver_all(self) -> None:
        wire, self.wire = self.wire, []
        for channel, publication in wire:
            self._notify(channel, publication)

    def lose(self, at: int) -> None:
        if self.wire:
            del self.wire[at % len(self.wire)]

    def repeat(self, at: int) -> None:
        """Deliver one now, and leave it on the wire as well."""
        if self.wire:
            self._notify(*self.wire[at % len(self.wire)])

    def answer_all(self) -> None:
        answers, self.unanswered = self.unanswered, []
        for answer in answers:
            self.answer(*answer)

    def restart_older(self, channel: str, forgets: int) -> None:
        """It comes back without the newest `forgets` publications. So it is another life of the stream."""
        stream = self.stream(channel)
        top = max(0, stream.top - forgets)
        epoch = self.new_epoch()
        kept = [p._replace(epoch=epoch) for p in stream.kept if p.offset <= top]
        self.streams[channel] = again = Stream(epoch, top)
        for publication in kept:
            again.kept.append(publication)
            self.checker.stored(channel, publication.position, publication.payload)
        # What nobody was told is unknown for ever.
        unanswered, self.unanswered = self.unanswered, []
        for _, settle, _, _ in unanswered:
            self.checker.unanswered()
            settle.fail(BrokerError("the broker restarted"))

    def trim(self, channel: str, count: int) -> None:
        del self.stream(channel).kept[:count]

    def interrupt(self) -> None:
        """The link was down: what was under way is gone, and the node is told so."""
        self.wire.clear()
        if self._sink is not None:
            self._sink.interrupted()

    def check_history(self, channel: str) -> None:
        """Compare what is kept with what was acknowledged."""
        stream = self.stream(channel)
        seen = [Seen(publication.position, publication.payload) for publication in stream.kept]
        self.checker.read(channel, seen, stream.oldest, stream.position)

    def _notify(self, channel: str, publication: Publication) -> None:
        if self._sink is not None and channel in self.subscribed:
            self._sink.publication(channel, publication)

    async def _count_read(self) -> None:
        self.reads += 1
        now = asyncio.get_running_loop().time()
        moment, count = self._moment
        self._moment = (now, count + 1 if moment == now else 1)
        if self._moment[1] > READS_PER_MOMENT:
            self.circles += 1
            await asyncio.sleep(60.0)
