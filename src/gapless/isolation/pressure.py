"""How much one client may hold up, and pressure: who outruns clients which keep up is asked to pause.

A client that takes what it is sent within `PATIENCE_SECONDS` is waited for when much waits for it,
so that a producer in a tight loop goes at the pace of the network. One that does not is slow: nobody
waits for it again until it has caught up. All that are behind are waited for at once, so a pause
has one length, however many they are.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

QUEUE_BYTES = 4 * 1024 * 1024
STALL_TIMEOUT = 10.0
THAW_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may cost."""

    queue_bytes: int = QUEUE_BYTES
    """Of messages that its client has not taken; each counts some more, for what it costs to keep it."""
    stall_timeout: float = STALL_TIMEOUT
    """Seconds in which its client may take no byte of what waits."""
    thaw_timeout: float = THAW_TIMEOUT
    """Seconds for which a connection that was given up waits to say so; then it is cut off."""

    def __post_init__(self) -> None:
        for name in ("queue_bytes", "stall_timeout", "thaw_timeout"):
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"{name} must be above 0, not {value!r}")


@dataclass(slots=True)
class IsolationCounters:
    """Counts since the start of what shares them."""

    connections: int = 0
    """WebSockets that were accepted."""
    stalled: int = 0
    """Closed with 3008: they took no byte for `stall_timeout`."""
    overflowed: int = 0
    """Closed with 3008: more than `queue_bytes` waited for them."""
    dropped: int = 0
    """Messages that were not sent, because their connection was given up or had ended."""
    cut: int = 0
    """Given up, and cut off without a word because they never took it."""
    errors: int = 0
    """Exceptions of a server's `send` that do not say that the client left; each ended its connection."""


PATIENCE_SECONDS = 0.05

SLICES = 5
"""Patience is lost in so many steps, each with a turn of the loop: while the process itself stood still
nobody could take anything."""


class Behind(Protocol):
    """Somebody for whom much waits."""

    slow: bool


class Pressure:
    """Who is behind among the connections of one loop: see `pressure_here`."""

    __slots__ = ("_behind", "_relieved", "_timer", "due")

    def __init__(self) -> None:
        self.due = False
        """Should whoever produces pause now? See `relieve`."""
        self._behind: set[Behind] = set()
        self._relieved: asyncio.Event | None = None
        self._timer: asyncio.TimerHandle | None = None

    def rise(self, who: Behind, *, high: bool) -> None:
        """More than half of what may wait for somebody waits; `high`: more than three quarters."""
        if not who.slow:
            self._behind.add(who)
            self.due = self.due or high

    def ease(self, who: Behind) -> None:
        """Less than half waits, or it is over."""
        self._behind.discard(who)
        if not self._behind:
            self._end()

    async def relieve(self) -> None:
        """Returns when nobody that keeps up is behind, within `PATIENCE_SECONDS`."""
        if not self.due:
            return
        if self._relieved is None:
            self._relieved = asyncio.Event()
            self._lose_patience(SLICES)
        await self._relieved.wait()

    def _lose_patience(self, slices: int) -> None:
        if slices:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(PATIENCE_SECONDS / SLICES, self._lose_patience, slices - 1)
            return
        for who in self._behind:
            who.slow = True
        self._behind.clear()
        self._end()

    def _end(self) -> None:
        self.due = False
        relieved, self._relieved = self._relieved, None
        if relieved is not None:
            relieved.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_pressures: WeakKeyDictionary[asyncio.AbstractEventLoop, Pressure] = WeakKeyDictionary()


def pressure_here() -> Pressure:
    """That of the running loop: one for all, because whoever produces waits once for all of them."""
    loop = asyncio.get_running_loop()
    found = _pressures.get(loop)
    if found is None:
        found = _pressures[loop] = Pressure()
    return found
