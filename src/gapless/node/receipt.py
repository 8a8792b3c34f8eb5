"""The receipt of a publication: how it ended, for whoever wants to know."""

from __future__ import annotations

import asyncio
import threading
from asyncio import _get_running_loop
from collections.abc import Awaitable, Generator
from typing import Any, Protocol

from ..model import Position

_WAITING = threading.Lock()
"""Held while a receipt gets somebody else who waits for it, in whichever thread."""


class Desk(Protocol):
    """Who hands out receipts."""

    def settled(self, receipt: Receipt) -> None:
        """The broker has answered; called once, on the loop's thread."""

    def relieve(self, channel: str) -> Awaitable[None] | None:
        """Something to wait for before more is published to a channel, if it is needed here."""

    def is_here(self) -> bool:
        """Is this the thread that settles receipts?"""

    def check_loop(self) -> None:
        """Can the running loop wait for what the hub's loop does? Raises RuntimeError."""

    def unseen(self, error: Exception) -> None:
        """A publication failed and nobody looked at its receipt."""


class Receipt:
    """Awaitable on any event loop, readable with `result` from any thread but the hub's.

    Both give the position once the broker has the publication, None where it got no offset (the
    channel keeps no history, or `skip_history`), and raise BrokerError when it failed. Awaiting
    always gives the loop a turn. On the hub's own loop it also waits for subscribers that lag but
    move (at most `Limits.patience`), so that a publisher in a tight loop neither starves them nor
    outruns them; publications from elsewhere are taken no faster than subscribers are served.
    """

    __slots__ = (
        "_desk",
        "_event",
        "_position",
        "_seen",
        "_waiting",
        "channel",
        "done",
        "error",
        "in_flight",
        "size",
    )

    def __init__(self, desk: Desk, channel: str, size: int) -> None:
        self.channel = channel
        self.size = size
        self.in_flight = False
        self._desk = desk
        self.done = False
        """Has the broker answered?"""
        self._seen = False
        self._position: Position | None = None
        self.error: Exception | None = None
        """Why it failed; None while it has not."""
        self._waiting: list[asyncio.Future[None]] | None = None
        self._event: threading.Event | None = None

    def resolve(self, position: Position | None) -> None:
        """The broker has it; called once, on the loop's thread."""
        self._position = position
        self._finish()

    def fail(self, error: Exception) -> None:
        """The broker does not have it, or may not; called once, on the loop's thread."""
        self.error = error
        self._finish()

    def _finish(self) -> None:
        # Who waits first says so (an event, or a future in the list) and then looks at `done`; we set
        # `done` first and then look who waits. In either order of the two threads one sees the other.
        self.done = True
        if self._event is not None:
            self._event.set()
        if self._waiting is not None:
            here = _get_running_loop()
            for future in self._waiting:
                _wake(future, here)
        self._desk.settled(self)

    def __await__(self) -> Generator[Any, Any, Position | None]:
        yield  # a turn for the loop, whatever else happens
        if not self.done:
            self._desk.check_loop()
            future = asyncio.get_running_loop().create_future()
            with _WAITING:
                if self._waiting is None:
                    self._waiting = []
                self._waiting.append(future)
            if not self.done:
                yield from future
        relief = self._desk.relieve(self.channel)
        if relief is not None:
            yield from relief.__await__()
        return self._outcome()

    def result(self, timeout: float | None = None) -> Position | None:
        """Wait in another thread than the hub's, at most `timeout` seconds.

        Raises:
            TimeoutError: the broker has not answered yet; the publication is on its way.
            BrokerError: it failed.
            RuntimeError: this is the hub's own thread, which would wait for itself.
        """
        if not self.done:
            if self._desk.is_here():
                raise RuntimeError(
                    "receipt.result() in the hub's own thread waits for itself: await the receipt"
                )
            with _WAITING:
                event = self._event = self._event or threading.Event()
            if not self.done and not event.wait(timeout):
                raise TimeoutError(f"no answer of the broker within {timeout} seconds")
        return self._outcome()

    def _outcome(self) -> Position | None:
        self._seen = True
        if self.error is not None:
            raise self.error.with_traceback(None)
        return self._position

    def __del__(self) -> None:
        if self.error is not None and not self._seen:
            self._desk.unseen(self.error)


def _wake(future: asyncio.Future[None], here: asyncio.AbstractEventLoop | None) -> None:
    loop = future.get_loop()
    if loop is here:
        _set(future)
        return
    try:
        loop.call_soon_threadsafe(_set, future)
    except RuntimeError:
        pass  # that loop was closed, and who waited on it is gone


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():  # else whoever waited has given up
        future.set_result(None)
