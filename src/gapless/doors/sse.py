"""`/sse`: for EventSource, curl, and resumable streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Send

from ..auth.admission import Admitted
from ..auth.permission import Admission
from ..errors import BadRequest, BrokerError, ClientError, UnknownChannel
from ..hooks.events import Client, SubscribeEvent
from ..model import Position
from ..protocol import sse
from ..sessions import subscriptions
from ..sessions.plain import EventSession
from ..sessions.sse import SseSession
from ..transports.inbox import Inbox
from ..transports.stream import EVENTS, HttpStream
from .centrifuge import new_secret
from .emulation import Emulated
from .entrance import Headers, Respond
from .guard import Guard
from .query import BadQuery, Query
from .request import Refused, Request, Unreadable

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
        since = _resume(request, query)
        decided = {} if query.takes_commands else await self._decide(client, admitted, query.channels, since)

        async def respond(receive: Receive, send: Send, headers: Headers) -> None:
            stream = HttpStream(hub.node, receive, send, _farewell if query.takes_commands else None)
            if not await stream.begin(http.method, HEADERS + headers):
                return
            if query.takes_commands:
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
                    decided=decided,
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

    async def _decide(
        self,
        client: Client,
        admitted: Admitted,
        channels: tuple[str, ...],
        since: Mapping[str, Position],
    ) -> dict[str, Admission | ClientError]:
        """What may be read, up to the first channel that may: of the others the stream says so.

        Where it may read none, the answer says so by its status: `EventSource` takes that for the end, and
        an empty stream it would ask for again and again.

        Raises:
            Unreadable: 404, or 400 for names that cannot be: nobody could read any of them.
            Refused: 403 by options or a hook; 503 where that may be otherwise a little later.
            Disconnect: a hook's own word.
        """
        node, grant = self._guard.hub.node, admitted.grant
        decided: dict[str, Admission | ClientError] = {}
        for name in channels:
            try:
                node.registry.check(name)
                options = subscriptions.known(node, grant, name)
                event = SubscribeEvent(client, name, since.get(name))
                decided[name] = await subscriptions.admit(node, grant, admitted.subs, options, event)
            except ClientError as error:
                decided[name] = error.with_traceback(None)  # on which this frame would hang
            else:
                return decided
        raise _refusal({name: error for name, error in decided.items() if isinstance(error, ClientError)})

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


def _refusal(errors: Mapping[str, ClientError]) -> Refused | Unreadable:
    """What the answer to a stream says of which each channel was refused: the most hopeful of these."""
    if any(error.temporary for error in errors.values()):
        return Refused(503, "none of the channels can be read just now")
    for error in errors.values():
        if error.code not in (UnknownChannel.code, BadRequest.code):
            return Refused(403, error.message)
    for name, error in errors.items():
        if error.code == UnknownChannel.code:
            return Unreadable(404, f"unknown channel: no pattern of this hub matches {name!a}")
    return Unreadable(400, next(iter(errors.values())).message)


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
        if session.flow.closed is not None:
            return
        try:
            await session.subscribe(channel)
        except (ClientError, BrokerError) as error:
            if session.flow.closed is None:
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
