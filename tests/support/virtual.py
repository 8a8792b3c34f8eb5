"""An event loop whose time jumps: what waits a minute is done at once, and always in the same order."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

IDLE_SECONDS = 1e-6
"""A moment so short that no timer of the hub falls into it."""

MAX_TURNS = 20_000
"""Turns without a jump in time after which somebody runs in circles."""


class _Jumping(selectors.SelectSelector):
    """Nothing ever comes from outside: instead of waiting for it, the clock moves on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is scheduled: everybody waits for ever")
        if timeout > 0:
            self.now += timeout
            self.turns = 0
        self.turns += 1
        if self.turns > MAX_TURNS:
            raise RuntimeError(
                f"{MAX_TURNS} turns of the loop and no time has passed: somebody runs in circles"
            )
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop for tests that are the test of a sequence. Nothing may be waited for that is not a timer."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.run_until_complete(work)

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function as if the loop had, so that it finds itself running."""
        asyncio._set_running_loop(self)
        try:
            return function(*args)
        finally:
            asyncio._set_running_loop(None)

    def turn(self, count: int = 1) -> None:
        """Run what is ready now, and nothing that this makes ready; `count` times."""
        for _ in range(count):
            self.call_soon(self.stop)
            self.run_forever()

    def settle(self) -> None:
        """Run until everybody waits for a timer, or for good."""
        self.run_until_complete(asyncio.sleep(IDLE_SECONDS))

    def advance(self, seconds: float) -> None:
        """Let virtual time pass, with all that happens in it."""
        self.run_until_complete(asyncio.sleep(seconds))

    def elapse(self, seconds: float) -> None:
        """Time passes while somebody holds the loop."""
        self._jumping.now += seconds

    def end(self) -> None:
        """Cancel what is still there, and close."""
        left = asyncio.all_tasks(self)
        for task in left:
            task.cancel()
        if left:
            self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.close()
