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
from typing import Any, Protocol

from .brokers.base import Broker, PresenceStore
from .core.channel import Channel, Subscriber
from .core.fanout import Fanout
from .core.log import Budget, Entry, Kind, Ring
from .errors import BrokerError, Disconnect, Gap
from .metrics import Counters
from .model import Draft, History, Member, Publication
from .options import ChannelOptions, Limits
from .receipt import Receipt

log = logging.getLogger("gapless")

LINGER_SECONDS = 5.0
"""How long a ring outlives its last reader: a page that reloads finds it again."""

_FROZEN_SECONDS = 0.05
"""A lagging subscriber that did not move for this long is not waited for."""

_EASE_SECONDS = 0.002


class Connected(Protocol):
    """What the node knows of a session."""

    @property
    def client(self) -> str: ...

    @property
    def user(self) -> str: ...

    def close(self, disconnect: Disconnect) -> None: ...

    def check(self, now: float) -> None:
        """Called about once a second with the loop's time; closes itself when it stalls."""


class _Joining:
    """A ring that is being set up; `seen` is the highest offset notified meanwhile."""

    __slots__ = ("future", "seen")

    def __init__(self, future: asyncio.Future[Channel]) -> None:
        self.future = future
        self.seen = 0


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
        self.in_flight_bytes = 0
        self.members: dict[tuple[str, str], Member] = {}
        self._channels: dict[str, Channel] = {}
        self._holds: dict[str, int] = {}
        self._joining: dict[str, _Joining] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._idle_since: dict[str, float] = {}
        self._flights: dict[tuple[str, int | None, int | None, int | None], asyncio.Future[History]] = {}
        self._repairs: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._flushing = False
        self._eased_at: dict[str, int] = {}

    # -- life

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reads = asyncio.Semaphore(self.limits.reads_at_once)
        await self.presence.start(self)
        await self.broker.start(self)
        self.spawn(self._housekeep())

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.broker.close()
        for channel in self._channels.values():
            channel.ring.release()
        self._channels.clear()
        self._holds.clear()
        self._idle_since.clear()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task of this node: it is kept, ended with the node, and its exception is logged."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.counters.session_errors += 1
            log.error("a task of the hub failed", exc_info=error)

    # -- publishing (called on the loop's thread)

    def publish(self, channel: str, draft: Draft, receipt: Receipt) -> None:
        self.broker.publish(channel, draft, self.options(channel), receipt)
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
                joining.seen = max(joining.seen, publication.offset)
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

    def relieve(self, channel: str) -> Coroutine[Any, Any, None] | None:
        """Something to wait for when subscribers that move are more than half a ring behind."""
        here = self._channels.get(channel)
        if here is None or not here.subscribers:
            return None
        ring = here.ring
        if here.is_sweeping_behind():
            return self._ease(here)
        # Looking at every lagging subscriber is worth it a few times per ring, not per receipt.
        if here.lagging and ring.head - self._eased_at.get(channel, 0) >= max(1, ring.max_entries // 8):
            self._eased_at[channel] = ring.head
            if here.awaited():
                return self._ease(here)
        return None

    async def _ease(self, channel: Channel) -> None:
        clock = self._loop.time
        now = clock()
        deadline, judged = now + self.limits.patience, now
        places = {subscriber: subscriber.cursor.index for subscriber in channel.awaited()}
        while channel.is_sweeping_behind() or places:
            # A look now and then: being woken by each socket that drains would cost more.
            await asyncio.sleep(_EASE_SECONDS)
            now = clock()
            waiting = channel.awaited()
            if now >= deadline:
                for subscriber in waiting:
                    channel.excuse(subscriber)
                return
            if now - judged >= _FROZEN_SECONDS:
                judged = now
                for subscriber in waiting:
                    if places.get(subscriber) == subscriber.cursor.index and not subscriber.resting:
                        channel.excuse(subscriber)
                waiting = channel.awaited()
                places = {subscriber: subscriber.cursor.index for subscriber in waiting}
            elif not waiting:
                places = {}

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
            while channel is None:
                joining = self._joining.get(name)
                if joining is None:
                    channel = await self._open(name)
                else:
                    channel = await asyncio.shield(joining.future)
        except BaseException:
            self._release(name)
            raise
        return channel

    async def _open(self, name: str) -> Channel:
        future: asyncio.Future[Channel] = self._loop.create_future()
        joining = self._joining[name] = _Joining(future)
        options = self.options(name)
        try:
            leaving = self._leaving.get(name)
            if leaving is not None:
                await asyncio.shield(leaving)
            async with asyncio.timeout(self.limits.broker_seconds):
                await self.broker.subscribe(name)
                page = await self.broker.history(name, options, limit=0)
        except BaseException as error:
            del self._joining[name]
            failure = (
                error if isinstance(error, BrokerError) else BrokerError(f"cannot join {name!r}: {error}")
            )
            if not future.cancelled():
                future.set_exception(failure)
                future.exception()  # nobody may be waiting for it
            if isinstance(error, Exception) and failure is not error:
                raise failure from error
            raise
        ring = Ring(
            name,
            epoch=page.top.epoch,
            top=page.top.offset,
            max_entries=options.ring,
            max_bytes=options.ring_bytes,
            budget=self.budget,
        )
        channel = self._channels[name] = Channel(name, options, ring)
        del self._joining[name]
        future.set_result(channel)
        if joining.seen > ring.top:
            self.repair(channel)
        return channel

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
                self._eased_at.pop(name, None)
                channel = self._channels.pop(name)
                channel.ring.release()
                repair = self._repairs.get(name)
                if repair is not None:
                    repair.cancel()
                self._leaving[name] = self.spawn(self._unsubscribe(name))

    async def _unsubscribe(self, name: str) -> None:
        try:
            await self.broker.unsubscribe(name)
        finally:
            del self._leaving[name]

    # -- reading history

    async def page(
        self,
        channel: str,
        *,
        after: int | None = None,
        limit: int | None = None,
        max_bytes: int | None = None,
        reverse: bool = False,
    ) -> History:
        """A page of history; who asks for the same while it is on its way shares it.

        Raises:
            BrokerError: the broker failed, or did not answer in `Limits.broker_seconds`.
        """
        key = (channel, after, -1 if limit is None else limit if not reverse else -2 - limit, max_bytes)
        while (flight := self._flights.get(key)) is not None:
            self.counters.history_shared += 1
            try:
                return await asyncio.shield(flight)
            except asyncio.CancelledError:
                # Was it the reader that was cancelled, or we? If the reader: read ourselves.
                if not flight.cancelled():
                    raise
        flight = self._flights[key] = self._loop.create_future()
        self.counters.history_reads += 1
        try:
            async with self._reads, asyncio.timeout(self.limits.broker_seconds):
                page = await self.broker.history(
                    channel,
                    self.options(channel),
                    after=after,
                    limit=limit,
                    max_bytes=max_bytes,
                    reverse=reverse,
                )
        except Exception as error:
            failure = (
                error
                if isinstance(error, BrokerError)
                else BrokerError(
                    f"the history of {channel!r} cannot be read: {error or type(error).__name__}"
                )
            )
            flight.set_exception(failure)
            flight.exception()  # nobody may be waiting for it
            raise failure from error
        except BaseException:
            flight.cancel()
            raise
        else:
            flight.set_result(page)
            return page
        finally:
            del self._flights[key]

    # -- repair

    def repair(self, channel: Channel) -> None:
        """Bring the ring up to its stream's top, once for everybody who reads it."""
        if channel.name not in self._repairs:
            task = self._repairs[channel.name] = self.spawn(self._repair(channel))
            task.add_done_callback(lambda _: self._repairs.pop(channel.name, None))

    async def _repair(self, channel: Channel) -> None:
        self.counters.repairs += 1
        ring = channel.ring
        while True:
            try:
                page = await self.page(channel.name, after=ring.top, max_bytes=self.limits.flush_bytes)
            except BrokerError as error:
                # The ring stays as it is; the slow comparison comes back to it.
                self.counters.repair_failed += 1
                log.warning("channel %r cannot be repaired yet: %s", channel.name, error)
                return
            epoch, top = page.top.epoch, page.top.offset
            if epoch != ring.epoch:
                # Another life of the stream: who reads it is told, and reads on from its history.
                ring.restart(epoch, top)
            elif page.oldest > ring.top + 1 or top - ring.top > ring.max_entries:
                # What a ring cannot hold anyway is read from history by those who need it.
                ring.skip_to(max(page.oldest - 1, top - ring.max_entries))
            else:
                for publication in page.publications:
                    if publication.offset > ring.top:
                        ring.append(publication)
            self.mark(channel)
            if ring.top >= top:
                return

    async def compare(self) -> None:
        """Compare every ring with its stream's top, and repair those that differ."""
        for channel in list(self._channels.values()):
            if not channel.options.history or channel.name in self._repairs:
                continue
            before = channel.ring.top
            try:
                page = await self.page(channel.name, limit=0)
            except BrokerError:
                continue
            if page.top.epoch != channel.ring.epoch or page.top.offset > max(before, channel.ring.top):
                self.repair(channel)

    # -- what happens by itself

    async def _housekeep(self) -> None:
        compared = refreshed = self._loop.time()
        while True:
            await asyncio.sleep(1.0)
            now = self._loop.time()
            for session in list(self.sessions.values()):
                session.check(now)
            self._close_idle(now)
            self.broker.expire(time.time())
            if now - refreshed >= self.limits.presence_refresh:
                refreshed = now
                for (channel, _), member in list(self.members.items()):
                    await self.presence.join(channel, member, announce=False)
            self.presence.expire(time.time())
            if now - compared >= self.limits.position_check:
                compared = now
                await self.compare()

    # -- numbers

    def subscribers(self) -> dict[str, int]:
        """How many subscribers each channel has here, of those that have any."""
        return {
            name: len(channel.subscribers) for name, channel in self._channels.items() if channel.subscribers
        }

    def channels(self) -> list[Channel]:
        return list(self._channels.values())
