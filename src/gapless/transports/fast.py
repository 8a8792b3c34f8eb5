"""The fast path on the server's side: a connection whose transport is on offer to the application.

An application that takes the offer, as the doors of a hub do, gets the connection itself: no task,
no queue, no scope and, for short frames, no parser while it is idle. Everybody else is served by
uvicorn's own protocol and sees no difference but three: an empty `Sec-WebSocket-Protocol` header is
taken as none (clients of existing SDKs send it), the kernel's send buffer is bounded, so that a
client which does not read cannot make the kernel hold megabytes for it, and compression is not
negotiated: it would hold tens of KiB for every idle connection, and helps guessing secrets that
travel beside an attacker's text.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote

from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol as Parser

from ..options import Limits
from .direct import EXTENSION, Handler
from .keepalive import Keepalive
from .upgrade import SHORT_HEAD, Upgrade, read_short, read_upgrade
from .uvicorn_inside import (
    ServerProtocol,
    Settings,
    part_from_http,
    plain_protocol,
    prepare,
    settings_of,
)

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

log = logging.getLogger("uvicorn.error")

Message = MutableMapping[str, Any]

_LIMITS = Limits()
"""Until the application that takes a connection over says what its own are."""

_NO_SUBPROTOCOL = re.compile(rb"\r\nsec-websocket-protocol:[ \t]*(?=\r\n)", re.IGNORECASE)


class Phase(Enum):
    """How far a connection has come. Each may be followed by those below it."""

    NEW = "the handshake was not read yet"
    CALLED = "the application was called, and has not asked what for"
    TOLD = "it knows that somebody connects, and has not answered"
    ACCEPTED = "it has accepted, in this turn: the answer is held back, and the connection is on offer"
    TAKEN = "the application has taken it over"
    CLOSING = "a close frame was sent, and its answer has not come"
    OVER = "nothing is written or heard any more; the transport may still send what it has"
    PLAIN = "uvicorn's own protocol has it, and whatever happens is passed on"


class ClientGoneError(ConnectionResetError):
    """What `send` raises when there is nobody to send to (ASGI: an OSError)."""


class FastProtocol(asyncio.Protocol):
    """One connection. In the scope's extensions it offers itself as a `direct.Connection`.

    Whatever is not usual, in the handshake or in what the application does, makes it `PLAIN`.
    """

    __slots__ = (
        "__weakref__",
        "_accepted",
        "_app_state",
        "_call",
        "_config",
        "_deadline",
        "_early",
        "_handler",
        "_head",
        "_keepalive",
        "_loop",
        "_owed",
        "_parser",
        "_phase",
        "_pieces",
        "_plain",
        "_reading",
        "_server_state",
        "_settings",
        "_upgrade",
        "_way",
        "_ways",
        "close_timeout",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.close_timeout = _LIMITS.close_timeout
        self._config = config
        self._settings = settings_of(config)
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._phase = Phase.NEW
        self._head = b""
        self._upgrade: Upgrade | None = None
        self._early: list[bytes] | None = None
        """What came before the application had decided; reading has stopped."""
        self._call: asyncio.Task[None] | None = None
        self._accepted: Message | None = None
        self._owed = b""
        """The answer to the handshake: the first frame travels with it."""
        self._handler: Handler | None = None
        self._parser: Parser | None = None
        """Once there is one everything goes through it: it may stand in the middle of a frame."""
        self._pieces: tuple[Opcode, list[bytes]] | None = None
        """A message of which not all frames have come."""
        self._reading = True
        self._keepalive: Keepalive | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._plain: ServerProtocol | None = None
        self._way: Way | None = None
        self._ways: list[asyncio.Future[Way]] | None = None

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast("asyncio.Transport", transport)
        self._server_state.connections.add(self)  # type: ignore[arg-type]
        part_from_http(transport)

    def data_received(self, data: bytes) -> None:
        match self._phase:
            case Phase.TAKEN if self._parser is None and (frame := self._short(data)) is not None:
                self._on_frame(frame)
            case Phase.TAKEN | Phase.CLOSING:
                self._parse(data)
            case Phase.NEW:
                self._on_head(data)
            case Phase.PLAIN if self._plain is not None:
                self._plain.data_received(data)
            case Phase.OVER:
                pass
            case _:
                self._early = [*(self._early or ()), data]
                self.pause_reading(True)

    def eof_received(self) -> bool | None:
        return self._plain.eof_received() if self._plain is not None else None

    def pause_writing(self) -> None:
        if self._plain is not None:
            self._plain.pause_writing()
        elif self._handler is not None:
            self._handler.on_writable(False)

    def resume_writing(self) -> None:
        if self._plain is not None:
            self._plain.resume_writing()
        elif self._handler is not None:
            self._handler.on_writable(True)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._plain is not None:
            self._plain.connection_lost(exc)
            return
        self._server_state.connections.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
        self._end(1005)

    # -- the handshake

    def shutdown(self) -> None:
        """uvicorn calls this for each connection when the server stops."""
        match self._phase:
            case Phase.TAKEN:
                self._hang_up(1012)
            case Phase.CALLED | Phase.TOLD | Phase.ACCEPTED:
                self.go_plain()
                self.shutdown()
            case Phase.PLAIN if self._plain is not None:
                self._plain.shutdown()
            case _:
                self.transport.close()
                self._give_time()

    # -- the handshake

    def _on_head(self, head: bytes) -> None:
        upgrade = read_upgrade(head)
        if upgrade is None:
            prepare(self.transport)
            self._become_plain(_NO_SUBPROTOCOL.sub(b"", head), None)
            return
        self._head, self._upgrade, self._phase = head, upgrade, Phase.CALLED
        settings = self._settings
        self._call = self._loop.create_task(self._run(settings.app, self._scope(settings, upgrade)))
        self._server_state.tasks.add(self._call)
        self._call.add_done_callback(self._server_state.tasks.discard)

    def _scope(self, settings: Settings, upgrade: Upgrade) -> Message:
        """As uvicorn's own, key by key."""
        path, _, query = upgrade.target.partition(b"?")
        root, (server, client) = settings.root_path, prepare(self.transport)
        return {
            "type": "websocket",
            "asgi": settings.asgi.copy(),
            "http_version": "1.1",
            "scheme": "wss" if self.transport.get_extra_info("sslcontext") else "ws",
            "server": server,
            "client": client,
            "root_path": root,
            "path": root + unquote(path.decode("ascii")),
            "raw_path": root.encode("ascii") + path,
            "query_string": query,
            "headers": upgrade.headers,
            "subprotocols": upgrade.subprotocols,
            "state": self._app_state.copy(),
            "extensions": {"websocket.http.response": {}, EXTENSION: self},
        }

    async def _run(self, app: Any, scope: Message) -> None:
        """The ASGI call. A connection that was taken over outlives it."""
        try:
            await app(scope, self.receive, self.send)
        except ClientGoneError:
            pass  # it left before it was answered
        except BaseException:
            if self._phase not in _BEYOND_ASGI:
                self.go_plain()  # which is told, and answers
                raise
            log.exception("Exception in ASGI application\n")
            if self._phase is Phase.TAKEN:
                self.transport.close()
                self._give_time()
        else:
            if self._phase not in _BEYOND_ASGI:
                self.go_plain()

    async def receive(self) -> Any:
        """ASGI's."""
        if self._phase is Phase.CALLED:
            self._phase = Phase.TOLD
            return {"type": "websocket.connect"}
        if self._phase in _BEYOND_ASGI:
            return {"type": "websocket.disconnect", "code": 1006}
        return await (await self.go_plain()).receive()

    async def send(self, message: Message) -> None:
        """ASGI's."""
        if self._phase is Phase.TOLD and message["type"] == "websocket.accept":
            self._accept(message)
        elif self._phase in _BEYOND_ASGI:
            raise ClientGoneError("the client has left, or the connection was taken over")
        else:
            await (await self.go_plain()).send(message)

    def _accept(self, message: Message) -> None:
        self._phase = Phase.ACCEPTED
        self._accepted = message
        self._loop.call_soon(self._end_of_offer)

    def _end_of_offer(self) -> None:
        if self._phase is Phase.ACCEPTED:
            self.go_plain()
        elif self._owed:
            self._write(b"")

    # -- without the fast path

    def go_plain(self) -> asyncio.Future[Way]:
        """Let uvicorn's own protocol read the handshake again, and the application go on with it.

        What it gives is uvicorn's own `receive` and `send`; who has them no longer needs to come by here.

        A future of its own for each who asks: a send that was begun outside a task waits for one,
        and a future serves one such at a time.
        """
        way: asyncio.Future[Way] = self._loop.create_future()
        if self._way is not None:
            way.set_result(self._way)
            return way
        if self._ways is None:
            self._ways = []
            self._resume()
        self._ways.append(way)
        return way

    def _resume(self) -> None:
        told, accepted, call = self._phase is not Phase.CALLED, self._accepted, self._call

        async def resumed(scope: Message, receive: _Receive, send: _Send) -> None:
            """To uvicorn an application like any other."""
            if told:
                await receive()  # websocket.connect
            if accepted is not None:
                with contextlib.suppress(OSError):  # the client left; the next one says so
                    await send(accepted)
            self._way = Way(receive, send)
            for way in self._ways or ():
                if not way.done():
                    way.set_result(self._way)
            self._ways = None
            if call is not None:
                await call

        self._become_plain(self._head, resumed)

    def _become_plain(self, head: bytes, app: Any) -> None:
        self._phase = Phase.PLAIN
        self._server_state.connections.discard(self)
        self.pause_reading(False)
        self._plain = plain = plain_protocol(self._config, self._server_state, self._app_state, app=app)
        plain.connection_made(self.transport)
        early, self._early = self._early, None
        for data in (head, *(early or ())):
            plain.data_received(data)

    # -- the offer

    @property
    def on_offer(self) -> bool:
        return self._phase is Phase.ACCEPTED

    def hand_over(self, handler: Handler) -> None:
        upgrade, accepted = self._upgrade, self._accepted
        assert upgrade is not None and accepted is not None  # noqa: S101, PT018 - it is on offer
        self._phase = Phase.TAKEN
        self._handler = handler
        headers = [
            *self._server_state.default_headers,
            *((name.lower(), value) for name, value in accepted.get("headers", ())),
        ]
        if subprotocol := accepted.get("subprotocol"):
            headers.append((b"sec-websocket-protocol", subprotocol.encode("latin-1")))
        self._owed = upgrade.answer(headers)
        if log.isEnabledFor(logging.INFO):
            peer = self.transport.get_extra_info("peername")
            log.info(
                '%s - "WebSocket %s" [accepted]',
                ":".join(map(str, peer or ())),
                upgrade.target.decode("ascii"),
            )
        settings = self._settings
        if settings.ping_interval:
            self._keepalive = Keepalive(
                settings.ping_interval, settings.ping_timeout, self._ping, self._on_silence
            )
        early = self._early
        # What only the handshake needed.
        self._head, self._upgrade, self._accepted, self._call, self._early = b"", None, None, None, None
        # Before the messages that wait: they may be so many that reading has to stop again.
        self.pause_reading(False)
        for data in early or ():
            self.data_received(data)

    def uncork(self) -> bytes:
        owed, self._owed = self._owed, b""
        return owed

    def pause_reading(self, paused: bool) -> None:
        if paused is self._reading and not self.transport.is_closing():
            self._reading = not paused
            if paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def close(self, code: int, reason: str) -> None:
        if self._phase is Phase.TAKEN and not self.transport.is_closing():
            self._write(_close_frame(code, reason))
            self._phase = Phase.CLOSING
            self.pause_reading(False)
        self._give_time()

    def abort(self) -> None:
        self.transport.abort()

    # -- what a client says that was taken over

    def _short(self, data: bytes) -> Frame | None:
        return read_short(data) if len(data) <= self._settings.max_bytes + SHORT_HEAD else None

    def _parse(self, data: bytes) -> None:
        """Frames of any form, by the library; it answers pings and closes."""
        if self._parser is None:
            self._parser = Parser(state=OPEN, max_size=self._settings.max_bytes, logger=log)
        parser = self._parser
        parser.receive_data(data)
        for frame in parser.events_received():
            if isinstance(frame, Frame) and frame.opcode not in (Opcode.PING, Opcode.CLOSE):
                self._on_frame(frame)
        answers = b"".join(parser.data_to_send())
        if parser.close_sent is not None:
            if self._phase is Phase.TAKEN:
                self._write(answers)
            self._end(int(parser.close_sent.code))
            self.transport.close()
            self._give_time()
        elif answers and self._phase is Phase.TAKEN:
            self._write(answers)

    def _on_frame(self, frame: Frame) -> None:
        if self._phase is not Phase.TAKEN:
            return  # nobody listens any more
        match frame.opcode:
            case Opcode.PING:
                self._write(Frame(Opcode.PONG, frame.data).serialize(mask=False))
            case Opcode.PONG:
                if self._keepalive is not None:
                    self._keepalive.on_pong(bytes(frame.data))
            case Opcode.CONT if self._pieces is not None:
                self._pieces[1].append(bytes(frame.data))
                if frame.fin:
                    (opcode, pieces), self._pieces = self._pieces, None
                    self._on_message(opcode, b"".join(pieces))
            case _ if frame.fin:
                self._on_message(frame.opcode, bytes(frame.data))
            case _:
                self._pieces = frame.opcode, [bytes(frame.data)]

    def _on_message(self, opcode: Opcode, data: bytes) -> None:
        message: str | bytes = data
        if opcode is Opcode.TEXT:
            try:
                message = data.decode()
            except UnicodeDecodeError:
                self._hang_up(1007, "invalid UTF-8")  # RFC 6455, 8.1: fail the connection
                return
        if self._handler is not None:
            self._handler.on_message(message)

    # -- time

    def _ping(self, payload: bytes) -> None:
        self._write(Frame(Opcode.PING, payload).serialize(mask=False))

    def _on_silence(self) -> None:
        self._hang_up(1011, "keepalive ping timeout")

    # -- the end

    def _hang_up(self, code: int, reason: str = "") -> None:
        """Say so, and wait for no answer. Nothing may follow a close frame (RFC 6455, 5.5.1)."""
        self._write(_close_frame(code, reason))
        self._end(code)
        self.transport.close()
        self._give_time()

    def _give_time(self) -> None:
        """A transport that closes sends first what waits, to a client that may never read it."""
        if self._deadline is None:
            self._deadline = self._loop.call_later(self.close_timeout, self.transport.abort)

    def _end(self, code: int) -> None:
        """Let go of everything: none of it shall wait for the garbage collector."""
        self._phase = Phase.OVER
        if self._keepalive is not None:
            self._keepalive.stop()
        handler, self._handler = self._handler, None
        self._keepalive = self._parser = self._pieces = self._early = self._call = None
        if handler is not None:
            handler.on_closed(code)

    def _write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            owed = self.uncork()
            self.transport.write(owed + data if owed else data)


_BEYOND_ASGI = (Phase.TAKEN, Phase.CLOSING, Phase.OVER)
"""There is nothing to say or to hear by `send` and `receive`."""

_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[Any], Awaitable[None]]


class Way(NamedTuple):
    """How an application goes on under uvicorn's own protocol."""

    receive: _Receive
    send: _Send


def _close_frame(code: int, reason: str) -> bytes:
    return Frame(Opcode.CLOSE, Close(code, reason).serialize()).serialize(mask=False)
