"""The rings of one process: one for each channel that somebody here reads, fed by the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..brokers.base import Broker
from ..core.channel import Channel, Subscriber
from ..core.counters import Counters
from ..core.log import Budget, Entry, Kind, Ring
from ..errors import BrokerError, Gap
from ..model import BEFORE_EVERYTHING, History, Member, Publication
from ..options import ChannelOptions, Limits
from .announcements import Announcements
from .flush import Flush
from .history import broker_error, fail
from .registry import Registry
from .repair import Repair
from .tasks import Tasks

MakeChannel = Callable[[str, ChannelOptions, Ring], Channel]

LINGER_SECONDS = 5.0
"""How long a ring outlives its last reader: a page that reloads finds it again."""


EMPTY = History([], BEFORE_EVERYTHING, 1)
"""Of a stream that no broker has."""


class _Joining:
    """A ring that is being set up; `seen` is the newest publication notified meanwhile."""

    __slots__ = ("future", "seen")

    def __init__(self, future: asyncio.Future[Channel]) -> None:
        self.future = future
        self.seen: Publication | None = None

    def notice(self, publication: Publication) -> None:
        seen = self.seen
        if seen is None or seen.epoch != publication.epoch or seen.offset < publication.offset:
            self.seen = publication


class Rings:
    """Where the broker notifies, and what subscribers join and leave."""

    def __init__(
        self,
        broker: Broker,
        registry: Registry,
        tasks: Tasks,
        flush: Flush,
        repair: Repair,
        limits: Limits,
        counters: Counters,  # each part is used, and none knows another's way to it
    ) -> None:
        self._broker = broker
        self._registry = registry
        self._tasks = tasks
        self._flush = flush
        self._repair = repair
        self._limits = limits
        self._counters = counters
        self.budget = Budget(limits.ring_budget_bytes)
        self._announcements = Announcements(flush, limits, counters)
        self._channels: dict[str, Channel] = {}
        self._holds: dict[str, int] = {}
        self._joining: dict[str, _Joining] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._idle_since: dict[str, float] = {}
        self._own: dict[str, MakeChannel] = {}

    def keep_own(self, name: str, make: MakeChannel) -> None:
        """This process feeds the channel itself: `make` makes it, and no broker is told or asked."""
        self._own[name] = make

    def begin(self) -> None:
        """Start afresh on this loop."""
        self._announcements.begin()

    def find(self, name: str) -> Channel | None:
        """The channel of this name, if somebody here reads it."""
        return self._channels.get(name)

    def all(self) -> list[Channel]:
        """Every channel that has a ring here now."""
        return list(self._channels.values())

    def subscribers(self) -> dict[str, int]:
        """How many subscribers each channel has here, of those that have any."""
        return {
            name: len(channel.subscribers) for name, channel in self._channels.items() if channel.subscribers
        }

    @property
    def held(self) -> frozenset[str]:
        """Channels that somebody here reads or is about to."""
        return frozenset(self._holds) | frozenset(self._joining)

    # -- the broker's sink

    def publication(self, channel: str, publication: Publication) -> None:
        """Next is appended, old ignored; further on makes the channel read the range once."""
        here = self._channels.get(channel)
        if here is None:
            joining = self._joining.get(channel)
            if joining is not None:
                joining.notice(publication)
            return
        try:
            grown = here.ring.append(publication)
        except Gap:
            self._repair.begin(here)
            return
        if grown:
            here.payload_bytes += len(publication.payload)
            self._flush.mark(here)
            if self.budget.used > self.budget.max_bytes:
                self._shrink()

    def joined(self, channel: str, member: Member) -> None:
        """Somebody came: told to those here who want to hear it."""
        self._announce(channel, Entry(kind=Kind.JOIN, member=member))

    def left(self, channel: str, member: Member) -> None:
        """Somebody went: told to those here who want to hear it."""
        self._announce(channel, Entry(kind=Kind.LEAVE, member=member))

    def _announce(self, channel: str, entry: Entry) -> None:
        here = self._channels.get(channel)
        if here is not None:
            self._announcements.tell(here, entry)

    def interrupted(self) -> None:
        """Notifications may have been lost: rings with a history are repaired, others say so."""
        for channel in self.all():
            if channel.name in self._own:
                continue
            if channel.options.history:
                self._repair.begin(channel)
            else:
                channel.ring.interrupt()
                self._flush.mark(channel)

    def garbled(self, channel: str) -> None:
        """What somebody else wrote there, or another version: ignored, and read what there may be."""
        self._counters.garbled += 1
        here = self._channels.get(channel)
        if here is not None and here.options.history:
            self._repair.begin(here)

    def _shrink(self) -> None:
        """The largest rings give up their oldest entries, down to an equal share each."""
        rings = [channel.ring for channel in self._channels.values()]
        share = self.budget.max_bytes * 9 // 10 // max(1, len(rings))
        for ring in rings:
            if ring.bytes > share:
                self._counters.ring_shrinks += ring.shrink(share)

    # -- joining and leaving

    async def join(self, name: str) -> Channel:
        """A hold on the channel: its ring exists and grows from now on.

        Add a subscriber to it, and give the hold back with `leave`, whatever happens.

        Raises:
            BrokerError: the broker did not answer, or refused.
        """
        self._holds[name] = self._holds.get(name, 0) + 1
        self._idle_since.pop(name, None)
        try:
            channel = self._channels.get(name)
            if channel is None:
                # One task opens it for everybody; whoever is cancelled meanwhile takes nobody along.
                channel = await asyncio.shield(self._opening(name))
        except BaseException:
            self._release(name)
            raise
        return channel

    def leave(self, channel: Channel, subscriber: Subscriber | None) -> None:
        """Give a hold back; the subscriber gets nothing any more."""
        if subscriber is not None:
            channel.discard(subscriber)
        self._release(channel.name)

    def _opening(self, name: str) -> asyncio.Future[Channel]:
        joining = self._joining.get(name)
        if joining is None:
            joining = self._joining[name] = _Joining(self._tasks.loop.create_future())
            self._tasks.spawn(self._open(name, joining))
        return joining.future

    async def _open(self, name: str, joining: _Joining) -> None:
        try:
            leaving = self._leaving.get(name)
            if leaving is not None:
                await asyncio.wait([leaving])
            channel = await self._subscribed(name)
        except BaseException as error:
            del self._joining[name]
            fail(joining.future, broker_error(f"cannot join {name!r}", error))
            if not isinstance(error, Exception):
                raise
            # It may have been subscribed before it failed, and nobody would ever take that back.
            self._leaving[name] = self._tasks.spawn(self._unsubscribe(name))
            return
        self._channels[name] = channel
        del self._joining[name]
        if name not in self._holds:
            self._idle_since[name] = self._tasks.loop.time()  # all who waited for it have left
        joining.future.set_result(channel)
        if joining.seen is not None:
            self.publication(name, joining.seen)

    async def _subscribed(self, name: str) -> Channel:
        """Subscribe first, read the position then: from there on nothing can be missed."""
        options = self._registry.options(name)
        own = self._own.get(name)
        if own is not None:
            return own(name, options, self._ring(name, options))
        async with asyncio.timeout(self._limits.broker_seconds):
            await self._broker.subscribe(name)
            page = await self._broker.history(name, options, limit=0)
        return Channel(name, options, self._ring(name, options, page))

    def _ring(self, name: str, options: ChannelOptions, page: History = EMPTY) -> Ring:
        return Ring(
            name,
            epoch=page.top.epoch,
            top=page.top.offset,
            oldest=page.oldest,
            max_entries=options.ring,
            max_bytes=options.ring_bytes,
            budget=self.budget,
        )

    def _release(self, name: str) -> None:
        holds = self._holds.get(name, 0) - 1
        if holds > 0:
            self._holds[name] = holds
            return
        self._holds.pop(name, None)
        if name in self._channels:
            self._idle_since[name] = self._tasks.loop.time()

    def close_idle(self, now: float) -> None:
        """Give up the rings that nobody has read for `LINGER_SECONDS`; `now` is the loop's time."""
        for name, since in list(self._idle_since.items()):
            if now - since >= LINGER_SECONDS:
                del self._idle_since[name]
                channel = self._channels.pop(name)
                channel.ring.release()
                self._repair.cancel(channel)
                self._leaving[name] = self._tasks.spawn(self._unsubscribe(name))

    async def _unsubscribe(self, name: str) -> None:
        try:
            if name not in self._own:
                await self._broker.unsubscribe(name)
        finally:
            self._leaving.pop(name, None)

    def end(self) -> None:
        """Give everything back, and tell those who still wait for a ring. No task of ours runs by now."""
        self._announcements.end()
        for channel in self._channels.values():
            channel.ring.release()
        # A task that was cancelled before its first step has not cleared up behind itself.
        for joining in self._joining.values():
            fail(joining.future, BrokerError("the hub was closed"))
        for kept in (self._channels, self._holds, self._joining, self._leaving, self._idle_since):
            kept.clear()
