"""Clients for tests: one that behaves, and bare sockets for those that do not."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from .until import DEADLINE

RECEIVE_BYTES = 128 * 1024
"""The kernel's buffer of a client that reads late. Smaller than a segment of the loopback, the kernel
takes seconds to notice that it is read again."""


class Client:
    """A client of `/ws` on the `websockets` library."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def text(self) -> str:
        """The next frame, as it came."""
        async with asyncio.timeout(DEADLINE):
            said = await self.connection.recv()
        assert isinstance(said, str), "text frames only"
        return said

    async def next(self) -> Any:
        """The next frame, decoded."""
        return json.loads(await self.text())

    async def take(self, count: int) -> list[Any]:
        """So many frames, decoded."""
        return [await self.next() for _ in range(count)]

    async def history(self, channel: str) -> list[Any]:
        """The history frames of one channel, up to the last; nothing else may come between."""
        frames = [await self.next()]
        while frames[-1]["more"]:
            frames.append(await self.next())
        assert {frame["channel"] for frame in frames} == {channel}
        return frames

    async def live(self, count: int) -> list[Any]:
        """The publications of so many live ones, out of live and batch frames."""
        found: list[Any] = []
        while len(found) < count:
            frame = await self.next()
            found += frame.get("batch") or [frame]
        assert len(found) == count
        return found

    async def say(self, message: Any) -> None:
        """Send a text frame: a string as it is, anything else as JSON."""
        await self.connection.send(message if isinstance(message, str) else json.dumps(message))

    async def ask(self, message: Any) -> Any:
        """Send, and give back the next frame."""
        await self.say(message)
        return await self.next()

    async def quiet(self) -> None:
        """Nothing is on its way: what answers a ping is the next that comes."""
        assert await self.ask({"type": "ping", "id": "quiet?"}) == {"type": "pong", "id": "quiet?"}

    async def closed(self) -> tuple[int, str]:
        """The code and reason with which the server closes; frames before that are let go."""
        async with asyncio.timeout(DEADLINE):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed as error:
                assert error.rcvd is not None, "the connection broke without a close frame"
                return error.rcvd.code, error.rcvd.reason


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[Client]:
    """A WebSocket to a URL. `options` are those of websockets' `connect`."""
    settings: dict[str, Any] = {
        "compression": None,
        "max_size": None,
        "ping_interval": None,
        "proxy": None,
        "open_timeout": DEADLINE,
        "close_timeout": DEADLINE,
    }
    async with connect(url, **settings | options) as connection:
        yield Client(connection)


@asynccontextmanager
async def lazy(url: str, **options: Any) -> AsyncIterator[Client]:
    """A client that reads only when it is asked to, through a small buffer."""
    host, _, port = url.removeprefix("ws://").partition("/")[0].rpartition(":")
    peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    peer.setblocking(False)
    await asyncio.get_running_loop().sock_connect(peer, (host, int(port)))
    async with connected(url, sock=peer, max_queue=1, **options) as client:
        yield client


# -- bare sockets


def handshake(host: str, path: str, *headers: str) -> bytes:
    """The request that asks for a WebSocket (RFC 6455, 4.1)."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1")


def masked(opcode: int, payload: bytes) -> bytes:
    """A final frame from a client (RFC 6455, 5.2); masked with zeros, so that the payload stays readable."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2)
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8)
    return head + b"\0\0\0\0" + payload


def unmasked(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The whole frames of a server in what came from it: opcode and payload."""
    at = 0
    while at + 2 <= len(data):
        opcode, size, begin = data[at] & 15, data[at + 1], at + 2
        if size == 126:
            size, begin = int.from_bytes(data[at + 2 : at + 4]), at + 4
        elif size == 127:
            size, begin = int.from_bytes(data[at + 2 : at + 10]), at + 10
        if begin + size > len(data):
            return
        yield opcode, data[begin : begin + size]
        at = begin + size


class Listening(asyncio.Protocol):
    """A WebSocket that only listens, and costs little: for many of them in one process."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._data = bytearray()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data

    def has(self, text: bytes) -> bool:
        """Does what came last hold this?"""
        return text in self._data[-4096:]

    def texts(self) -> list[str]:
        """The text frames that have come."""
        head, _, frames = bytes(self._data).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        return [payload.decode() for opcode, payload in unmasked(frames) if opcode == 1]


async def listen(host: str, path: str) -> Listening:
    """Connect a `Listening`."""
    name, _, port = host.rpartition(":")
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(
        lambda: Listening(handshake(host, path)), name, int(port), family=socket.AF_INET
    )
    return protocol


@contextmanager
def frozen(host: str, request: bytes) -> Iterator[socket.socket]:
    """A socket that asks and then never reads; its receive buffer is small."""
    name, _, port = host.rpartition(":")
    peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        peer.settimeout(DEADLINE)
        peer.connect((name, int(port)))
        peer.sendall(request)
        yield peer
    finally:
        peer.close()


async def drain(peer: socket.socket, until: Callable[[bytes], bool]) -> bytes:
    """Read what a frozen socket has, on the side, until there is enough or the end."""

    def read() -> bytes:
        data = bytearray()
        while not until(bytes(data[-70_000:])):
            piece = peer.recv(1 << 20)
            if not piece:
                break
            data += piece
        return bytes(data)

    return await asyncio.to_thread(read)
