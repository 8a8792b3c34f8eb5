"""`/sse`: for EventSource, curl, and resumable streams."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Send

from ..auth.admission import Admitted
from ..errors import BrokerError, ClientError
from ..hooks.events import Client
from ..model import Position
from ..protocol import sse
from ..sessions.plain import EventSession
from ..sessions.sse import SseSession
from ..transports.inbox import Inbox
from ..transports.stream import EVENTS, HttpStream
from .centrifuge import new_secret
from .emulation import Emulated
from .entrance import Headers, Respond
from .guard import Guard
from .query import BadQuery, Query
from .request import Request, Unreadable

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-store"),
    # Nginx and its kin would otherwise hold events back until a buffer is full.
    (b"x-accel-buffering", b"no"),
]


class SseDoor:
    """Who comes in at `/sse`, by GET. `default_channels` are those of a query without any.

    With `commands=1` it is `/ws` for those without a WebSocket: its frames come as events, and what is
    posted to `/emulation` for the session that the first event names is a frame of the client.
    """

    def __init__(self, guard: Guard, default_channels: tuple[str, ...], emulated: Emulated) -> None:
        self._guard = guard
        self._default_channels = default_channels
        self._emulated = emulated

    async def admit(self, http: HttpRequest, request: Request) -> Respond:
        """Raises Refused, Unreadable or Disconnect."""
        hub = self._guard.hub
        client, admitted = await self._guard.admit(http.scope, request, "sse")
        query = self._query(request, admitted.subs)
        if not query.takes_commands:
            self._check(query.channels)
        since = _resume(request, query)

        async def respond(receive: Receive, send: Send, headers: Headers) -> None:
            stream = HttpStream(hub.node, receive, send, _farewell if query.takes_commands else None)
            await stream.begin(HEADERS + headers)
            if http.method == "HEAD":
                await send({"type": "http.response.body"})
            elif query.takes_commands:
                await self._converse(stream, client, admitted, query)
            else:
                session = SseSession(
                    hub.node,
                    stream.writer,
                    client=client.id,
                    grant=admitted.grant,
                    subs=admitted.subs,
                    about=client,
                    channels=query.channels,
                    since=since,
                    history=query.history,
                    pace=query.pace,
                    joins=query.joins,
                )
                await stream.run(session, _subscribe(session, query.channels))

        return respond

    async def _converse(self, stream: HttpStream, client: Client, admitted: Admitted, query: Query) -> None:
        hub = self._guard.hub
        session = EventSession(
            hub.node,
            stream.writer,
            EVENTS,
            client=client.id,
            grant=admitted.grant,
            subs=admitted.subs,
            about=client,
            query=query.commands(),
            batch=query.batch,
            pace=query.pace,
        )
        session.secret = new_secret()
        inbox = Inbox(hub.node, session)
        with self._emulated.holding(session, inbox):
            await stream.run(session, _begin(session, inbox, hub.uid))

    def _check(self, channels: tuple[str, ...]) -> None:
        """Can any of them be read by anybody? Raises Unreadable (404, or 400 for names that cannot be)."""
        registry = self._guard.hub.node.registry
        refusals: list[Unreadable] = []
        for name in channels:
            try:
                registry.check(name)
            except ClientError as error:
                refusals.append(Unreadable(400, error.message))
            else:
                if registry.declared(name) is not None:
                    return
                refusals.append(Unreadable(404, f"unknown channel: no pattern of this hub matches {name!a}"))
        raise refusals[0]

    def _query(self, request: Request, granted: Iterable[str]) -> Query:
        """What is asked for, and behind it what the client was granted besides."""
        limits = self._guard.hub.limits
        try:
            query = Query.parse(request.query, limits, default_channels=self._default_channels, sse=True)
            query = query.with_channels(granted)
            if not query.channels and not query.takes_commands:
                raise BadQuery("channel: name at least one, as in /sse?channel=logs")
        except BadQuery as error:
            raise Unreadable(400, str(error)) from None
        return query


async def _begin(session: EventSession, inbox: Inbox, node: str) -> None:
    """Say whom commands are posted for, and answer the query, then what was posted. Raises Disconnect."""
    session.reply(sse.event(orjson.dumps({"session": session.secret, "node": node}), name="session"))
    await session.begin()
    inbox.release()


def _farewell(code: int, reason: str) -> bytes:
    return sse.event(orjson.dumps({"code": code, "reason": reason}), name="close")


async def _subscribe(session: SseSession, channels: tuple[str, ...]) -> None:
    """Read all that may be read. Raises Disconnect."""
    session.reply(sse.COMMENT)  # the headers go out at once, and onopen fires
    for channel in channels:
        if session.closed is not None:
            return
        try:
            await session.subscribe(channel)
        except (ClientError, BrokerError) as error:
            if session.closed is None:
                session.tell_refused(channel, error)


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
