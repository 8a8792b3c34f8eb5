"""What one scenario plays with: clients, channels, the server, and a wire that can be cut."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, NamedTuple

import centrifuge  # type: ignore[import-not-found]

from ...support.until import until
from ..backend import Backend
from .event_log import EventLog

VERSION = tuple(int(part) for part in version("centrifuge-python").split("."))

_RUN = secrets.token_hex(3)
_numbers = itertools.count(1)


def unique() -> str:
    """A name that no other scenario has, in this run or another."""
    return f"{_RUN}-{next(_numbers)}"


class Wire(NamedTuple):
    """A way to the server that can be cut."""

    backend: Backend
    port: int

    async def cut(self) -> None:
        """End its TCP connections without a word; those that come meanwhile end at once."""
        await self.backend.control("wire/cut", port=self.port)

    async def mend(self) -> None:
        await self.backend.control("wire/mend", port=self.port)

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Nobody gets through while the body runs."""
        await self.cut()
        yield
        await self.mend()


class Connection:
    """A client of the library with the log of what it said."""

    def __init__(self, client: Any, log: EventLog) -> None:
        self.client = client
        self.log = log

    @property
    def id(self) -> str:
        """The client id of the newest connection."""
        return str(self.log.all("connected")[-1].client)


class Seat:
    """A subscription of the library with the log of what it said."""

    def __init__(self, sub: Any, log: EventLog, stage: Stage) -> None:
        self.sub = sub
        self.log = log
        self._stage = stage

    def data(self) -> list[Any]:
        """The data of the publications that it has got."""
        return [self._stage.decode(context.pub.data) for context in self.log.all("publication")]

    async def numbers(self, count: int) -> list[int]:
        """The `n` of `publish_numbers`, once it has `count` of them."""
        await self.log.next("publication", count)
        return [data["n"] for data in self.data()]


class Stage:
    """An async context manager: at its end every client is disconnected."""

    def __init__(self, backend: Backend, *, protobuf: bool) -> None:
        self.backend = backend
        self.protobuf = protobuf
        self._clients: list[Any] = []

    async def __aenter__(self) -> Stage:
        return self

    async def __aexit__(self, *exception: object) -> None:
        for client in self._clients:
            await client.disconnect()

    def encode(self, value: Any) -> Any:
        return json.dumps(value).encode() if self.protobuf else value

    def decode(self, data: Any) -> Any:
        return json.loads(data) if self.protobuf else data

    def channel(self, namespace: str) -> str:
        """A new channel in a namespace of `server.py`."""
        return f"{namespace}:{unique()}"

    def token(self, user: str, *, lasts: float = 3600, secret: str | None = None, **claims: Any) -> str:
        return self.backend.token(user, lasts=lasts, secret=secret, **claims)

    def client(self, *, wire: Wire | None = None, **options: Any) -> Connection:
        """A client that does not connect yet."""
        settings = self.backend.settings
        port = settings.port if wire is None else wire.port
        log = EventLog()
        client = centrifuge.Client(
            f"ws://{settings.host}:{port}/connection/websocket",
            events=log,
            use_protobuf=self.protobuf,
            timeout=10.0,
            min_reconnect_delay=0.02,
            max_reconnect_delay=0.2,
            **options,
        )
        self._clients.append(client)
        return Connection(client, log)

    async def connected(self, **options: Any) -> Connection:
        """A client that is connected."""
        connection = self.client(**options)
        await connection.client.connect()
        await connection.log.next("connected")
        return connection

    async def seat(self, connection: Connection, channel: str, **options: Any) -> Seat:
        """A subscription that is asked for; it may yet be refused."""
        log = EventLog()
        sub = connection.client.new_subscription(
            channel, events=log, min_resubscribe_delay=0.02, max_resubscribe_delay=0.2, **options
        )
        await sub.subscribe()
        return Seat(sub, log, self)

    async def subscribed(self, connection: Connection, channel: str, **options: Any) -> Seat:
        """A subscription that is subscribed."""
        seat = await self.seat(connection, channel, **options)
        await seat.log.next("subscribed")
        return seat

    def server_side(self, connection: Connection) -> Seat:
        """The server's subscriptions of a client, as one log."""
        return Seat(None, connection.log, self)

    async def wire(self) -> Wire:
        return Wire(self.backend, (await self.backend.control("wire"))["port"])

    async def present(self, channel: str, *clients: Connection) -> None:
        """Wait until the server says that exactly these are present."""
        wanted = {connection.id for connection in clients}

        async def ask() -> bool:
            return set((await self.backend.api("presence", channel=channel))["presence"]) == wanted

        await until(ask, f"the presence of {channel} to be {wanted}")


Play = Callable[[Stage], Coroutine[Any, Any, None]]

SCENARIOS: dict[str, tuple[Play, Callable[[bool], bool]]] = {}
"""Every scenario by name, with a function that says if it is for Protobuf (True), or JSON (False)."""


def scenario(play: Play) -> Play:
    """A scenario for every version and codec; its name is the function's."""
    SCENARIOS[play.__name__.replace("_", " ")] = (play, lambda protobuf: True)
    return play


def scenario_since(*least: int) -> Callable[[Play], Play]:
    """A scenario for versions of the library that can do it."""

    def register(play: Play) -> Play:
        if least <= VERSION:
            scenario(play)
        return play

    return register


def scenario_in_json(play: Play) -> Play:
    """A scenario that JSON alone makes possible."""
    SCENARIOS[play.__name__.replace("_", " ")] = (play, lambda protobuf: not protobuf)
    return play


async def code_of(call: Awaitable[Any]) -> int:
    """The code with which the server refused a call. Raises AssertionError if it did not."""
    try:
        await call
    except centrifuge.ReplyError as error:
        return int(error.code)
    raise AssertionError("was accepted")
