"""How late the event loop is: what a timer that is due has to wait for, because others have their turn.

Measured only while somebody wants to know, and for a while after, so that a scrape now and then finds all
that happened since the one before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

EVERY_SECONDS = 0.05
"""Between two looks. No longer turn is missed, and it was at most so much longer than is told."""

STALL_SECONDS = 0.5
"""Who waits for longer notices it: a loop that is this late stood still."""

KEPT_SECONDS = 60.0
"""So far back a reading reaches: as long as most scrapers wait."""

ASKED_SECONDS = 150.0
"""Nobody asked for so long: then nothing is measured any more."""


class Lateness(NamedTuple):
    """Seconds that timers waited in the last minute: at most, 99 of 100 of them, and half of them.

    `stalls` counts those longer than `STALL_SECONDS` since they are measured.
    """

    longest: float
    p99: float
    p50: float
    stalls: int


class Lag:
    """Of one loop, on which `begin` was called."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=round(KEPT_SECONDS / EVERY_SECONDS))
        self._timer: asyncio.TimerHandle | None = None
        self._stalls = 0

    def begin(self) -> None:
        """Start afresh on this loop."""
        self._loop = asyncio.get_running_loop()

    def end(self) -> None:
        """Measure no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._late.clear()

    @property
    def is_measured(self) -> bool:
        """Did somebody ask a while ago?"""
        return self._timer is not None

    def reading(self) -> Lateness | None:
        """Of the last minute, as far as it was measured. None: it begins now."""
        self._asked = self._loop.time()
        if self._timer is None:
            self._wait()
        if not self._late:
            return None
        late = sorted(self._late)
        return Lateness(late[-1], late[len(late) * 99 // 100], late[len(late) // 2], self._stalls)

    def _wait(self) -> None:
        self._due = self._loop.time() + EVERY_SECONDS
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        late = round(max(0.0, now - self._due), 6)
        self._late.append(late)
        self._stalls += late > STALL_SECONDS
        if now - self._asked > ASKED_SECONDS:
            self.end()
        else:
            self._wait()
