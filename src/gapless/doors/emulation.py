"""Where WebSocket is blocked: the Centrifuge protocol down an HTTP stream, and up by `POST /emulation`.

`/connection/http_stream` and `/connection/sse` are bidirectional by emulation: the connect reply
names a secret session, to which later commands are posted. `/connection/uni_http_stream` and
`/connection/uni_sse` only go down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send

from ..auth.admission import Handshake, Reception
from ..errors import Disconnect
from ..protocol import sse
from ..protocol.centrifuge import messages as m
from ..protocol.centrifuge.codecs import JSON, PROTOBUF, Codec
from ..sessions.centrifuge.session import CentrifugeSession
from ..sessions.views import stream_bodies
from ..transports.inbox import Inbox
from ..transports.writer import Writer, flows, log_lost
from .centrifuge import connect_bare, handshake_of, new_secret
from .guard import Guard, Refused, Request
from .http import JSON_TYPE, BadRequestBody, content_type, read_body
from .responses import answer, cors, preflight, until_left

BINARY_TYPE = "application/octet-stream"
CONNECT_BYTES = 64 * 1024

_STREAM_HEADERS = [
    (b"cache-control", b"private, no-cache, no-store, must-revalidate, max-age=0"),
    (b"x-accel-buffering", b"no"),
    (b"pragma", b"no-cache"),
]


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


class Emulated:
    """The emulated connections of one HubApp, by their secret session id."""

    def __init__(self) -> None:
        self.inboxes: dict[str, tuple[CentrifugeSession, Inbox]] = {}


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the four stream doors."""

    transport: str
    events: bool
    bare: bool


