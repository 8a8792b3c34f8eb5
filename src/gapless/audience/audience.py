"""Who is there, under which keys, and what they are told: in one order for all, on every loop.

A server has one event loop; tests and threads have more. Each loop's connections are written to on
that loop. Whoever tells something holds the lock while it is given its place behind what was told
before, on every loop, and among what is kept; so no client misses or repeats anything when it comes.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from asyncio import _get_running_loop
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Hashable, Iterable, Sequence
from functools import partial
from time import monotonic, perf_counter
from types import TracebackType
from typing import Any

from starlette.websockets import WebSocket

from ..core.counters import Counters
from ..errors import Overloaded
from ..isolation.never_wait import accept, is_over, sender_of
from ..isolation.outgoing import Outgoing
from ..isolation.pressure import Bounds, IsolationCounters, pressure_here
from ..isolation.sender import Sender, State
from ..model import Stats
from ..options import Limits, MiB
from .kept import Kept

TURN_SECONDS = 0.002
"""How long a producer that awaits what it sends may go on before the loop has a turn."""

PATIENCE_SECONDS = 1.0
"""How long a producer on one loop waits for another to take a message, so that it does not outrun it."""

QUEUE_BYTES = 16 * MiB
"""What may wait for one client. Messages are shared: a hundred clients in the same place hold one copy."""

LIMITS = Limits(server_payload_bytes=16 * MiB, in_flight_bytes=256 * MiB)
"""Unless somebody asks for others."""

Greet = Callable[[Sequence[Outgoing]], Sequence[Outgoing]]
"""What somebody who comes is told, of what is kept."""


class Member:
    """One connection. Only a weak reference to its WebSocket is held: an endpoint may end without a word."""

    __slots__ = ("_websocket", "at", "group", "keys", "sender")

    def __init__(
        self, websocket: WebSocket, sender: Sender, group: _Group, on_gone: Callable[[Member], None]
    ) -> None:
        self.at = id(websocket)
        self.sender = sender
        self.group = group
        self.keys: dict[Hashable, None] = {}
        # The garbage collector calls at any place, also where the lock is held: another turn.
        self._websocket = weakref.ref(websocket, lambda _: group.call(partial(on_gone, self)))

    def has(self, websocket: WebSocket) -> bool:
        """Is it the one of this member?"""
        return self._websocket() is websocket

    @property
    def websocket(self) -> WebSocket | None:
        """None: it is gone or over."""
        websocket = self._websocket()
        if websocket is None or is_over(websocket) or self.sender.state is not State.OPEN:
            return None
        return websocket


class Audience:
    """Connections by key. `greet` makes of what is kept what who comes is told; without it that as it is."""

    def __init__(self, kept: Kept, limits: Limits, greet: Greet | None = None) -> None:
        self.kept = kept
        self._bounds = Bounds(queue_bytes=QUEUE_BYTES, stall_timeout=limits.stall_timeout)
        self._in_flight_bytes = limits.in_flight_bytes
        self._greet = greet
        self._isolation = IsolationCounters()
        self._told = 0
        self._began = monotonic()
        self._lock = threading.Lock()
        self._groups: dict[asyncio.AbstractEventLoop, _Group] = {}
        self._members: dict[int, Member] = {}

    # -- who is there

    def members(self, key: Hashable) -> list[WebSocket]:
        """The WebSockets that are there now under a key, as they came."""
        with self._lock:
            found = [member.websocket for member in self._members.values() if key in member.keys]
        return [websocket for websocket in found if websocket is not None]

    async def ready(self) -> None:
        """It always is; by way of a store it takes a while."""

    async def enter(self, websocket: WebSocket, keys: Iterable[Hashable]) -> None:
        """Accept it if nobody has, let it stand under these keys, tell it what is kept of the new ones."""
        member = self._find(websocket)
        if member is None:
            await accept(websocket)
            member = self._find(websocket)  # two may enter at once
        group = self._group_here()
        if member is None:
            sender = sender_of(websocket, self._bounds, self._isolation)
            member = Member(websocket, sender, group, self._forget)
            sender.on_end[self] = partial(self._forget, member)
            with self._lock:
                self._members[member.at] = member
        for key in keys:
            if key in member.keys:
                continue
            for outgoing in self._stand(member, group, key):
                member.sender.put(outgoing)
        if member.sender.state is not State.OPEN:
            self._forget(member)

    def _stand(self, member: Member, group: _Group, key: Hashable) -> Sequence[Outgoing]:
        """Behind everything that was told under a key; what is kept of that."""
        while True:
            group.deliver_waiting()
            with self._lock:
                if not group.waiting:
                    member.keys[key] = None
                    group.add(key, member)
                    kept = self.kept.of(key)
                    return kept if self._greet is None else self._greet(kept)

    def leave(self, websocket: WebSocket, keys: Iterable[Hashable] | None = None) -> None:
        """Forget it under these keys, or under all. What waits for it still goes out."""
        member = self._find(websocket)
        if member is None:
            return
        if keys is None:
            self._forget(member)
            return
        with self._lock:
            for key in keys:
                if member.keys.pop(key, self) is None:
                    member.group.discard(key, member)

    def _find(self, websocket: WebSocket) -> Member | None:
        member = self._members.get(id(websocket))
        return member if member is not None and member.has(websocket) else None

    def _forget(self, member: Member) -> None:
        with self._lock:
            for key in member.keys:
                member.group.discard(key, member)
            member.keys.clear()
            if self._members.get(member.at) is member:
                del self._members[member.at]
        member.sender.on_end.pop(self, None)

    # -- what they are told

    def tell(self, key: Hashable, outgoing: Outgoing, *, keep: bool = False) -> Sent:
        """Tell everybody under a key, from any thread. It is sent when this returns, or on its way.

        Raises:
            Overloaded: another loop has not taken `in_flight_bytes` that were told before.
        """
        here = _get_running_loop()
        own = self._groups.get(here) if here is not None else None
        if own is None or len(self._groups) > 1 or own.waiting:
            return self._tell_loops(own, key, outgoing, keep)
        # Nobody else has told this loop anything that waits, and there is no other. What another thread
        # tells at this moment comes behind; only what is kept has an order with it.
        if keep:
            with self._lock:
                behind = bool(own.waiting)
                if not behind:
                    self.kept.add(key, outgoing)
            if behind:
                return self._tell_loops(own, key, outgoing, keep)
        own.told += 1
        for put in own.puts.get(key) or own.find_puts(key):
            put(outgoing)
        if own.pressure.due or perf_counter() - own.turn_at > TURN_SECONDS:
            return own.pause()
        return DONE

    def _tell_loops(self, own: _Group | None, key: Hashable, outgoing: Outgoing, keep: bool) -> Sent:
        with self._lock:
            self._pass_on(own, key, outgoing)
            self._told += 1
            if keep:
                self.kept.add(key, outgoing)
        return self._passed_on(own)

    def _pass_on(self, own: _Group | None, key: Hashable, outgoing: Outgoing) -> None:
        """Behind what waits for each loop, our own as well. Raises Overloaded, and then nobody has it."""
        for group in self._groups.values():
            bound = self._in_flight_bytes
            if group is not own and group.waiting and group.waiting_bytes + outgoing.size > bound:
                raise Overloaded(group.waiting_bytes, bound)
        for group in self._groups.values():
            group.wait(key, outgoing)

    def tell_one(self, websocket: WebSocket, outgoing: Outgoing) -> Sent:
        """Tell one WebSocket, whether it entered or not, behind what all were told before."""
        member = self._find(websocket)
        if member is None:
            sender_of(websocket, self._bounds, self._isolation).put(outgoing)
            return DONE
        here = _get_running_loop()
        if member.group.loop is here:
            member.group.deliver_waiting()
            member.sender.put(outgoing)
            return member.group.pause()
        with self._lock:
            member.group.wait(None, outgoing, member.sender)
            own = self._groups.get(here) if here is not None else None
        return self._passed_on(own)

    def _passed_on(self, own: _Group | None) -> Sent:
        """Our own loop has it now. Who awaits this waits until the others took it."""
        if own is not None:
            own.deliver_waiting()
        with self._lock:
            for loop in [loop for loop in self._groups if loop.is_closed()]:
                del self._groups[loop]
            others = [group for group in self._groups.values() if group is not own and group.waiting]
        if others:
            return Sent(partial(_until_taken, others))
        return DONE if own is None else own.pause()

    # -- numbers

    def stats(self) -> Stats:
        """Counts and how things stand now."""
        counters, isolation = Counters(), self._isolation
        counters.published = self._told + sum(group.told for group in list(self._groups.values()))
        counters.connections = isolation.connections
        counters.stalled = isolation.stalled
        counters.stuck = isolation.cut
        counters.slow_disconnects = isolation.overflowed
        counters.session_errors = isolation.errors
        with self._lock:
            keys = [key for member in self._members.values() for key in member.keys]
            return Stats(
                clients=len(self._members),
                users=0,
                channels=len(set(keys)),
                subscriptions=len(keys),
                uptime_seconds=monotonic() - self._began,
                ring_bytes=self.kept.bytes,
                in_flight_bytes=sum(group.waiting_bytes for group in self._groups.values()),
                counters=counters.snapshot(),
            )

    # -- loops

    def _group_here(self) -> _Group:
        loop = asyncio.get_running_loop()
        with self._lock:
            for closed in [other for other in self._groups if other.is_closed()]:
                group = self._groups.pop(closed)
                for at, member in list(self._members.items()):
                    if member.group is group:
                        del self._members[at]
            found = self._groups.get(loop)
            if found is None:
                found = self._groups[loop] = _Group(loop, self._lock)
        return found


class _Group:
    """The connections of one loop, and what other threads have told them meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lock: threading.Lock) -> None:
        self.loop = loop
        self._lock = lock
        self._keys: dict[Hashable, dict[Member, None]] = {}
        self.puts: dict[Hashable, tuple[Callable[[Outgoing], None], ...]] = {}
        """How to tell each of those under a key: found once for as long as they are the same."""
        self.pressure = pressure_here()
        self.turn_at = 0.0
        """When the loop last had a turn for the sake of who awaits."""
        self.told = 0
        self.waiting: deque[tuple[Hashable, Outgoing, Sender | None]] = deque()
        self.waiting_bytes = 0

    # -- under the lock

    def add(self, key: Hashable, member: Member) -> None:
        self._keys.setdefault(key, {})[member] = None
        self.puts.pop(key, None)

    def discard(self, key: Hashable, member: Member) -> None:
        members = self._keys.get(key, {})
        members.pop(member, None)
        self.puts.pop(key, None)
        if not members:
            self._keys.pop(key, None)

    def wait(self, key: Hashable, outgoing: Outgoing, sender: Sender | None = None) -> None:
        """To be told when the loop comes to it."""
        self.waiting.append((key, outgoing, sender))
        self.waiting_bytes += outgoing.size
        if len(self.waiting) == 1:
            self.call(self.deliver_waiting)

    # -- on the loop

    def find_puts(self, key: Hashable) -> tuple[Callable[[Outgoing], None], ...]:
        with self._lock:
            found = tuple(member.sender.put for member in self._keys.get(key, ()))
            if found:
                self.puts[key] = found
        return found

    def deliver_waiting(self) -> None:
        """Tell what others have told, in order."""
        while self.waiting:
            with self._lock:
                key, outgoing, sender = self.waiting.popleft()
                self.waiting_bytes -= outgoing.size
            if sender is not None:
                sender.put(outgoing)
                continue
            for put in self.puts.get(key) or self.find_puts(key):
                put(outgoing)

    def pause(self) -> Sent:
        """What who awaits a broadcast waits for, when it is time: for clients that keep up, or for a turn."""
        return Sent(self.pressure.relieve if self.pressure.due else self._give_turn)

    async def _give_turn(self) -> None:
        await asyncio.sleep(0)
        self.turn_at = perf_counter()

    def call(self, what: Callable[[], object]) -> None:
        """On the loop, soon. Nothing when it is closed."""
        try:
            self.loop.call_soon_threadsafe(what)
        except RuntimeError:
            pass  # closed, and everything of its connections with it


