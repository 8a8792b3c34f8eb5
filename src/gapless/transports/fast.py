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

from ..core.rate import spend
from ..node.inbound import Inbound
from ..server.sockets import bytes_taken, cut_off, descriptor_of, unacknowledged
from .direct import EXTENSION, Handler
from .frames import BadFrame, Message, read_close
from .hearing import Hearing
from .keepalive import Keepalive
from .session import Pings
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

Event = MutableMapping[str, Any]

DISCARDED_BYTES = 4 * 1024 * 1024
"""Read and thrown away behind a last word, so that the word arrives; with more the connection is cut."""

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
        "_backlog",
        "_call",
        "_config",
        "_crowded",
        "_deadline",
        "_descriptor",
        "_discarded",
        "_early",
        "_handler",
        "_head",
        "_hearing",
        "_inbound",
        "_keepalive",
        "_loop",
        "_owed",
        "_paid",
        "_phase",
        "_plain",
        "_pong",
        "_reading",
        "_server_state",
        "_settings",
        "_taken",
        "_upgrade",
        "_way",
        "_ways",
        "_writable",
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
        self._config = config
        self._settings = settings_of(config)
        self._inbound = self._settings.inbound
        """Until the application that takes the connection over says what its own bounds are."""
        self.close_timeout = self._inbound.limits.close_timeout
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._phase = Phase.NEW
        self._head = b""
        self._upgrade: Upgrade | None = None
        self._early: list[bytes] | None = None
        """What came before the application had decided; reading has stopped."""
        self._call: asyncio.Task[None] | None = None
        self._accepted: Event | None = None
        self._owed = b""
        """The answer to the handshake: the first frame travels with it."""
        self._handler: Handler | None = None
        self._hearing: Hearing | None = None
        """Once there is one everything goes through it: it may stand in the middle of a frame."""
        self._paid = 0.0
        """What its pings and pongs have used of their rate."""
        self._pong: bytes | None = None
        """The answer to the newest ping, which waits for the socket."""
        self._writable = True
        self._crowded = False
        self._backlog = False
        self._discarded = 0
        self._descriptor = -1
        self._taken: int | None = None
        """Bytes that the client had taken when it was last asked for a sign of life."""
        self._reading = True
        self._keepalive: Keepalive | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._plain: ServerProtocol | None = None
        self._way: Way | None = None
        self._ways: list[asyncio.Future[Way]] | None = None

    @property
    def config(self) -> Config:
        """What its server was told."""
        return self._config

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast("asyncio.Transport", transport)
        self._server_state.connections.add(self)  # type: ignore[arg-type]
        part_from_http(transport)

    def data_received(self, data: bytes) -> None:
        match self._phase:
            case Phase.TAKEN if self._hearing is None and (message := self._short(data)) is not None:
                self.on_frame(message)
            case Phase.TAKEN | Phase.CLOSING:
                self._hear(data)
            case Phase.NEW:
                self._on_head(data)
            case Phase.PLAIN if self._plain is not None:
                self._plain.data_received(data)
            case Phase.OVER:
                self._discard(data)
            case _:
                self._early = [*(self._early or ()), data]
                self.pause_reading(True)

    def eof_received(self) -> bool | None:
        return self._plain.eof_received() if self._plain is not None else None

    def pause_writing(self) -> None:
        self._writable = False
        if self._plain is not None:
            self._plain.pause_writing()
        elif self._handler is not None:
            self._handler.on_writable(False)

    def resume_writing(self) -> None:
        self._writable = True
        if self._plain is not None:
            self._plain.resume_writing()
            return
        if self._pong is not None and self._phase is Phase.TAKEN:
            pong, self._pong = self._pong, None
            self._write(pong)
        if self._handler is not None:
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

    def _scope(self, settings: Settings, upgrade: Upgrade) -> Event:
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

    async def _run(self, app: Any, scope: Event) -> None:
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

    async def send(self, message: Event) -> None:
        """ASGI's."""
        if self._phase is Phase.TOLD and message["type"] == "websocket.accept":
            self._accept(message)
        elif self._phase in _BEYOND_ASGI:
            raise ClientGoneError("the client has left, or the connection was taken over")
        else:
            await (await self.go_plain()).send(message)

    def _accept(self, message: Event) -> None:
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

        async def resumed(scope: Event, receive: _Receive, send: _Send) -> None:
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

    def hand_over(self, handler: Handler, inbound: Inbound, pings: Pings | None = None) -> None:
        upgrade, accepted = self._upgrade, self._accepted
        assert upgrade is not None and accepted is not None  # noqa: S101, PT018 - it is on offer
        self._phase = Phase.TAKEN
        self._handler = handler
        self._inbound = inbound
        self.close_timeout = inbound.limits.close_timeout
        self._descriptor = descriptor_of(self.transport)
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
        interval, timeout = pings or (self._settings.ping_interval, self._settings.ping_timeout)
        if interval:
            self._keepalive = Keepalive(interval, timeout, self._ping, self._on_silence)
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
        self._crowded = paused
        if self._hearing is not None:
            self._hearing.pause(paused)
        self._steer()

    def on_backlog(self, waits: bool) -> None:
        """More has come than is read at once, or not any more."""
        self._backlog = waits
        self._steer()

    def _steer(self) -> None:
        """Read while nobody minds."""
        reading = not self._crowded and not self._backlog
        if reading is not self._reading and not self.transport.is_closing():
            self._reading = reading
            if reading:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def close(self, code: int, reason: str) -> None:
        if self._phase is Phase.TAKEN and not self.transport.is_closing():
            self._write(_close_frame(code, reason))
            self._phase = Phase.CLOSING
            self.pause_reading(False)
        self._give_time()

    def abort(self) -> None:
        cut_off(-1 if self.transport.is_closing() else self._descriptor, self.transport.abort)

    # -- what a client says that was taken over

    @property
    def _max_bytes(self) -> int:
        return min(self._settings.max_bytes, self._inbound.limits.message_bytes)

    def _short(self, data: bytes) -> Message | None:
        if len(data) > self._max_bytes + SHORT_HEAD or not self._inbound.turns.has_time():
            return None
        return read_short(data)

    def _hear(self, data: bytes) -> None:
        """Frames of any form, and any number of them."""
        if self._hearing is None:
            self._hearing = Hearing(self._inbound, self, max_bytes=self._max_bytes)
            self._hearing.pause(self._crowded)
        self._hearing.hear(data)

    def on_frame(self, message: Message) -> None:
        """A whole message, or a control frame."""
        opcode = message.opcode
        if opcode is Opcode.CLOSE:
            self._on_close(message.data)
        elif opcode in (Opcode.PING, Opcode.PONG):
            self._on_control(opcode, message.data)
        elif self._phase is Phase.TAKEN:  # else nobody listens any more
            self._on_message(opcode, message.data)

    def on_bad_frame(self, bad: BadFrame) -> None:
        """Fail the connection (RFC 6455, 7.1.7)."""
        if bad.code == 1009:
            self._inbound.counters.oversized += 1
        elif bad.code in (1002, 1007):
            self._inbound.counters.bad_protocol += 1
        self._fail(bad.code, bad.reason)

    def _on_control(self, opcode: Opcode, data: bytes) -> None:
        now, limits = self._loop.time(), self._inbound.limits
        self._paid = spend(self._paid, now, cost=1.0, per_second=limits.control_rate)
        if self._paid > now + limits.control_burst / limits.control_rate:
            self._inbound.counters.control_floods += 1
            self._fail(1008, "too many pings and pongs")
        elif opcode is Opcode.PONG:
            if self._keepalive is not None:
                self._keepalive.on_pong(data)
        elif self._phase is Phase.TAKEN:
            pong = Frame(Opcode.PONG, data).serialize(mask=False)
            if self._writable:
                self._write(pong)
                return
            # The newest is enough (RFC 6455, 5.5.3), and whoever reads nothing shall not fill us.
            self._inbound.counters.pongs_skipped += self._pong is not None
            self._pong = pong

    def _on_close(self, data: bytes) -> None:
        try:
            code = read_close(data)
        except BadFrame as bad:
            self.on_bad_frame(bad)
            return
        if self._phase is Phase.TAKEN:
            self._write(Frame(Opcode.CLOSE, data).serialize(mask=False))
        self._end(code)
        self.transport.close()
        self._give_time()

    def _on_message(self, opcode: Opcode, data: bytes) -> None:
        message: str | bytes = data
        if opcode is Opcode.TEXT:
            try:
                message = data.decode()
            except UnicodeDecodeError:
                self.on_bad_frame(BadFrame(1007, "invalid UTF-8"))  # RFC 6455, 8.1
                return
        if self._handler is not None:
            self._handler.on_message(message)

    # -- time

    def _ping(self, payload: bytes) -> bool:
        if not self._writable:
            return False  # it would queue behind what the client does not read, which tells more
        self._taken = bytes_taken(self._descriptor)
        self._write(Frame(Opcode.PING, payload).serialize(mask=False))
        return True

    def _on_silence(self) -> bool:
        """No answer in time. Does it live all the same? It does when it took some of what lies before."""
        taken, before = bytes_taken(self._descriptor), self._taken
        if taken is not None and before is not None and taken > before and self._unread():
            self._taken = taken
            return True
        self._hang_up(1011, "keepalive ping timeout")
        return False

    def _unread(self) -> int:
        return self.transport.get_write_buffer_size() or unacknowledged(self._descriptor)

    # -- the end

    def _fail(self, code: int, reason: str) -> None:
        """End what the client has broken: say so, and hear no more of it.

        Closing a socket with unread bytes resets it, and the client would never read why. So what
        it still sends is thrown away, for a while; it sees our end, and closes.
        """
        if self._phase is Phase.TAKEN:
            self._write(_close_frame(code, reason))
        self._end(code)
        self._crowded = self._backlog = False
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self._steer()
            self.transport.write_eof()
        else:
            self.transport.close()
        self._give_time()

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > DISCARDED_BYTES:
            self.abort()

    def _hang_up(self, code: int, reason: str = "") -> None:
        """Say so, and wait for no answer. Nothing may follow a close frame (RFC 6455, 5.5.1)."""
        self._write(_close_frame(code, reason))
        self._end(code)
        self.transport.close()
        self._give_time()

    def _give_time(self) -> None:
        """A transport that closes sends first what waits, to a client that may never read it."""
        if self._deadline is None:
            self._deadline = self._loop.call_later(self.close_timeout, self.abort)

    def _end(self, code: int) -> None:
        """Let go of everything: none of it shall wait for the garbage collector."""
        self._phase = Phase.OVER
        if self._keepalive is not None:
            self._keepalive.stop()
        if self._hearing is not None:
            self._hearing.stop()
        handler, self._handler = self._handler, None
        self._keepalive = self._hearing = self._early = self._call = self._pong = None
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
