"""One accepted WebSocket, from its first word to its last, whatever is spoken on it.

Over any ASGI server a reader and one writer task do it; where the server offers its transport
(see `uvicorn.py`), the connection is written to directly and outlives the ASGI call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from enum import Enum
from typing import Any

from starlette.types import Receive, Scope, Send

from ..errors import Disconnect
from ..isolation.server import find_server
from ..node.node import Node
from .direct import EXTENSION, DirectConversation, Offer
from .inbox import check_size, paid_for
from .session import DuplexSession, MakeSession, attended
from .writer import Writer, flows


class AsgiFraming:
    """One ASGI message for each message; a join is a tuple of them."""

    def __init__(self, *, text: bool) -> None:
        self.name = "asgi-text" if text else "asgi-binary"
        self._text = text

    def wrap(self, message: bytes) -> str | bytes:
        return message.decode() if self._text else message

    def join(self, frames: list[Any]) -> tuple[Any, ...]:
        return tuple(frames)

    def concat(self, chunks: list[Any]) -> tuple[Any, ...]:
        return tuple(frame for chunk in chunks for frame in chunk)


TEXT = AsgiFraming(text=True)
BINARY = AsgiFraming(text=False)


async def converse(
    node: Node, scope: Scope, receive: Receive, send: Send, make: MakeSession, *, binary: bool = False
) -> None:
    """Run an accepted connection to its end, or hand it over to the server's own transport."""
    offer: Offer | None = scope.get("extensions", {}).get(EXTENSION)
    connection = offer.take(node.inbound) if offer is not None else None
    if connection is not None:
        await DirectConversation(node, connection, binary=binary).run(make)
    else:
        await AsgiConversation(node, receive, send, binary=binary).run(make)


class Phase(Enum):
    """How far a conversation is."""

    READING = "the ASGI call waits for messages, or handles one"
    CUT_OFF = "the writer is done and the client did not leave by itself: reading was cancelled"
    OVER = "nothing is read any more"


class AsgiConversation:
    """Reads in the ASGI call, writes in a task of its own."""

    def __init__(self, node: Node, receive: Receive, send: Send, *, binary: bool) -> None:
        self._node = node
        self._receive = receive
        self._send = send
        self._binary = binary
        self._phase = Phase.READING
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, make: MakeSession) -> None:
        server = find_server(self._send)
        server.bound_send_buffer()
        writer = Writer(
            self._send_frame,
            self._send_close,
            self._node.limits,
            eager=flows(),
            transport=server.transport,
        )
        session = make(writer, BINARY if self._binary else TEXT)
        async with attended(session, writer, self._node.counters):
            self._watch(writer)
            try:
                await session.begin()
                session.end(Disconnect(await self._read(session)))
            except asyncio.CancelledError:
                if self._phase is not Phase.CUT_OFF:
                    raise
            finally:
                self._phase = Phase.OVER
                if self._timer is not None:
                    self._timer.cancel()

    def _watch(self, writer: Writer) -> None:
        """End the reading when the writer is done: the close went out, or the socket is stuck."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of asyncio is run by one

        def cut_off() -> None:
            if self._phase is Phase.READING:
                self._phase = Phase.CUT_OFF
                task.cancel()

        def done(_: asyncio.Future[None]) -> None:
            # The client's answer to a close normally ends `receive`; one that never answers must
            # not keep us.
            if self._phase is Phase.READING:
                delay = self._node.limits.close_timeout if writer.closing is not None else 0.0
                self._timer = asyncio.get_running_loop().call_later(delay, cut_off)

        writer.gone.add_done_callback(done)

    async def _read(self, session: DuplexSession) -> int:
        """Handle what comes, until the client leaves; returns the code it left with. Raises Disconnect."""
        turns, paid = self._node.inbound.turns, 0.0
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 1005)
            said = message.get("text")
            if said is None:
                said = message["bytes"]
            check_size(self._node, said)
            if not turns.has_time():
                await turns.wait()
            paid, wait = paid_for(self._node, paid, said)
            if wait:
                await asyncio.sleep(wait)
            if session.flow.closed is None:
                await session.handle(said)

    def _send_frame(self, frame: str | bytes) -> Awaitable[None]:
        return self._send({"type": "websocket.send", "bytes" if self._binary else "text": frame})

    async def _send_close(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason})
