"""Where WebSocket is blocked: the Centrifuge protocol down an HTTP stream, and up by `POST /emulation`.

`/connection/http_stream` and `/connection/sse` are bidirectional by emulation: the connect reply
names a secret session, to which later commands are posted. `/connection/uni_http_stream` and
`/connection/uni_sse` only go down.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Send

from ..errors import BrokerError, Disconnect
from ..protocol.centrifuge import messages as m
from ..protocol.centrifuge.codecs import JSON, PROTOBUF, Codec
from ..sessions.centrifuge.session import CentrifugeSession
from ..sessions.session import Session
from ..transports.inbox import Inbox
from ..transports.stream import BYTES, EVENTS, LINES, HttpStream
from .centrifuge import connect_bare, new_secret
from .entrance import Headers, Respond, answer
from .guard import Guard
from .request import JSON_TYPE, Request, Unreadable, content_type, read_body

BINARY_TYPE = "application/octet-stream"
CONNECT_BYTES = 64 * 1024

_STREAM_HEADERS = [
    (b"cache-control", b"private, no-cache, no-store, must-revalidate, max-age=0"),
    (b"x-accel-buffering", b"no"),
    (b"pragma", b"no-cache"),
]


class Emulated:
    """The emulated connections of one HubApp, by their secret session id."""

    def __init__(self) -> None:
        self._inboxes: dict[str, tuple[Session, Inbox]] = {}

    @contextmanager
    def holding(self, session: Session, inbox: Inbox) -> Iterator[None]:
        """What is posted for the session arrives in its inbox."""
        self._inboxes[session.secret] = session, inbox
        try:
            yield
        finally:
            del self._inboxes[session.secret]

    def find(self, secret: str) -> tuple[Session, Inbox] | None:
        return self._inboxes.get(secret)


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the four stream doors."""

    transport: str
    events: bool = False
    bare: bool = False

    @property
    def methods(self) -> list[str]:
        """Event streams are also asked for by GET, with `?cf_connect=…`."""
        return ["GET", "POST", "OPTIONS"] if self.events else ["POST", "OPTIONS"]


KINDS = (
    Kind("http_stream"),
    Kind("sse", events=True),
    Kind("uni_http_stream", bare=True),
    Kind("uni_sse", events=True, bare=True),
)


class StreamDoor:
    """Who comes in at a door of this kind; the first commands come with the request."""

    def __init__(self, guard: Guard, emulated: Emulated, kind: Kind) -> None:
        self._guard = guard
        self._emulated = emulated
        self._kind = kind

    async def admit(self, http: HttpRequest, request: Request) -> Respond:
        """Raises Refused or Unreadable."""
        hub, kind = self._guard.hub, self._kind
        handshake = self._guard.handshake(http.scope, request, kind.transport)
        try:
            codec, commands = await self._commands(http)
        except Disconnect as disconnect:
            raise Unreadable(400, disconnect.reason) from None
        framing = EVENTS if kind.events else LINES if codec.text else BYTES

        def farewell(code: int, reason: str) -> bytes:
            push = m.DisconnectPush(code, reason)
            return framing.wrap(codec.encode_bare_push(push) if kind.bare else codec.encode_push(push))

        async def respond(receive: Receive, send: Send, headers: Headers) -> None:
            stream = HttpStream(hub.node, receive, send, farewell, listens_only=kind.bare)
            media = "text/event-stream; charset=utf-8" if kind.events else _TYPES[codec.text]
            head = [(b"content-type", media.encode()), *_STREAM_HEADERS, *headers]
            if not await stream.begin(http.method, head, b"\r\n" if kind.events else b""):
                return
            session = CentrifugeSession(
                hub.node,
                stream.writer,
                framing,
                codec=codec,
                reception=self._guard.reception,
                handshake=handshake,
                bare=kind.bare,
                secret=new_secret(),
                node_id="" if kind.bare else hub.uid,
            )
            # What is posted waits until what came with the request is done: commands keep their order.
            inbox = Inbox(hub.node, session)
            if kind.bare:
                await stream.run(session, obey_first(session, commands))
                return
            with self._emulated.holding(session, inbox):
                await stream.run(session, obey_first(session, commands, inbox))

        return respond

    async def _commands(self, request: HttpRequest) -> tuple[Codec, list[m.Command]]:
        """Which encoding, and what the client says first. Raises Unreadable or Disconnect."""
        limits = self._guard.hub.limits
        if request.method in ("GET", "HEAD"):
            body = request.query_params.get("cf_connect", "").encode()
            if not body and not self._kind.bare:
                raise Unreadable(400, "cf_connect is missing")
        else:
            kinds = (JSON_TYPE,) if self._kind.events or self._kind.bare else (JSON_TYPE, BINARY_TYPE)
            body = await read_body(request, limits, max_bytes=CONNECT_BYTES, kinds=kinds)
        if self._kind.bare:
            return JSON, [m.Command(1, JSON.decode_connect(body, limits))]
        codec = _codec_of(request)
        return codec, codec.decode_body(body, limits)


