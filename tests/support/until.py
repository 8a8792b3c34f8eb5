"""Waiting in tests: for what is true in the end, with a deadline, and for turns of the loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

DEADLINE = 30.0
"""Seconds after which a test hangs. No test waits for this long when the code is right."""

EAGER_TURNS = 50
"""What only needs a turn is seen at once; what needs the network or a thread is looked at now and then."""

PAUSE = 0.005
"""Seconds between two looks."""


async def until(
    condition: Callable[[], object | Awaitable[object]], what: str = "", *, pause: float | None = None
) -> None:
    """Returns when the condition, which may be a coroutine function, holds.

    `pause` lies between two looks of a condition that holds the loop up itself.

    Raises:
        TimeoutError: it never did; the message says what was waited for.
    """
    looks = 0
    try:
        async with asyncio.timeout(DEADLINE):
            while True:
                holds = condition()
                if await holds if inspect.isawaitable(holds) else holds:
                    return
                looks += 1
                await asyncio.sleep(pause or (0 if looks < EAGER_TURNS else PAUSE))
    except TimeoutError as late:
        raise TimeoutError(f"waited {DEADLINE} s for {what or condition}") from late


async def turns(count: int = 20) -> None:
    """Give the loop this many turns: enough for a flush, and for tasks that wait for nothing."""
    for _ in range(count):
        await asyncio.sleep(0)
