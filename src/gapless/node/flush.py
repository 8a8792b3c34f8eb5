"""The flush: dirty channels are delivered in the loop's next turn, a few milliseconds at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..core.channel import Channel
from ..core.fanout import Fanout
from ..options import Limits

FROZEN_SECONDS = 0.05
"""A lagging subscriber that did not move for this long is not waited for."""

_LOOK_SECONDS = 0.002
"""Between two looks; being woken by each socket that drains would cost more."""


class Flush:
    """Drives the fan-out of one loop. `begin` is called on it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._fanout = Fanout()
        self._under_way = False

    def begin(self) -> None:
        """Start afresh on this loop: what one that is gone had still to do, it never did."""
        self._loop = asyncio.get_running_loop()
        self._under_way = False

    def end(self) -> None:
        """Forget what is dirty: a flush that is still scheduled finds nothing to do."""
        self._fanout = Fanout()

    def mark(self, channel: Channel) -> None:
        """The channel has something to deliver: its subscribers get it in the loop's next turn."""
        self._fanout.mark(channel)
        if not self._under_way:
            self._under_way = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        step, clock = self._fanout.step, self._loop.time
        deadline = clock() + self._limits.slice_seconds
        while step():
            if clock() >= deadline:
                # The rest after a turn: handshakes, pings and replies go on meanwhile.
                self._loop.call_soon(self._flush)
                return
        self._under_way = False

    # -- back-pressure: what a publisher that awaits its receipt waits for

    def is_behind(self, channel: Channel) -> bool:
        """Has half a ring been published that the flush did not come to yet?"""
        return bool(channel.subscribers) and (
            2 * (channel.ring.head - channel.swept) >= channel.ring.max_entries
        )

    def relief(self, channel: Channel) -> Coroutine[Any, Any, None] | None:
        """Something to wait for, at most `Limits.patience`, when subscribers that lag but move need it.

        So a publisher in a tight loop does not outrun them; one that is frozen holds nobody up.
        """
        if not channel.subscribers:
            return None
        ring = channel.ring
        if channel.is_sweeping_behind():
            return _relieved(channel, self._limits.patience)
        # Looking at every lagging subscriber is worth it a few times per ring, not per receipt.
        if channel.lagging and ring.head - channel.looked_at >= max(1, ring.max_entries // 8):
            channel.looked_at = ring.head
            if channel.awaited():
                return _relieved(channel, self._limits.patience)
        return None


async def _relieved(channel: Channel, patience: float) -> None:
    clock = asyncio.get_running_loop().time
    judged = clock()
    deadline = judged + patience
    places = {subscriber: subscriber.cursor.index for subscriber in channel.awaited()}
    while channel.is_sweeping_behind() or places:
        await asyncio.sleep(_LOOK_SECONDS)
        now = clock()
        waiting = channel.awaited()
        if now >= deadline:
            for subscriber in waiting:
                channel.excuse(subscriber)
            return
        if now - judged >= FROZEN_SECONDS:
            judged = now
            for subscriber in waiting:
                if places.get(subscriber) == subscriber.cursor.index and not subscriber.resting:
                    channel.excuse(subscriber)
            waiting = channel.awaited()
            places = {subscriber: subscriber.cursor.index for subscriber in waiting}
        elif not waiting:
            places = {}
