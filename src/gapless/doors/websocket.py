"""`/ws` on any ASGI server: the plain protocol over WebSocket."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from ..core.outbox import Outlet
from ..errors import Disconnect
from ..protocol import plain
from ..sessions.plain import PlainSession
from ..sessions.views import Framing
from ..transports.conversation import converse
from .guard import Guard, Refused, Request
from .query import BadQuery, Query


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

        def make(outlet: Outlet, framing: Framing) -> PlainSession:
            return PlainSession(
                hub.node,
                outlet,
                framing,
                client=client.id,
                grant=grant,
                about=client,
                query=query.commands(),
                batch=query.batch,
                pace=query.pace,
            )

        await converse(hub, scope, receive, send, make)


async def refuse(scope: Scope, send: Send, refused: Refused) -> None:
    """Answer the handshake with a status, where the server can; else it says 403."""
    if "websocket.http.response" in scope.get("extensions", {}):
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        if refused.status == 503:
            headers.append((b"retry-after", b"5"))
        start = {"type": "websocket.http.response.start", "status": refused.status, "headers": headers}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": refused.reason.encode()})
        # uvicorn takes a call that returns before the socket is closed for one that forgot to answer,
        # and logs an error for each client that was refused. The socket closes in this turn.
        await asyncio.sleep(0)
    else:
        await send({"type": "websocket.close", "code": 3507 if refused.status < 500 else 3001})
