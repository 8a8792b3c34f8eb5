"""The node: joins the broker's storage to the fan-out of this process.

It keeps a ring for each channel that somebody here reads, feeds it from the broker's
notifications, repairs it from history when they were lost, and drives the flush. It does not know
who is listening.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Protocol

from ..brokers.base import Broker, PresenceStore
from ..core.channel import Channel, Subscriber
from ..core.counters import Counters
from ..core.fanout import Fanout
from ..core.log import Budget, Entry, Kind, Ring
from ..errors import BrokerError, Disconnect, Gap
from ..model import Draft, History, Member, Publication
from ..options import ChannelOptions, Limits
from .backpressure import relief
from .history import Pages, broker_error, fail
from .receipt import Receipt

log = logging.getLogger("gapless")

LINGER_SECONDS = 5.0
"""How long a ring outlives its last reader: a page that reloads finds it again."""

CHECK_SECONDS = 1.0
"""Between looks at what goes by time: stalls, heartbeats, what expires."""

CHECKS_AT_ONCE = 1000
"""Sessions looked at before the loop has a turn."""

FAREWELL_SECONDS = 1.0
"""What is still under way when the node closes, hooks and presence among it, may take this long."""


class Connected(Protocol):
    """What the node knows of a session."""

    @property
    def client(self) -> str: ...

    @property
    def user(self) -> str: ...

    def close(self, disconnect: Disconnect) -> None: ...

    def check(self, now: float) -> None:
        """Called about once a second with the loop's time; closes itself when it stalls."""


class Listening(Protocol):
    """What the node knows of an in-process subscriber."""

    def end(self) -> None:
        """The node closes: iterating comes to its end."""


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


