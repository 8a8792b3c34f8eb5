"""The receipt of a publication that goes to a hub elsewhere: how it ended, for whoever wants to know."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Generator
from typing import Any, Protocol

from ..errors import GaplessError
from ..model import Position

_WAITERS = threading.Lock()
"""Held while somebody begins to wait for a receipt, and while one is settled that is waited for."""


def _after_fork() -> None:
    """In the child nobody lets go of it who held it in the parent."""
    global _WAITERS
    _WAITERS = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


class Dropped(GaplessError):
    """There was no room for this publication; it is counted, and announced in its channel."""


class Settles(Protocol):
    """Is told how a publication ended, or a dropped one that was never sent."""

    def settle(self, outcome: Position | GaplessError | None) -> None:
        """It ended like this; called once, on the sending thread."""


class Receipt:
    """Awaitable on any loop, readable with `result` from any thread; may be ignored.

    Both give the position once the hub has the publication, None where the channel keeps no
    history. They raise `Dropped`, or `client.remote.Refused` when the hub would not take it.
    """

    __slots__ = ("_error", "_position", "_waiters", "done")

    def __init__(self) -> None:
        self.done = False
        """Is it known how it ended?"""
        self._position: Position | None = None
        self._error: GaplessError | None = None
        self._waiters: list[Callable[[], object]] | None = None

    def settle(self, outcome: Position | GaplessError | None) -> None:
        """It ended like this; called once, on the sending thread."""
        if isinstance(outcome, GaplessError):
            self._error = outcome
        else:
            self._position = outcome
        with _WAITERS:
            self.done = True
            waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            waiter()

    def _wait(self, waiter: Callable[[], object]) -> bool:
        """Call `waiter` when it is settled; False when it is already."""
        with _WAITERS:
            if self.done:
                return False
            self._waiters = [*(self._waiters or ()), waiter]
            return True

    def result(self, timeout: float | None = None) -> Position | None:
        """Wait at most `timeout` seconds. Raises TimeoutError, and as said above."""
        event = threading.Event()
        if not self.done and self._wait(event.set) and not event.wait(timeout):
            raise TimeoutError(f"the hub has not answered within {timeout} seconds")
        return self._outcome()

    def __await__(self) -> Generator[Any, Any, Position | None]:
        if not self.done:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()
            if self._wait(lambda: wake(loop, future)):
                yield from future.__await__()
        return self._outcome()

    def _outcome(self) -> Position | None:
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._position


def wake(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    """Resolve a future of a loop from another thread; nothing happens when that loop is gone."""

    def resolve() -> None:
        if not future.done():
            future.set_result(None)

    try:
        loop.call_soon_threadsafe(resolve)
    except RuntimeError:
        pass  # it was closed: nobody waits any more
