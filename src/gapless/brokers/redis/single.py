"""A site of one server: at a fixed place, or the one that sentinels call the master."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio.sentinel import Sentinel
from redis.exceptions import RedisError

from ...errors import BrokerError
from .address import CONNECT_SECONDS, Address, Place
from .keys import Keys
from .link import Argument, Call
from .server import Pace, Server
from .site import Hearer


class Single:
    """All groups lie on one server, whichever that is just now."""

    sharded = False

    def __init__(self, address: Address, keys: Keys, hearer: Hearer, *, pace: Pace) -> None:
        self._hearer = hearer
        self.heard = hearer.heard
        find = master_of(address) if address.kind == "sentinel" else fixed(address.places[0])
        self._server = Server(address, keys, find, self, sharded=False, pace=pace)
        self._server.adopt(range(keys.groups))

    async def start(self) -> None:
        await self._server.start()

    async def finish(self, seconds: float) -> None:
        await self._server.finish(seconds)

    async def close(self) -> None:
        await self._server.close()

    def send(self, group: int, call: Call, *command: Argument) -> None:
        self._server.send(call, *command)

    async def listen(self, group: int, name: str) -> None:
        await self._server.listen(name)

    def ignore(self, group: int, name: str) -> None:
        self._server.ignore(name)

    def problem(self) -> str | None:
        return self._server.problem()

    def servers(self) -> list[Server]:
        """The one."""
        return [self._server]

    # -- what the server tells

    def missed(self, server: Server) -> None:
        self._hearer.interrupted()

    def dropped(self, name: str) -> None:
        return None  # nothing moves

    def troubled(self, server: Server) -> None:
        return None  # it connects again by itself, to wherever the master then is


def fixed(place: Place) -> Callable[[], Awaitable[Place]]:
    """A search that finds this place."""

    async def find() -> Place:
        return place

    return find


def master_of(address: Address) -> Callable[[], Awaitable[Place]]:
    """Ask the sentinels, each time anew, where the master is."""

    async def find() -> Place:
        options: dict[str, Any] = {
            "socket_timeout": CONNECT_SECONDS,
            "socket_connect_timeout": CONNECT_SECONDS,
        }
        if address.sentinel_credentials is not None:
            options["credential_provider"] = address.sentinel_credentials
        if address.tls is not None:
            options |= {"ssl": True, **address.tls}
        sentinel = Sentinel(list(address.places), sentinel_kwargs=options)  # type: ignore[no-untyped-call]
        try:
            host, port = await sentinel.discover_master(address.service)
        except RedisError as error:
            raise BrokerError(f"no sentinel of {address} knows a master: {error}") from error
        finally:
            for client in sentinel.sentinels:
                await client.aclose()
        return Place(str(host), int(port))

    return find