class StreamDoor:
    """An ASGI endpoint: POST, and for event streams also GET with `?cf_connect=…`."""

    def __init__(self, guard: Guard, reception: Reception, emulated: Emulated, kind: Kind) -> None:
        self._guard = guard
        self._reception = reception
        self._emulated = emulated
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive)
        hub = self._guard.hub
        headers: list[tuple[bytes, bytes]] = []
        try:
            seen = Request.of(scope)
            self._guard.check_place(scope, seen)
            headers = cors(self._guard, seen)
            if request.method == "OPTIONS":
                await answer(send, 204, "", headers + preflight(seen))
                return
            handshake = handshake_of(self._guard, scope, seen, self._kind.transport)
            codec, commands = await self._commands(request)
        except Refused as refused:
            hub.counters.refused_connections += 1
            await answer(send, refused.status, refused.reason, headers)
            return
        except BadRequestBody as error:
            hub.counters.bad_protocol += 1
            await answer(send, error.status, error.reason, headers)
            return
        except Disconnect as disconnect:
            hub.counters.bad_protocol += 1
            await answer(send, 400, disconnect.reason, headers)
            return
        await self._stream(receive, send, handshake, codec, commands, headers)

    async def _commands(self, request: HttpRequest) -> tuple[Codec, list[m.Command]]:
        """Which encoding, and what the client says first. Raises BadRequestBody or Disconnect."""
        limits = self._guard.hub.limits
        if request.method == "GET":
            body = request.query_params.get("cf_connect", "").encode()
            if not body and not self._kind.bare:
                raise BadRequestBody(400, "cf_connect is missing")
        else:
            kinds = (JSON_TYPE,) if self._kind.events or self._kind.bare else (JSON_TYPE, BINARY_TYPE)
            body = await read_body(request, limits, max_bytes=CONNECT_BYTES, kinds=kinds)
        if self._kind.bare:
            return JSON, [m.Command(1, JSON.decode_connect(body, limits))]
        codec: Codec = JSON
        if content_type(request) == BINARY_TYPE:
            codec = protobuf()
        return codec, codec.decode_body(body, limits)

    async def _stream(
        self,
        receive: Receive,
        send: Send,
        handshake: Handshake,
        codec: Codec,
        commands: list[m.Command],
        headers: list[tuple[bytes, bytes]],
    ) -> None:
        hub, kind = self._guard.hub, self._kind
        framing = EVENTS if kind.events else LINES if codec.text else BYTES
        media = (
            b"text/event-stream; charset=utf-8"
            if kind.events
            else JSON_TYPE.encode()
            if codec.text
            else BINARY_TYPE.encode()
        )
        start = [(b"content-type", media), *_STREAM_HEADERS, *headers]
        await send({"type": "http.response.start", "status": 200, "headers": start})
        if kind.events:
            await send({"type": "http.response.body", "body": b"\r\n", "more_body": True})

        async def send_frame(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        async def send_close(code: int, reason: str) -> None:
            push = m.DisconnectPush(code, reason)
            message = codec.encode_bare_push(push) if kind.bare else codec.encode_push(push)
            body = framing.wrap(message)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        writer = Writer(send_frame, send_close, hub.limits, eager=flows(send))
        session = CentrifugeSession(
            hub.node,
            writer,
            framing,
            codec=codec,
            reception=self._reception,
            handshake=handshake,
            bare=kind.bare,
            secret=new_secret(),
            node_id="" if kind.bare else hub.uid,
        )
        writer.on_room = session.flow.on_room

        def lost(error: Exception) -> None:
            log_lost(error, hub.counters)
            session.end(Disconnect(3000))

        writer.on_lost = lost
        session.open()
        # What is posted waits until what came with the request is done: commands keep their order.
        inbox = Inbox(hub, session, held=True)
        if not kind.bare:
            self._emulated.inboxes[session.secret] = session, inbox
        left = asyncio.ensure_future(until_left(receive))
        # At once, also while a command waits for a hook or a broker.
        left.add_done_callback(lambda _: session.end(Disconnect(3000)))
        try:
            await obey_first(session, commands)
            inbox.release()
            await asyncio.wait([left, writer.gone], return_when=asyncio.FIRST_COMPLETED)
        except Disconnect as disconnect:
            session.close(disconnect)
        except Exception:
            hub.counters.session_errors += 1
            session.close(Disconnect(3004))
            raise
        finally:
            self._emulated.inboxes.pop(session.secret, None)
            session.end(Disconnect(3000))
            left.cancel()
            await writer.finish()


async def obey_first(session: CentrifugeSession, commands: list[m.Command]) -> None:
    """What came with the request. Raises Disconnect."""
    for command in commands:
        if session.closed is not None:
            return
        if session.bare and isinstance(command.request, m.Connect):
            await connect_bare(session, command.request)
        else:
            await session.obey(command)


class EmulationDoor:
    """`POST /emulation`: commands for a connection whose replies go down a stream."""

    def __init__(self, guard: Guard, emulated: Emulated) -> None:
        self._guard = guard
        self._emulated = emulated

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive)
        hub = self._guard.hub
        headers: list[tuple[bytes, bytes]] = []
        try:
            seen = Request.of(scope)
            self._guard.check_place(scope, seen)
            headers = cors(self._guard, seen)
            if request.method == "OPTIONS":
                await answer(send, 204, "", headers + preflight(seen))
                return
            # Text within JSON is escaped once more, so the body may be larger than what it holds.
            limit = hub.limits.message_bytes * 2
            body = await read_body(request, hub.limits, max_bytes=limit, kinds=(JSON_TYPE, BINARY_TYPE))
            codec: Codec = protobuf() if content_type(request) == BINARY_TYPE else JSON
            said = codec.decode_emulation(body, hub.limits)
            if len(said.data) > hub.limits.message_bytes:
                raise BadRequestBody(413, f"the commands are larger than {hub.limits.message_bytes} bytes")
        except Refused as refused:
            await answer(send, refused.status, refused.reason, headers)
            return
        except BadRequestBody as error:
            await answer(send, error.status, error.reason, headers)
            return
        except Disconnect as disconnect:
            await answer(send, 400, disconnect.reason, headers)
            return
        if said.node != hub.uid:
            await answer(send, 404, "unknown node", headers)
            return
        found = self._emulated.inboxes.get(said.session)
        if found is None:
            await answer(send, 500, "unknown session", headers)
            return
        session, inbox = found
        if len(inbox) >= hub.limits.commands_per_frame:
            session.close(Disconnect(3013))
        inbox.put(said.data)
        await answer(send, 204, "", headers)


def protobuf() -> Codec:
    """Raises BadRequestBody (415) where it is not installed."""
    if PROTOBUF is None:
        raise BadRequestBody(415, 'Protobuf is not installed on this server: pip install "gapless[protobuf]"')
    return PROTOBUF
