"""Back-pressure: whoever awaits a receipt waits, for a while, for subscribers that lag but move.

So a publisher in a tight loop does not outrun them; one that is frozen holds nobody up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..core.channel import Channel

FROZEN_SECONDS = 0.05
"""A lagging subscriber that did not move for this long is not waited for."""

_LOOK_SECONDS = 0.002
"""Between two looks; being woken by each socket that drains would cost more."""


def relief(channel: Channel, patience: float) -> Coroutine[Any, Any, None] | None:
    """Something to wait for, at most `patience` seconds, when the channel's subscribers need it."""
    ring = channel.ring
    if channel.is_sweeping_behind():
        return _relieved(channel, patience)
    # Looking at every lagging subscriber is worth it a few times per ring, not per receipt.
    if channel.lagging and ring.head - channel.looked_at >= max(1, ring.max_entries // 8):
        channel.looked_at = ring.head
        if channel.awaited():
            return _relieved(channel, patience)
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
