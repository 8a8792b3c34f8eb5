"""The tasks of one node: kept while they run, ended with it, their exceptions logged and counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable
from itertools import islice
from typing import Any, TypeVar

from ..core.counters import Counters

log = logging.getLogger("gapless")

T = TypeVar("T")

AT_ONCE = 2_000
"""Of what may be long so much is looked at in one turn: about a millisecond's work."""


class Tasks:
    """What runs beside everything else, on the loop on which `begin` was called."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._running: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        """Tasks of this loop follow."""
        self.loop = asyncio.get_running_loop()

    @property
    def running(self) -> frozenset[asyncio.Task[Any]]:
        """Those that have not ended yet."""
        return frozenset(self._running)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task of this node: it is kept, ended with the node, and its exception is logged."""
        task = self.loop.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed("a task of the hub", error)

    def failed(self, what: str, error: BaseException) -> None:
        """Log and count an exception that nobody expected, and that ends nothing but where it rose."""
        self._counters.session_errors += 1
        log.error("%s failed", what, exc_info=error)

    async def settle(self, seconds: float) -> None:
        """Let what is under way come to its end by itself, for at most so long."""
        if others := self._others():
            await asyncio.wait(others, timeout=seconds)

    async def end(self) -> None:
        """Cancel every task, and wait until each has cleared up behind itself."""
        others = self._others()
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _others(self) -> set[asyncio.Task[Any]]:
        """All but the one that asks."""
        return self._running - {asyncio.current_task()}


async def in_turns(items: Iterable[T]) -> AsyncIterator[list[T]]:
    """These in lists of at most `AT_ONCE`, with a turn of the loop behind each.

    What is iterated must not change meanwhile: a copy, or what is nobody else's.
    """
    rest = iter(items)
    while batch := list(islice(rest, AT_ONCE)):
        yield batch
        await asyncio.sleep(0)
