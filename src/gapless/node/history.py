"""Pages of history: read from the broker within bounds, shared by those who ask for the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from ..brokers.base import Broker
from ..core.counters import Counters
from ..errors import BrokerError
from ..model import History
from ..options import ChannelOptions, Limits

_Key = tuple[str, int | None, int | None, int | None, bool]


class Pages:
    """Reads history on one loop: so many at once, each within a deadline.

    `spawn` runs a task that outlives whoever asked for a page.
    """

    def __init__(
        self,
        broker: Broker,
        options: Callable[[str], ChannelOptions],
        limits: Limits,
        counters: Counters,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._broker = broker
        self._options = options
        self._limits = limits
        self._counters = counters
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(limits.reads_at_once)
        self._flights: dict[_Key, asyncio.Future[History]] = {}

    async def page(
        self,
        channel: str,
        *,
        after: int | None = None,
        limit: int | None = None,
        max_bytes: int | None = None,
        reverse: bool = False,
    ) -> History:
        """A page for a subscriber; who asks for the same while it is on its way shares it.

        So it may have been read a little before it was asked for. That does a cursor no harm:
        the ring goes on behind it, or another page does.

        Raises:
            BrokerError: the broker failed, or did not answer in `Limits.broker_seconds`.
        """
        if self._broker.immediate:
            return await self.read(channel, after=after, limit=limit, max_bytes=max_bytes, reverse=reverse)
        key = (channel, after, limit, max_bytes, reverse)
        flight = self._flights.get(key)
        if flight is None:
            # A task of its own: whoever is cancelled meanwhile takes nobody along.
            flight = self._flights[key] = self._loop.create_future()
            self._spawn(self._fly(key, flight))
        else:
            self._counters.history_shared += 1
        page = await asyncio.shield(flight)
        if after is not None and page.top.offset < after:
            # Ahead of the top, or the page was read before the top was there: a new one tells.
            return await self.read(channel, after=after, limit=limit, max_bytes=max_bytes, reverse=reverse)
        return page

    async def _fly(self, key: _Key, flight: asyncio.Future[History]) -> None:
        channel, after, limit, max_bytes, reverse = key
        try:
            page = await self.read(channel, after=after, limit=limit, max_bytes=max_bytes, reverse=reverse)
        except BaseException as error:
            fail(flight, broker_error(f"the history of {channel!r} cannot be read", error))
            if not isinstance(error, Exception):
                raise
        else:
            flight.set_result(page)
        finally:
            self._flights.pop(key, None)

    async def read(
        self,
        channel: str,
        *,
        after: int | None = None,
        limit: int | None = None,
        max_bytes: int | None = None,
        reverse: bool = False,
    ) -> History:
        """A page as it is now: it holds everything that was acknowledged or notified before the call.

        Raises:
            BrokerError: the broker failed, or did not answer in `Limits.broker_seconds`.
        """
        self._counters.history_reads += 1
        history = partial(
            self._broker.history,
            channel,
            self._options(channel),
            after=after,
            limit=limit,
            max_bytes=max_bytes,
            reverse=reverse,
        )
        try:
            if self._broker.immediate:
                return await history()
            async with self._slots, asyncio.timeout(self._limits.broker_seconds):
                return await history()
        except BrokerError:
            raise
        except Exception as error:
            raise broker_error(f"the history of {channel!r} cannot be read", error) from error

    def close(self) -> None:
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
