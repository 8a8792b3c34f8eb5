"""The fake broker: it keeps its word about what it stores, and misbehaves in all that the contract allows."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from gapless.brokers.base import Settle, Sink
from gapless.errors import BrokerError
from gapless.model import Draft, History, Position, Publication
from gapless.options import ChannelOptions

from .checker import Checker, Seen
from .until import turns

READS_PER_MOMENT = 2_000
"""Reads of history without a jump in time after which a reader runs in circles."""


@dataclass(slots=True)
class Stream:
    """One channel's numbered publications."""

    epoch: str
    top: int = 0
    kept: list[Publication] = field(default_factory=list)
    version: tuple[int, str] = (0, "")

    @property
    def oldest(self) -> int:
        return self.top - len(self.kept) + 1

    @property
    def position(self) -> Position:
        return Position(self.top, self.epoch)

    def trim(self, options: ChannelOptions) -> None:
        kept = self.kept
        del kept[: max(0, len(kept) - options.history)]
        if options.history_bytes is not None:
            while len(kept) > 1 and sum(p.size for p in kept) > options.history_bytes:
                del kept[0]
        if options.history_age is not None:
            while kept and kept[0].time <= time.time() - options.history_age:
                del kept[0]

    def repeats(self, draft: Draft) -> bool:
        """Is this publication not newer than what its publisher's version says we have?"""
        if not draft.version:
            return False
        version, epoch = self.version
        if draft.version <= version and draft.version_epoch in ("", epoch):
            return True
        self.version = (draft.version, draft.version_epoch or epoch)
        return False