async def obey_first(
    session: CentrifugeSession, commands: list[m.Command], inbox: Inbox | None = None
) -> None:
    """What came with the request; then what was posted meanwhile. Raises Disconnect."""
    for command in commands:
        if session.flow.closed is not None:
            return
        if session.bare and isinstance(command.request, m.Connect):
            await connect_bare(session, command.request)
        else:
            await session.obey(command)
    if inbox is not None:
        inbox.release()


class EmulationDoor:
    """`POST /emulation`: commands for a connection whose replies go down a stream."""

    def __init__(self, guard: Guard, emulated: Emulated) -> None:
        self._guard = guard
        self._emulated = emulated
        guard.hub.node.peers.on_emulated = self._put

    async def admit(self, http: HttpRequest, request: Request) -> Respond:
        """Raises Unreadable."""
        limits = self._guard.hub.limits
        # Text within JSON is escaped once more, so the body may be larger than what it holds.
        body = await read_body(
            http, limits, max_bytes=limits.message_bytes * 2, kinds=(JSON_TYPE, BINARY_TYPE)
        )
        try:
            said = _codec_of(http).decode_emulation(body, limits)
        except Disconnect as disconnect:
            raise Unreadable(400, disconnect.reason) from None
        if len(said.data) > limits.message_bytes:
            raise Unreadable(413, f"the commands are larger than {limits.message_bytes} bytes")
        return partial(self._take, said)

    async def _take(self, said: m.EmulationRequest, receive: Receive, send: Send, headers: Headers) -> None:
        if said.node != self._guard.hub.uid:
            await self._pass_on(said, send, headers)
        elif self._put(said.session, said.data):
            await answer(send, 204, "", headers)
        else:
            await answer(send, 404, "unknown session", headers)

    def _put(self, session_id: str, data: str | bytes) -> bool:
        """Into the inbox of a session of ours. False: there is none."""
        found = self._emulated.find(session_id)
        if found is None:
            return False
        session, inbox = found
        if inbox.is_full:
            self._guard.hub.counters.inbound_full += 1
            session.close(Disconnect(3013))
        inbox.put(data)
        return True

    async def _pass_on(self, said: m.EmulationRequest, send: Send, headers: Headers) -> None:
        """The session is elsewhere: a load balancer sent the two requests to different nodes."""
        try:
            known = await self._guard.hub.node.peers.pass_on(said.node, said.session, said.data)
        except BrokerError as error:
            await answer(send, 503, str(error), headers)
            return
        status, reason = (204, "") if known else (404, "unknown node")
        await answer(send, status, reason, headers)


_TYPES = {True: JSON_TYPE, False: BINARY_TYPE}
"""By whether the codec is text."""


def _codec_of(request: HttpRequest) -> Codec:
    """By the body's type. Raises Unreadable (415) where Protobuf is not installed."""
    if content_type(request) != BINARY_TYPE:
        return JSON
    if PROTOBUF is None:
        raise Unreadable(415, 'Protobuf is not installed on this server: pip install "gapless[protobuf]"')
    return PROTOBUF