async def _until_taken(groups: list[_Group]) -> None:
    here = asyncio.get_running_loop()
    taken = asyncio.Event()
    for group in groups:
        group.call(partial(here.call_soon_threadsafe, taken.set))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await taken.wait()
        except TimeoutError:
            return  # it is on its way all the same; that loop may end before it answers
        taken.clear()


class Sent(Coroutine[Any, Any, None]):
    """May be awaited, given to `create_task`, or forgotten: nothing is left undone without it.

    `pause`, when given, makes what awaiting it waits for. Without one this holds no state, and the same
    object serves everybody.
    """

    __slots__ = ("_begun", "_pause")

    def __init__(self, pause: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        self._pause = pause
        self._begun: Coroutine[Any, Any, None] | None = None

    def __await__(self) -> Generator[Any, Any, None]:
        return _nothing if self._pause is None else self._pause().__await__()

    def send(self, value: Any) -> Any:
        if self._pause is None:
            raise StopIteration
        if self._begun is None:
            self._begun = self._pause()
        return self._begun.send(value)

    def throw(
        self,
        typ: Any,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> Any:
        if self._begun is None:
            raise typ if val is None else val  # type: ignore[misc]
        return self._begun.throw(typ)

    def close(self) -> None:
        if self._begun is not None:
            self._begun.close()


_nothing: Any = iter(())
"""What awaits nothing: at its end, and so for ever."""

DONE = Sent()
"""Sent, and nothing to wait for."""