class FakeBroker:
    """Left alone it does everything at once. What goes wrong, and when, is the test's choice.

    Notifications with an offset wait on `wire` while `held`, until they are delivered, lost or
    repeated, in any order; `losses` says which are lost on the way. Pages take `read_seconds`, or
    wait from `hold` to `release` or `answer`; with `old_pages` they show what was true when they
    were asked for, else what is true when they come. `down` refuses everything, `reads_fail` every
    page, `refuses` what is published to a channel. `slow_answers` keeps acknowledgements on
    `unanswered`. `subscribe_seconds` and `delays`, in turns of the loop, are what other calls take.
    """

    immediate = False

    def __init__(self, checker: Checker | None = None) -> None:
        self.checker = checker
        self.streams: dict[str, Stream] = {}
        self.stored: dict[tuple[str, Position], bytes] = {}
        """Everything that ever was, by channel and position."""
        self.wire: list[tuple[str, Publication]] = []
        self.unanswered: list[tuple[str, Settle, Position, bytes]] = []
        self.held = False
        """Do notifications wait on the wire until somebody delivers them?"""
        self.losses: Iterator[bool] = itertools.repeat(False)
        self.delays: Iterator[int] = itertools.repeat(0)
        self.subscribe_seconds = 0.0
        self.read_seconds = 0.0
        self.old_pages = False
        self.down = False
        self.reads_fail: Exception | None = None
        self.refuses: dict[str, Exception] = {}
        self.slow_answers = False
        self.subscribed: set[str] = set()
        self.starts = 0
        self.reads = 0
        self.waiting: list[asyncio.Future[bool]] = []
        """Reads that are held; the result says whether they succeed."""
        self.calls: list[str] = []
        """Subscribing and unsubscribing, in order."""
        self.circles = 0
        """Times that somebody read over and over without a jump in time."""
        self._holding: tuple[str, ...] | None = None
        self._keys: dict[tuple[str, str], Position | None] = {}
        self._lives = 0
        self._sink: Sink | None = None
        self._moment = (0.0, 0)

    # -- the contract

    async def start(self, sink: Sink) -> None:
        self.starts += 1
        await turns(next(self.delays))
        self._refuse_if_down()
        self._sink = sink

    async def close(self) -> None:
        await turns(next(self.delays))
        self._sink = None

    def publish(self, channel: str, draft: Draft, options: ChannelOptions, settle: Settle) -> None:
        if self.down or channel in self.refuses:
            settle.fail(self.refuses.get(channel) or BrokerError("the broker is down"))
            return
        key = draft.idempotency_key
        if key is not None and (channel, key) in self._keys:
            settle.resolve(self._keys[channel, key])
            return
        position: Position | None = None
        if options.history:
            stream = self.stream(channel)
            position = stream.position
            if stream.repeats(draft):
                settle.resolve(position)
                return
        if position is None or draft.skip_history:
            self._remember(channel, key, None)
            self.notify(channel, _publication(draft, Position(0, "")))
            settle.resolve(None)
            return
        publication = _publication(draft, Position(stream.top + 1, stream.epoch))
        self._remember(channel, key, publication.position)
        self.store(channel, stream, publication)
        stream.trim(options)
        if not next(self.losses):
            self.wire.append((channel, publication))
        if not self.held:
            self.deliver_all()
        if self.slow_answers:
            self.unanswered.append((channel, settle, publication.position, draft.payload))
        else:
            self.answer_publisher(channel, settle, publication.position, draft.payload)

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
        self._refuse_if_down()
        if not options.history:
            return History([], Position(0, ""), 0)
        self.stream(channel).trim(options)
        page = self.page(channel, after, limit, max_bytes, reverse)
        if await self._take_time(channel) and not self.old_pages:
            page = self.page(channel, after, limit, max_bytes, reverse)
        return page

    async def _take_time(self, channel: str) -> bool:
        """What a page takes to come; did it take any?"""
        held = self._holding is not None and (not self._holding or channel in self._holding)
        if held:
            gate: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self.waiting.append(gate)
            try:
                if not await gate:
                    raise BrokerError("as the test wants it")
            finally:
                if gate in self.waiting:
                    self.waiting.remove(gate)
        if self.read_seconds:
            await asyncio.sleep(self.read_seconds)
        self._refuse_if_down()
        if self.reads_fail is not None:
            raise self.reads_fail
        return held or self.read_seconds > 0

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
            size += publication.size
            if max_bytes is not None and at and size > max_bytes:
                found = found[:at]
                break
        return History(found, stream.position, stream.oldest)

    async def remove_history(self, channel: str) -> None:
        if channel in self.streams:
            self.streams[channel].kept.clear()

    async def subscribe(self, channel: str) -> None:
        self.calls.append(f"subscribe {channel}")
        self._refuse_if_down()
        await turns(next(self.delays))
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

    # -- what a test does to it, or replaces in it

    def store(self, channel: str, stream: Stream, publication: Publication) -> None:
        stream.top = publication.offset
        stream.kept.append(publication)
        self._write_down(channel, publication)

    def notify(self, channel: str, publication: Publication) -> None:
        if self._sink is not None and channel in self.subscribed:
            self._sink.publication(channel, publication)

    def answer_publisher(self, channel: str, settle: Settle, position: Position, payload: bytes) -> None:
        if self.checker is not None:
            self.checker.acknowledged(channel, position, payload)
        settle.resolve(position)

    def stream(self, channel: str) -> Stream:
        found = self.streams.get(channel)
        if found is None:
            found = self.streams[channel] = Stream(self.new_epoch())
        return found

    def top(self, channel: str) -> Position | None:
        stream = self.streams.get(channel)
        return None if stream is None else stream.position

    def new_epoch(self) -> str:
        self._lives += 1
        return f"life{self._lives}"

    def hold(self, *channels: str) -> None:
        """Pages of these channels, or of all, wait from now on."""
        self._holding = channels

    def release(self) -> None:
        """Nothing waits any more."""
        self._holding = None
        for gate in self.waiting:
            if not gate.done():
                gate.set_result(True)
        self.waiting.clear()

    def answer(self, at: int, succeeds: bool) -> None:
        """Answer one read of those that are held, whichever."""
        if self.waiting:
            gate = self.waiting.pop(at % len(self.waiting))
            if not gate.done():
                gate.set_result(succeeds)

    def deliver(self, at: int) -> None:
        """Deliver one notification of those under way, whichever."""
        if self.wire:
            self.notify(*self.wire.pop(at % len(self.wire)))

    def deliver_all(self) -> None:
        wire, self.wire = self.wire, []
        for channel, publication in wire:
            self.notify(channel, publication)

    def lose(self, at: int) -> None:
        if self.wire:
            del self.wire[at % len(self.wire)]

    def repeat(self, at: int) -> None:
        """Deliver one now, and leave it on the wire as well."""
        if self.wire:
            self.notify(*self.wire[at % len(self.wire)])

    def answer_all(self) -> None:
        answers, self.unanswered = self.unanswered, []
        for answer in answers:
            self.answer_publisher(*answer)

    def forget(self, channel: str) -> None:
        """It loses a channel whole, as a server does whose disk was replaced."""
        self.streams.pop(channel, None)

    def restart_older(self, channel: str, forgets: int) -> None:
        """It comes back without the newest `forgets` publications. So it is another life of the stream."""
        stream = self.stream(channel)
        top = max(0, stream.top - forgets)
        epoch = self.new_epoch()
        kept = [p._replace(epoch=epoch) for p in stream.kept if p.offset <= top]
        self.streams[channel] = Stream(epoch, top, kept)
        for publication in kept:
            self._write_down(channel, publication)
        # What nobody was told is unknown for ever.
        unanswered, self.unanswered = self.unanswered, []
        for _, settle, _, _ in unanswered:
            if self.checker is not None:
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
        if self.checker is not None:
            self.checker.read(channel, seen, stream.oldest, stream.position)

    def _refuse_if_down(self) -> None:
        if self.down:
            raise BrokerError("the broker is down")

    def _remember(self, channel: str, key: str | None, position: Position | None) -> None:
        if key is not None:
            self._keys[channel, key] = position

    def _write_down(self, channel: str, publication: Publication) -> None:
        self.stored[channel, publication.position] = publication.payload
        if self.checker is not None:
            self.checker.stored(channel, publication.position, publication.payload)

    async def _count_read(self) -> None:
        self.reads += 1
        now = asyncio.get_running_loop().time()
        moment, count = self._moment
        self._moment = (now, count + 1 if moment == now else 1)
        if self._moment[1] > READS_PER_MOMENT:
            self.circles += 1
            await asyncio.sleep(60.0)


def _publication(draft: Draft, at: Position) -> Publication:
    return Publication(
        draft.payload, at.offset, at.epoch, draft.tags, draft.info, time.time(), draft.delta, draft.exclude
    )
