"""Another event loop than the hub's, as `asyncio.run` makes one in a sync route."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .until import DEADLINE

T = TypeVar("T")


async def abroad(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Done on a loop of its own, in a worker thread."""
    async with asyncio.timeout(DEADLINE):
        return await asyncio.to_thread(lambda: asyncio.run(work()))
