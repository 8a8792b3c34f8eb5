"""Where the groups of keys lie, as the broker sees it: it names a group, never a server."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from redis.exceptions import ResponseError

from ...errors import BrokerError
from .link import Argument, Awaited, Call
from .server import Server


class Site(Protocol):
    """Takes calls for a group of keys to its server, and listens to names there."""

    @property
    def sharded(self) -> bool:
        """Are notifications published and subscribed by shard?"""

    async def start(self) -> None:
        """Raises BrokerError."""

    async def finish(self, seconds: float) -> None:
        """Wait for the answers under way, at most so long."""

    async def close(self) -> None:
        """Never raises."""

    def send(self, group: int, call: Call, *command: Argument) -> None:
        """Calls for one group keep their order; never blocks, and tells `call` of every failure."""

    async def listen(self, group: int, name: str) -> None:
        """Returns when notified. Raises BrokerError."""

    def ignore(self, group: int, name: str) -> None:
        """Be notified no more, sooner or later."""

    def problem(self) -> str | None:
        """Why not everything works just now."""

    def servers(self) -> list[Server]:
        """Those that it is connected to just now."""


class Hearer(Protocol):
    """Who is told what servers notify."""

    def heard(self, name: str, message: bytes) -> None:
        """A message came on the channel `name`."""

    def interrupted(self) -> None:
        """Something may have been notified and not heard."""


async def call(site: Site, group: int, *command: Argument) -> Any:
    """An answer of the server that has this group. Raises BrokerError."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    site.send(group, Awaited(future), *command)
    try:
        return await future
    except ResponseError as error:
        raise refused(error) from error


def refused(error: ResponseError) -> BrokerError:
    """What Redis would not do, as the one error that callers know."""
    failure = BrokerError(f"Redis refused: {error}")
    failure.__cause__ = error
    return failure
