"""One accepted WebSocket, from its first word to its last, whatever is spoken on it.

Over any ASGI server a reader and one writer task do it; where the server offers its transport
(see `uvicorn.py`), the connection is written to directly and outlives the ASGI call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from ..core.outbox import Outlet
from ..errors import Disconnect
from ..hub import Hub
from ..sessions.flow import Flow
from ..sessions.views import Framing
from .direct import EXTENSION, DirectConversation
from .sizes import check_size
from .writer import CLOSE_SECONDS, Writer, flows, log_lost


class Talk(Protocol):
    """The session's side of a conversation."""

    @property
    def closed(self) -> Disconnect | None: ...

    def open(self) -> None: ...

    async def begin(self) -> None:
        """What happens before the first message. Raises Disconnect."""

    async def handle(self, message: str | bytes) -> None:
        """One message of the client, in order. Raises Disconnect."""

    @property
    def flow(self) -> Flow: ...

    def close(self, disconnect: Disconnect) -> None: ...

    def end(self, disconnect: Disconnect) -> None: ...


MakeTalk = Callable[[Outlet, Framing], Talk]


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
    hub: Hub, scope: Scope, receive: Receive, send: Send, make: MakeTalk, *, binary: bool = False
) -> None:
    """Run an accepted connection to its end, or hand it over to the server's own transport."""
    connection = scope.get("extensions", {}).get(EXTENSION)
    if connection is not None:
        await DirectConversation(hub, connection, binary=binary).run(make)
    else:
        await AsgiConversation(hub, receive, send, binary=binary).run(make)


class AsgiConversation:
    """Reads in the ASGI call, writes in a task of its own."""

    def __init__(self, hub: Hub, receive: Receive, send: Send, *, binary: bool) -> None:
        self._hub = hub
        self._receive = receive
        self._send = send
        self._binary = binary
        self._reading = True
        self._detached = False
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, make: MakeTalk) -> None:
        hub = self._hub
        writer = Writer(self._send_frame, self._send_close, hub.limits, eager=flows(self._send))
        talk = make(writer, BINARY if self._binary else TEXT)
        writer.on_room = talk.flow.on_room

        def lost(error: Exception) -> None:
            log_lost(error, hub.counters)
            talk.end(Disconnect(3000))

        writer.on_lost = lost
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def stop_reading(_: asyncio.Future[None]) -> None:
            # The writer is done: the close went out, or the socket is stuck. The client's answer
            # to a close normally ends `receive`; one that never answers must not keep us.
            if task is not None and self._reading:
                delay = CLOSE_SECONDS if writer.closing is not None else 0.0
                self._timer = loop.call_later(delay, self._detach, task)

        writer.gone.add_done_callback(stop_reading)
        talk.open()
        code = 3000
        try:
            await talk.begin()
            code = await self._read(talk)
        except Disconnect as disconnect:
            talk.close(disconnect)
        except asyncio.CancelledError:
            if not self._detached:
                raise
        except Exception:
            hub.counters.session_errors += 1
            talk.close(Disconnect(3004))
            raise
        finally:
            self._reading = False
            talk.end(Disconnect(code))
            if self._timer is not None:
                self._timer.cancel()
            await writer.finish()

    def _detach(self, task: asyncio.Task[Any]) -> None:
        if self._reading:
            self._detached = True
            task.cancel()

    async def _read(self, talk: Talk) -> int:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 1005)
            said = message.get("text")
            if said is None:
                said = message["bytes"]
            check_size(said, self._hub.limits.message_bytes)
            if talk.closed is None:
                await talk.handle(said)

    def _send_frame(self, frame: str | bytes) -> Awaitable[None]:
        return self._send({"type": "websocket.send", "bytes" if self._binary else "text": frame})

    async def _send_close(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason})