class Node:
    """Rings, fan-out and repair of one process. Lives on one event loop, between start and close."""

    def __init__(
        self,
        broker: Broker,
        presence: PresenceStore,
        options: Callable[[str], ChannelOptions],
        limits: Limits,
        counters: Counters,
    ) -> None:
        self.broker = broker
        self.presence = presence
        self.options = options
        self.limits = limits
        self.counters = counters
        self.fanout = Fanout()
        self.budget = Budget(limits.ring_budget_bytes)
        self.sessions: dict[str, Connected] = {}
        self.listeners: set[Listening] = set()
        self.in_flight_bytes = 0
        self.members: dict[tuple[str, str], Member] = {}
        self._channels: dict[str, Channel] = {}
        self._holds: dict[str, int] = {}
        self._joining: dict[str, _Joining] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._idle_since: dict[str, float] = {}
        self._repairs: dict[Channel, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._comparing: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._flushing = False

    # -- life

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._flushing = False  # what a loop that is gone had still to do, it never did
        self._pages = Pages(self.broker, self.options, self.limits, self.counters, self.spawn)
        self.page, self.read = self._pages.page, self._pages.read
        await self.presence.start(self)
        await self.broker.start(self)
        self._housekeeping = self.spawn(self._housekeep())

    async def farewell(self) -> None:
        """End the in-process subscribers, and let what is under way come to its end for a moment."""
        for listener in list(self.listeners):
            listener.end()
        for task in (self._housekeeping, *self._repairs.values()):
            task.cancel()
        under_way = self._tasks - {asyncio.current_task()}
        if under_way:
            await asyncio.wait(under_way, timeout=FAREWELL_SECONDS)

    async def close(self) -> None:
        """End every task and give everything back."""
        under_way = self._tasks - {asyncio.current_task()}
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self.broker.close()
        for channel in self._channels.values():
            channel.ring.release()
        # A task that was cancelled before its first step has not cleared up behind itself.
        for joining in self._joining.values():
            fail(joining.future, BrokerError("the hub was closed"))
        for kept in (self._channels, self._holds, self._joining, self._leaving, self._idle_since):
            kept.clear()
        self._pages.close()
        self._repairs.clear()
        self.fanout = Fanout()  # a flush that is still scheduled finds nothing to do, and ends

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task of this node: it is kept, ended with the node, and its exception is logged."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed("a task of the hub", error)

    def failed(self, what: str, error: BaseException) -> None:
        """Log and count an exception that nobody expected, and that ends nothing but where it rose."""
        self.counters.session_errors += 1
        log.error("%s failed", what, exc_info=error)

    # -- publishing (called on the loop's thread)

    def publish(self, channel: str, draft: Draft, receipt: Receipt) -> None:
        options = self.options(channel)
        if options.delta_publish and not draft.delta:
            draft = replace(draft, delta=True)
        self.broker.publish(channel, draft, options, receipt)
        if not receipt.done:
            receipt.in_flight = True
            self.in_flight_bytes += receipt.size

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
            self.repair(here)
            return
        if grown:
            self.mark(here)
            if self.budget.used > self.budget.max_bytes:
                self._shrink_rings()

    def joined(self, channel: str, member: Member) -> None:
        self._announce(channel, Entry(kind=Kind.JOIN, member=member))

    def left(self, channel: str, member: Member) -> None:
        self._announce(channel, Entry(kind=Kind.LEAVE, member=member))

    def _announce(self, channel: str, entry: Entry) -> None:
        here = self._channels.get(channel)
        if here is not None:
            here.ring.add(entry)
            self.mark(here)

    def interrupted(self) -> None:
        for channel in list(self._channels.values()):
            if channel.options.history:
                self.repair(channel)
            else:
                channel.ring.interrupt()
                self.mark(channel)

    # -- the flush

    def mark(self, channel: Channel) -> None:
        """The channel has something to deliver: its subscribers get it in the loop's next turn."""
        self.fanout.mark(channel)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        step, clock = self.fanout.step, self._loop.time
        deadline = clock() + self.limits.slice_seconds
        while step():
            if clock() >= deadline:
                # The rest after a turn: handshakes, pings and replies go on meanwhile.
                self._loop.call_soon(self._flush)
                return
        self._flushing = False

    def is_behind(self, channel: str) -> bool:
        """Has half a ring been published that the flush did not come to yet?"""
        here = self._channels.get(channel)
        if here is None or not here.subscribers:
            return False
        return 2 * (here.ring.head - here.swept) >= here.ring.max_entries

    def relieve(self, channel: str) -> Coroutine[Any, Any, None] | None:
        """Something to wait for when subscribers that move are more than half a ring behind."""
        here = self._channels.get(channel)
        return relief(here, self.limits.patience) if here is not None and here.subscribers else None

    def _shrink_rings(self) -> None:
        """The largest rings give up their oldest entries, down to an equal share each."""
        rings = [channel.ring for channel in self._channels.values()]
        share = self.budget.max_bytes * 9 // 10 // max(1, len(rings))
        for ring in rings:
            if ring.bytes > share:
                self.counters.ring_shrinks += ring.shrink(share)

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

    def _opening(self, name: str) -> asyncio.Future[Channel]:
        joining = self._joining.get(name)
        if joining is None:
            joining = self._joining[name] = _Joining(self._loop.create_future())
            self.spawn(self._open(name, joining))
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
            self._leaving[name] = self.spawn(self._unsubscribe(name))
            return
        self._channels[name] = channel
        del self._joining[name]
        if name not in self._holds:
            self._idle_since[name] = self._loop.time()  # all who waited for it have left
        joining.future.set_result(channel)
        if joining.seen is not None:
            self.publication(name, joining.seen)

    async def _subscribed(self, name: str) -> Channel:
        """Subscribe first, read the position then: from there on nothing can be missed."""
        options = self.options(name)
        async with asyncio.timeout(self.limits.broker_seconds):
            await self.broker.subscribe(name)
            page = await self.broker.history(name, options, limit=0)
        ring = Ring(
            name,
            epoch=page.top.epoch,
            top=page.top.offset,
            oldest=page.oldest,
            max_entries=options.ring,
            max_bytes=options.ring_bytes,
            budget=self.budget,
        )
        return Channel(name, options, ring)

    def leave(self, channel: Channel, subscriber: Subscriber | None) -> None:
        """Give a hold back; the subscriber gets nothing any more."""
        if subscriber is not None:
            channel.discard(subscriber)
        self._release(channel.name)

    def _release(self, name: str) -> None:
        holds = self._holds.get(name, 0) - 1
        if holds > 0:
            self._holds[name] = holds
            return
        self._holds.pop(name, None)
        if name in self._channels:
            self._idle_since[name] = self._loop.time()

    def _close_idle(self, now: float) -> None:
        for name, since in list(self._idle_since.items()):
            if now - since >= LINGER_SECONDS:
                del self._idle_since[name]
                channel = self._channels.pop(name)
                channel.ring.release()
                repair = self._repairs.pop(channel, None)
                if repair is not None:
                    repair.cancel()
                self._leaving[name] = self.spawn(self._unsubscribe(name))

    async def _unsubscribe(self, name: str) -> None:
        try:
            await self.broker.unsubscribe(name)
        finally:
            self._leaving.pop(name, None)

    async def remove_history(self, name: str) -> None:
        """Have the broker forget what it keeps; nobody finds it in the ring either, who comes after.

        Raises:
            BrokerError: the broker did not answer, or refused.
        """
        await self.broker.remove_history(name)
        channel = self._channels.get(name)
        if channel is not None:
            channel.ring.learn(await self.read(name, limit=0))

    # -- repair

    def repair(self, channel: Channel) -> asyncio.Task[None]:
        """Bring the ring up to its stream's top, once for everybody who reads it.

        When a repair is under way already, it reads once more: what it is reading may be older
        than what was noticed now.
        """
        channel.stale = True
        task = self._repairs.get(channel)
        if task is None or task.done():
            task = self._repairs[channel] = self.spawn(self._repair(channel))
        return task

    async def repaired(self, channel: Channel) -> None:
        """Repair the ring, and wait until that has ended, well or not."""
        await asyncio.wait([self.repair(channel)])

    async def _repair(self, channel: Channel) -> None:
        self.counters.repairs += 1
        ring = channel.ring
        try:
            while channel.stale:
                channel.stale = False
                page = await self.read(channel.name, after=ring.top, max_bytes=self.limits.flush_bytes)
                if _mend(channel, page):
                    self.mark(channel)
        except BrokerError as error:
            # The ring stays as it is; the slow comparison comes back to it.
            self.counters.repair_failed += 1
            log.warning("channel %r cannot be repaired yet: %s", channel.name, error)
        finally:
            self._repairs.pop(channel, None)
            self.mark(channel)

    async def compare(self) -> None:
        """Compare every ring with its stream's top, and repair those that differ."""
        for channel in list(self._channels.values()):
            await asyncio.sleep(0)
            if not channel.options.history or channel in self._repairs:
                continue
            before = channel.ring.top
            try:
                page = await self.read(channel.name, limit=0)
            except BrokerError:
                continue
            channel.ring.learn(page)
            if page.top.epoch != channel.ring.epoch or page.top.offset > max(before, channel.ring.top):
                self.repair(channel)

    # -- what happens by itself

    async def _housekeep(self) -> None:
        compared = refreshed = self._loop.time()
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            now = self._loop.time()
            for at, session in enumerate(list(self.sessions.values()), 1):
                self._do("a session's check", session.check, now)
                if at % CHECKS_AT_ONCE == 0:
                    await asyncio.sleep(0)  # a turn for the flush: many connections take a while
            self._do("closing idle rings", self._close_idle, now)
            self._do("the broker's expiry", self.broker.expire, time.time())
            self._do("the presence's expiry", self.presence.expire, time.time())
            # These wait for the broker. Beside us: a slow one must not keep us from the rest.
            if now - refreshed >= self.limits.presence_refresh and _is_over(self._refreshing):
                refreshed = now
                self._refreshing = self.spawn(self._refresh_members())
            if now - compared >= self.limits.position_check and _is_over(self._comparing):
                compared = now
                self._comparing = self.spawn(self.compare())

    def _do(self, what: str, chore: Callable[[float], None], now: float) -> None:
        """One chore; its failure keeps no other from being done."""
        try:
            chore(now)
        except Exception as error:
            self.failed(what, error)

    async def _refresh_members(self) -> None:
        for (channel, client), member in list(self.members.items()):
            if (channel, client) in self.members:  # else it has left, and must not come back
                try:
                    async with asyncio.timeout(self.limits.broker_seconds):
                        await self.presence.join(channel, member, announce=False)
                except (BrokerError, TimeoutError) as error:
                    log.warning("presence cannot be refreshed yet: %s", error or "no answer in time")
                    return

    # -- numbers

    def subscribers(self) -> dict[str, int]:
        """How many subscribers each channel has here, of those that have any."""
        return {
            name: len(channel.subscribers) for name, channel in self._channels.items() if channel.subscribers
        }

    def channels(self) -> list[Channel]:
        return list(self._channels.values())


def _mend(channel: Channel, page: History) -> bool:
    """Add to the ring what was read behind its top; True when there was something to add.

    Afterwards the channel is stale when there is more. A page that brings nothing forward does
    not make it so: then the broker contradicts itself, and only the slow comparison asks again.
    """
    ring, (top, epoch) = channel.ring, page.top
    begin = max(page.oldest - 1, top - ring.max_entries)
    was, head = (ring.epoch, ring.top), ring.head
    if epoch != ring.epoch:
        # Another life of the stream: who reads it is told, and reads on from its history.
        ring.restart(epoch, begin)
    elif page.oldest > ring.top + 1 or top - ring.top > ring.max_entries:
        # What a ring cannot hold anyway is read from history by those who need it.
        ring.skip_to(begin)
    else:
        for publication in page.publications:
            if publication.offset > ring.top:
                ring.append(publication)
    ring.learn(page)
    if ring.top < top and (ring.epoch, ring.top) != was:
        channel.stale = True
    return ring.first < ring.head != head


def _is_over(task: asyncio.Task[None] | None) -> bool:
    return task is None or task.done()
