"""One HTTP response that goes on as long as its session: the way down for those without a WebSocket."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.types import Receive, Send

from ..errors import Disconnect
from ..isolation.server import find_server
from ..node.node import Node
from ..protocol import sse
from ..sessions.views import stream_bodies
from .session import AnySession, attended
from .writer import Writer, flows

Headers = Sequence[tuple[bytes, bytes]]

_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
"""Linux (RFC 5482)."""


class StreamFraming:
    """Messages as parts of a response body. `wrap` is what one message looks like in it."""

    def __init__(self, name: str, wrap: Callable[[bytes], bytes]) -> None:
        self.name = name
        self._wrap = wrap

    def wrap(self, message: bytes) -> bytes:
        return self._wrap(message)

    def join(self, frames: list[bytes]) -> list[bytes]:
        return stream_bodies(frames)

    def concat(self, chunks: list[Any]) -> list[bytes]:
        return [body for chunk in chunks for body in chunk]


LINES = StreamFraming("lines", lambda message: message + b"\n")
BYTES = StreamFraming("bytes", lambda message: message)
EVENTS = StreamFraming("events", sse.event)


class HttpStream:
    """A response under way, and the `writer` that a session needs. Begin it before the session.

    `farewell` is the last part of the body, for the code and reason that the session closes with.
    A client that only listens, `listens_only`, is not heard when it is gone: its stream ends after a while,
    sooner where nothing else finds that out, and those who are there come back and resume.
    """

    def __init__(
        self,
        node: Node,
        receive: Receive,
        send: Send,
        farewell: Callable[[int, str], bytes] | None = None,
        *,
        listens_only: bool = True,
    ) -> None:
        self._node = node
        self._receive = receive
        self._send = send
        self._farewell = farewell
        self._listens_only = listens_only
        server = find_server(send)
        server.bound_send_buffer()
        self.writer = Writer(
            self._send_part, self._send_close, node.limits, eager=flows(), transport=server.transport
        )

    async def begin(self, method: str, headers: Headers, first: bytes = b"") -> bool:
        """Send the head, and the body's first part. False: no more than the head was asked for."""
        await self._send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        if method == "HEAD":
            await self._send({"type": "http.response.body"})
            return False
        if first:
            await self._send_part(first)
        return True

    async def run(self, session: AnySession, opening: Awaitable[None]) -> None:
        """Until the client has left or the session is closed. `opening` is what the session does first."""
        async with attended(session, self.writer, self._node.counters):
            left = asyncio.ensure_future(until_left(self._receive))
            # At once, also while the opening waits for a hook or a broker.
            left.add_done_callback(lambda _: session.end(Disconnect(3000)))
            ageing = asyncio.get_running_loop().call_later(self._age(), session.close, Disconnect(3011))
            try:
                await opening
                await asyncio.wait([left, self.writer.gone], return_when=asyncio.FIRST_COMPLETED)
            finally:
                left.cancel()
                ageing.cancel()

    def _age(self) -> float:
        """How many seconds it lives at most. Not all that began together end together."""
        limits = self._node.limits
        is_watched = find_dead_peer(self._send, limits.peer_timeout) or not self._listens_only
        age = limits.stream_age if is_watched else limits.unwatched_stream_age
        return age * (0.75 + random.random() / 4)

    async def _send_part(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def _send_close(self, code: int, reason: str) -> None:
        if self._farewell is not None:
            await self._send_part(self._farewell(code, reason))
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def until_left(receive: Receive) -> None:
    """Return when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def find_dead_peer(send: Send, seconds: float) -> bool:
    """End the connection under an ASGI `send` when its peer acknowledges nothing for so long.

    A stream only goes down: nothing a client says shows that it is there, and the few bytes of a heartbeat
    fit into the kernel's buffer for hours. The kernel finds whose machine or network is
    gone, if it is asked to.

    False: the server does not let us, or the system cannot.
    """
    transport = find_server(send).transport
    descriptor = transport.descriptor() if transport is not None else -1
    if descriptor < 0 or _USER_TIMEOUT is None:
        return False
    lent = socket.socket(fileno=descriptor)
    try:
        lent.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(seconds * 1000))
    except OSError:
        return False  # no TCP
    finally:
        lent.detach()
    return True
