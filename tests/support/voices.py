"""Clients that give commands, alike on every door that takes any: subscribe, publish, history, presence."""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF, Codec

from .centrifuge.streams import Stream, stream
from .centrifuge.wire import decode, encode
from .events import EventStream, sse
from .serving import Doors
from .until import DEADLINE


class Closed(Exception):
    """The connection was closed with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Voice(ABC):
    """One connection."""

    wraps = 0
    """Levels of nesting around the data of a publication that count as its own."""

    def __init__(self) -> None:
        self._ids = itertools.count(2)

    async def do(self, name: str, **fields: Any) -> int:
        """Give a command; the code of the error that it is answered with, 0 for none. Raises Closed."""
        return code_of(await self.ask(name, **fields))

    async def ask(self, name: str, **fields: Any) -> dict[str, Any]:
        """Give a command; what it is answered with. Raises Closed."""
        number = next(self._ids)
        await self.say(self.command(number, name, fields))
        async with asyncio.timeout(DEADLINE):
            while True:
                said = await self.hear()
                if said.get("id") == number:
                    return said

    @abstractmethod
    def command(self, number: int, name: str, fields: dict[str, Any]) -> dict[str, Any]:
        """As the wire wants it."""

    @abstractmethod
    async def say(self, command: dict[str, Any]) -> None:
        """Send it. Raises Closed."""

    async def say_together(self, *commands: dict[str, Any]) -> None:
        """Send several in one frame, where a door takes that. Raises Closed."""
        raise NotImplementedError

    async def hear(self) -> dict[str, Any]:
        """The next message. Raises Closed, and TimeoutError where none comes."""
        async with asyncio.timeout(DEADLINE):
            return await self._next()

    @abstractmethod
    async def _next(self) -> dict[str, Any]:
        """The next message, however long it takes. Raises Closed."""


def code_of(said: dict[str, Any]) -> int:
    """Of an answer."""
    error = said if said.get("type") == "error" else said.get("error") or {}
    return int(error.get("code", 0))


class _Plain(Voice):
    wraps = 1

    def command(self, number: int, name: str, fields: dict[str, Any]) -> dict[str, Any]:
        return {"type": name, "id": number, **fields}


class _Centrifuge(Voice):
    def command(self, number: int, name: str, fields: dict[str, Any]) -> dict[str, Any]:
        return {"id": number, name: fields}


class _Socket:
    """What both protocols have of a WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, frame: str | bytes) -> None:
        try:
            await self.connection.send(frame)
        except ConnectionClosed as error:
            raise Closed(error.rcvd.code if error.rcvd else 1006) from None

    async def receive(self) -> bytes:
        try:
            frame = await self.connection.recv()
        except ConnectionClosed as error:
            raise Closed(error.rcvd.code if error.rcvd else 1006) from None
        return frame.encode() if isinstance(frame, str) else frame


class PlainSocket(_Plain):
    """`/ws`."""

    def __init__(self, connection: ClientConnection) -> None:
        super().__init__()
        self._socket = _Socket(connection)

    async def say(self, command: dict[str, Any]) -> None:
        await self._socket.send(orjson.dumps(command).decode())

    async def _next(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(await self._socket.receive())
        return found


class PlainEvents(_Plain):
    """`/sse?commands=1`."""

    def __init__(self, here: Doors, events: EventStream, where: dict[str, str]) -> None:
        super().__init__()
        self._here, self._events, self._where = here, events, where

    async def say(self, command: dict[str, Any]) -> None:
        body = {**self._where, "data": orjson.dumps(command).decode()}
        answer = await self._here.http.post("/emulation", json=body)
        if answer.status_code != 204:
            raise Closed(answer.status_code)

    async def _next(self) -> dict[str, Any]:
        event = await self._events.next()
        if event.name == "close":
            raise Closed(event.data["code"])
        found: dict[str, Any] = event.data
        return found


class CentrifugeSocket(_Centrifuge):
    """`/connection/websocket`."""

    def __init__(self, connection: ClientConnection, codec: Codec) -> None:
        super().__init__()
        self._socket = _Socket(connection)
        self._codec = codec
        self._waiting: list[dict[str, Any]] = []

    async def say(self, command: dict[str, Any]) -> None:
        await self.say_together(command)

    async def say_together(self, *commands: dict[str, Any]) -> None:
        await self._socket.send(encode(self._codec, *commands))

    async def _next(self) -> dict[str, Any]:
        if not self._waiting:
            self._waiting = decode(self._codec, await self._socket.receive())
        return self._waiting.pop(0)


class CentrifugeStream(_Centrifuge):
    """`/connection/http_stream` and `/connection/sse`."""

    def __init__(self, down: Stream) -> None:
        super().__init__()
        self._down = down

    async def say(self, command: dict[str, Any]) -> None:
        await self.say_together(command)

    async def say_together(self, *commands: dict[str, Any]) -> None:
        answer = await self._down.post(*commands)
        if answer.status_code != 204:
            raise Closed(answer.status_code)

    async def _next(self) -> dict[str, Any]:
        said = await self._down.next()
        push = (said or {}).get("push", {})
        if said is None or "disconnect" in push:
            raise Closed(push["disconnect"]["code"] if push else 0)
        found: dict[str, Any] = said
        return found


Speak = Callable[[Doors], AbstractAsyncContextManager[Voice]]


@asynccontextmanager
async def plain_socket(here: Doors) -> AsyncIterator[Voice]:
    async with connect(
        here.address.ws("/ws"), compression=None, ping_interval=None, max_size=None, proxy=None
    ) as connection:
        yield PlainSocket(connection)


@asynccontextmanager
async def plain_events(here: Doors) -> AsyncIterator[Voice]:
    async with sse(here, "commands=1") as events:
        first = await events.next()
        yield PlainEvents(here, events, first.data)


def centrifuge_socket(codec: Codec) -> Speak:
    @asynccontextmanager
    async def speak(here: Doors) -> AsyncIterator[Voice]:
        async with connect(
            here.address.ws("/connection/websocket"),
            subprotocols=None if codec.text else [Subprotocol("centrifuge-protobuf")],
            compression=None,
            ping_interval=None,
            max_size=None,
            proxy=None,
        ) as connection:
            voice = CentrifugeSocket(connection, codec)
            assert await voice.do("connect") == 0
            yield voice

    return speak


def centrifuge_stream(transport: str, codec: Codec) -> Speak:
    @asynccontextmanager
    async def speak(here: Doors) -> AsyncIterator[Voice]:
        async with stream(here, transport, codec=codec, get=transport == "sse") as down:
            await down.connected()
            yield CentrifugeStream(down)

    return speak


assert PROTOBUF is not None

SOCKETS: dict[str, Speak] = {
    "ws": plain_socket,
    "centrifuge-json": centrifuge_socket(JSON),
    "centrifuge-protobuf": centrifuge_socket(PROTOBUF),
}
"""Those that are WebSockets."""

STREAMS: dict[str, Speak] = {
    "sse-commands": plain_events,
    "http_stream-json": centrifuge_stream("http_stream", JSON),
    "http_stream-protobuf": centrifuge_stream("http_stream", PROTOBUF),
    "sse-emulated": centrifuge_stream("sse", JSON),
}
"""Those whose commands are posted."""
