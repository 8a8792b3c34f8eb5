"""Where the groups of keys lie, as the broker sees it: it names a group, never a server."""

from __future__ import annotations

from typing import Protocol

from .link import Argument, Call
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

    def servers(self) -> list[Server]: ...


class Hearer(Protocol):
    """Who is told what servers notify."""

    def heard(self, name: str, message: bytes) -> None: ...

    def interrupted(self) -> None:
        """Something may have been notified and not heard."""
