"""`/sse` on any ASGI server: for EventSource, curl, and resumable streams."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from ..errors import BrokerError, ClientError, Disconnect
from ..hooks.events import Client
from ..model import Grant, Position
from ..protocol import sse
from ..sessions.sse import SseSession
from ..transports.writer import Writer, flows, log_lost
from .guard import Guard, Refused, Request
from .query import BadQuery, Query
from .responses import answer, cors, until_left

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-store"),
    # Nginx and its kin would otherwise hold events back until a buffer is full.
    (b"x-accel-buffering", b"no"),
]


class SseDoor:
    """An ASGI endpoint for GET."""

    def __init__(self, guard: Guard, default_channels: tuple[str, ...]) -> None:
        self._guard = guard
        self._default_channels = default_channels

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hub = self._guard.hub
        try:
            request = Request.of(scope)
            client, grant = await self._guard.admit(scope, request, "sse")
            query = Query.parse(request.query, hub.limits, default_channels=self._default_channels, sse=True)
            if not query.channels:
                raise BadQuery("channel: name at least one, as in /sse?channel=logs")
        except Refused as refused:
            hub.counters.refused_connections += 1
            await answer(send, refused.status, refused.reason)
            return
        except Disconnect as refusal:
            hub.counters.refused_connections += 1
            # 204 tells EventSource not to come back (HTML, 9.2.3); anything else is an error for it too.
            await answer(send, 503 if refusal.reconnect else 403, refusal.reason)
            return
        except BadQuery as error:
            hub.counters.bad_protocol += 1
            await answer(send, 400, str(error))
            return
        headers = HEADERS + cors(self._guard, request)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body"})
            return
        await self._stream(scope, receive, send, client, grant, request, query)

    async def _stream(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        client: Client,
        grant: Grant,
        request: Request,
        query: Query,
    ) -> None:
        hub = self._guard.hub

        async def send_frame(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        async def send_close(code: int, reason: str) -> None:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        writer = Writer(send_frame, send_close, hub.limits, eager=flows(send))
        session = SseSession(
            hub.node,
            writer,
            client=client.id,
            grant=grant,
            about=client,
            channels=query.channels,
            since=_resume(request, query),
            history=query.history,
            pace=query.pace,
            joins=query.joins,
        )
        writer.on_room = session.flow.on_room

        def lost(error: Exception) -> None:
            log_lost(error, hub.counters)
            session.end(Disconnect(3000))

        writer.on_lost = lost
        session.open()
        left = asyncio.ensure_future(until_left(receive))
        try:
            session.reply(sse.COMMENT)  # the headers go out at once, and onopen fires
            for channel in query.channels:
                try:
                    await session.subscribe(channel)
                except (ClientError, BrokerError) as error:
                    session.tell_refused(channel, error)
            await asyncio.wait([left, writer.gone], return_when=asyncio.FIRST_COMPLETED)
        except Disconnect as disconnect:
            session.close(disconnect)
        finally:
            session.end(Disconnect(3000))
            left.cancel()
            await writer.finish()


def _resume(request: Request, query: Query) -> dict[str, Position]:
    """Where to go on: Last-Event-ID when it is one of ours, else `since` of the query."""
    header = request.headers.get("last-event-id")
    if header is None:
        return query.since
    positions = sse.parse_event_id(header, len(query.channels))
    if positions is None:
        # Not one of ours: what was missed cannot be known. An impossible position says so to the
        # client as a gap, and it gets all that is kept.
        return dict.fromkeys(query.channels, Position(1, "_"))
    return dict(zip(query.channels, positions, strict=True))
