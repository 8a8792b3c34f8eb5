"""`/ws` on any ASGI server: the plain protocol over WebSocket."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Receive, Scope, Send

from ..errors import Disconnect
from ..plain_session import PlainSession
from ..protocol import plain
from .guard import Guard, Refused, Request
from .query import BadQuery, Query
from .writer import CLOSE_SECONDS, Writer, log_lost


class TextFraming:
    """One ASGI message for each message; a join is a tuple of them."""

    name = "asgi-text"

    def wrap(self, message: bytes) -> str:
        return message.decode()

    def join(self, frames: list[Any]) -> tuple[str, ...]:
        return tuple(frames)

    def concat(self, chunks: list[Any]) -> tuple[str, ...]:
        return tuple(frame for chunk in chunks for frame in chunk)


TEXT = TextFraming()


class PlainDoor:
    """An ASGI endpoint. `default_channels` are those of a query without any."""

    def __init__(self, guard: Guard, default_channels: tuple[str, ...]) -> None:
        self._guard = guard
        self._default_channels = default_channels

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hub = self._guard.hub
        await receive()  # websocket.connect
        refusal: Disconnect | None = None
        try:
            request = Request.of(scope)
            client, grant = await self._guard.admit(scope, request, "websocket")
        except Refused as refused:
            hub.counters.refused_connections += 1
            await refuse(scope, send, refused)
            return
        except Disconnect as disconnect:
            hub.counters.refused_connections += 1
            refusal = disconnect
        await send({"type": "websocket.accept"})
        if refusal is not None:
            await send({"type": "websocket.close", "code": refusal.code, "reason": refusal.reason})
            return
        try:
            query = Query.parse(request.query, hub.limits, default_channels=self._default_channels)
        except BadQuery as error:
            hub.counters.bad_protocol += 1
            await send({"type": "websocket.send", "text": plain.error(107, str(error)).decode()})
            await send({"type": "websocket.close", "code": 3501, "reason": "bad request"})
            return
        await Conversation(self._guard, receive, send, query).run(client, grant)


class Conversation:
    """One accepted connection, from its first subscription to its end."""

    def __init__(self, guard: Guard, receive: Receive, send: Send, query: Query) -> None:
        self._hub = guard.hub
        self._receive = receive
        self._send = send
        self._query = query
        self._reading = True
        self._detached = False
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, client: Any, grant: Any) -> None:
        hub, query = self._hub, self._query
        writer = Writer(self._send_frame, self._send_close, hub.limits)
        session = PlainSession(
            hub.node,
            hub.rules,
            writer,
            TEXT,
            client=client.id,
            grant=grant,
            about=client,
            batch=query.batch,
            pace=query.pace,
        )
        writer.on_room = session.on_room

        def lost(error: Exception) -> None:
            log_lost(error, hub.counters)
            session.end(Disconnect(3000))

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
        session.open()
        code = 3000
        try:
            for command in query.commands():
                await session.obey_query(command)
            code = await self._read(session)
        except Disconnect as disconnect:
            session.close(disconnect)
        except asyncio.CancelledError:
            if not self._detached:
                raise
        except Exception:
            hub.counters.session_errors += 1
            session.close(Disconnect(3004))
            raise
        finally:
            self._reading = False
            session.end(Disconnect(code))
            if self._timer is not None:
                self._timer.cancel()
            await writer.finish()

    def _detach(self, task: asyncio.Task[Any]) -> None:
        if self._reading:
            self._detached = True
            task.cancel()

    async def _read(self, session: PlainSession) -> int:
        limit = self._hub.limits.message_bytes
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 1005)
            text = message.get("text")
            if text is None:
                raise Disconnect(1003, "this door speaks text frames only")
            if len(text) > limit or (len(text) * 4 > limit and len(text.encode("utf-8", "replace")) > limit):
                raise Disconnect(1009, "a message is larger than this server takes")
            if session.closed is None:
                await session.handle(text)

    async def _send_frame(self, frame: str) -> None:
        await self._send({"type": "websocket.send", "text": frame})

    async def _send_close(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason})


async def refuse(scope: Scope, send: Send, refused: Refused) -> None:
    """Answer the handshake with a status, where the server can; else it says 403."""
    if "websocket.http.response" in scope.get("extensions", {}):
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        if refused.status == 503:
            headers.append((b"retry-after", b"5"))
        start = {"type": "websocket.http.response.start", "status": refused.status, "headers": headers}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": refused.reason.encode()})
    else:
        await send({"type": "websocket.close", "code": 3507 if refused.status < 500 else 3001})
