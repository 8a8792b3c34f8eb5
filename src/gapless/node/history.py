"""Pages of history: read from the broker within bounds, shared by those who ask for the same."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from ..brokers.base import Broker
from ..core.counters import Counters
from ..errors import BrokerError
from ..model import History
from ..options import Limits
from .registry import Registry
from .tasks import Tasks


class Range(NamedTuple):
    """Which part of a channel's history: see `Broker.history`, whose arguments these are."""

    after: int | None = None
    limit: int | None = None
    max_bytes: int | None = None
    reverse: bool = False


WHOLE = Range()
"""All that is kept, oldest first."""

POSITION = Range(limit=0)
"""Nothing but where the stream stands."""


class Pages:
    """Reads history on one loop: so many at once, each within a deadline."""

    def __init__(
        self, broker: Broker, registry: Registry, tasks: Tasks, limits: Limits, counters: Counters
    ) -> None:
        self._broker = broker
        self._registry = registry
        self._tasks = tasks
        self._limits = limits
        self._counters = counters
        self._flights: dict[tuple[str, Range], asyncio.Future[History]] = {}

    def begin(self) -> None:
        """Reads of this loop follow."""
        self._slots = asyncio.Semaphore(self._limits.reads_at_once)

    async def page(self, channel: str, part: Range = WHOLE) -> History:
        """A page for a subscriber; who asks for the same while it is on its way shares it.

        So it may have been read a little before it was asked for. That does a cursor no harm:
        the ring goes on behind it, or another page does.

        Raises:
            BrokerError: the broker failed, or did not answer in `Limits.broker_seconds`.
        """
        if self._broker.immediate:
            return await self.read(channel, part)
        key = (channel, part)
        flight = self._flights.get(key)
        if flight is None:
            # A task of its own: whoever is cancelled meanwhile takes nobody along.
            flight = self._flights[key] = self._tasks.loop.create_future()
            self._tasks.spawn(self._fly(key, flight))
        else:
            self._counters.history_shared += 1
        page = await asyncio.shield(flight)
        if part.after is not None and page.top.offset < part.after:
            # Ahead of the top, or the page was read before the top was there: a new one tells.
            return await self.read(channel, part)
        return page

    async def _fly(self, key: tuple[str, Range], flight: asyncio.Future[History]) -> None:
        channel, part = key
        try:
            page = await self.read(channel, part)
        except BaseException as error:
            fail(flight, broker_error(f"the history of {channel!r} cannot be read", error))
            if not isinstance(error, Exception):
                raise
        else:
            flight.set_result(page)
        finally:
            self._flights.pop(key, None)

    async def read(self, channel: str, part: Range = WHOLE) -> History:
        """A page as it is now: it holds everything that was acknowledged or notified before the call.

        Raises:
            BrokerError: the broker failed, or did not answer in `Limits.broker_seconds`.
        """
        self._counters.history_reads += 1
        try:
            if self._broker.immediate:
                return await self._history(channel, part)
            async with self._slots, asyncio.timeout(self._limits.broker_seconds):
                return await self._history(channel, part)
        except BrokerError:
            raise
        except Exception as error:
            raise broker_error(f"the history of {channel!r} cannot be read", error) from error

    async def _history(self, channel: str, part: Range) -> History:
        after, limit, max_bytes, reverse = part
        options = self._registry.options(channel)
        return await self._broker.history(
            channel, options, after=after, limit=limit, max_bytes=max_bytes, reverse=reverse
        )

    def end(self) -> None:
        """Nobody waits any longer for what will not come."""
        for flight in self._flights.values():
            fail(flight, BrokerError("the hub was closed"))
        self._flights.clear()


def broker_error(what: str, error: BaseException) -> BrokerError:
    """A broker's failure as the one error that callers know; its cause says more."""
    if isinstance(error, BrokerError):
        return error
    failure = BrokerError(f"{what}: {str(error) or type(error).__name__}")
    failure.__cause__ = error
    return failure


def fail(future: asyncio.Future[Any], error: Exception) -> None:
    """Fail a future that perhaps nobody waits for."""
    if not future.done():
        future.set_exception(error)
        future.exception()  # else an unread one is logged
