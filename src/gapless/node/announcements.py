"""Announcements of who came to a channel and who went: one by one, or together when they are many.

Each costs a write to everybody in the room, and in a full room somebody always comes or goes. They
lie in the ring from the first moment, in their order; what waits is the flush that only they want.
A publication that goes out meanwhile takes them along.
"""

from __future__ import annotations

import asyncio

from ..core.channel import Channel
from ..core.counters import Counters
from ..core.log import Entry
from ..core.rate import spend
from ..options import Limits
from .flush import Flush

BURST_SECONDS = 1.0
"""So much of the rate at once, before it counts."""


class Announcements:
    """Those of one loop. `begin` is called on it."""

    def __init__(self, flush: Flush, limits: Limits, counters: Counters) -> None:
        self._flush = flush
        self._limits = limits
        self._counters = counters
        self._waiting: dict[Channel, asyncio.TimerHandle] = {}

    def begin(self) -> None:
        """Start afresh on this loop."""
        self._loop = asyncio.get_running_loop()
        self._waiting.clear()

    def end(self) -> None:
        """Nothing is told any more."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()

    def tell(self, channel: Channel, entry: Entry) -> None:
        """A join or a leave: told in the loop's next turn, or a little later with those that follow it."""
        channel.ring.add(entry)
        if channel in self._waiting:
            self._counters.joins_coalesced += 1
            if self._flush.is_behind(channel):
                self._flush.mark(channel)  # else the ring would lose the first of them
            return
        now = self._loop.time()
        wait = self._spend(channel, now) - now - BURST_SECONDS
        if wait <= 0:
            self._flush.mark(channel)
        else:
            self._counters.joins_coalesced += 1
            self._waiting[channel] = self._loop.call_later(wait, self._due, channel)

    def _due(self, channel: Channel) -> None:
        del self._waiting[channel]
        self._flush.mark(channel)

    def _spend(self, channel: Channel, now: float) -> float:
        channel.announced = spend(channel.announced, now, cost=1.0, per_second=self._limits.join_pushes)
        return channel.announced
