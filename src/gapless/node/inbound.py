"""What peers have sent and nobody has handled: its bytes and its turns, bounded for the whole process.

A peer that sends more than is handled at once waits for its next turn behind all others that wait.
So however many send however much, publications, pings and handshakes are never further away than
one share of this time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ..core.counters import Counters
from ..options import Limits


class Holder(Protocol):
    """Who keeps bytes of one peer."""

    def give_up(self) -> None:
        """End this connection and hold nothing any more: it holds the most, and there is too much."""


class Inbound:
    """Who holds how much. `turns` says whose turn it is to have some of it handled."""

    __slots__ = ("_held", "counters", "limits", "turns", "used")

    def __init__(self, limits: Limits, counters: Counters) -> None:
        self.limits = limits
        self.counters = counters
        self.turns = Turns(limits.slice_seconds)
        self._held: dict[Holder, int] = {}
        self.used = 0

    def hold(self, holder: Holder, size: int) -> None:
        """So much is held now, in all, for this one. Above the bound the fullest is given up."""
        before = self._held.pop(holder, 0)
        self.used += size - before
        if size:
            self._held[holder] = size
        while self.used > self.limits.inbound_budget_bytes and self._held:
            fullest = max(self._held, key=self._held.__getitem__)
            self.counters.inbound_full += 1
            self.used -= self._held.pop(fullest)
            fullest.give_up()


class Turns:
    """One loop's. `seconds` is how long one turn of the loop may be held by all peers together."""

    __slots__ = ("_clock", "_loop", "_open", "_seconds", "_until", "_waiting")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop: asyncio.AbstractEventLoop
        self._clock: Callable[[], float]
        self.begin()

    def begin(self) -> None:
        """Start afresh, on the loop that asks next."""
        self._open = False
        self._until = 0.0
        self._waiting: deque[Callable[[], None] | asyncio.Future[None]] = deque()

    def has_time(self) -> bool:
        """May something of a peer be done now? False: stop, and wait with `call` or `wait`."""
        if self._open:
            return not self._waiting and self._clock() < self._until
        self._begin_turn()
        return True

    def call(self, work: Callable[[], None]) -> None:
        """Call this when its turn has come. It may ask for the next one."""
        self._waiting.append(work)
        if not self._open:
            self._begin_turn()

    async def wait(self) -> None:
        """Returns when the caller's turn has come."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        if not self._open:
            self._begin_turn()
        await waiter

    def _begin_turn(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._open = True
        self._until = self._clock() + self._seconds
        self._loop.call_soon(self._next)

    def _next(self) -> None:
        """A new turn: those who wait go first."""
        waiting, clock = self._waiting, self._clock
        self._until = until = clock() + self._seconds
        while waiting:
            who = waiting.popleft()
            if isinstance(who, asyncio.Future):
                if who.done():
                    continue  # it was given up
                who.set_result(None)
                break  # what it does is done in the next turn, and takes as long as it takes
            who()
            if clock() >= until:
                break
        if waiting:
            self._loop.call_soon(self._next)
        else:
            self._open = False
