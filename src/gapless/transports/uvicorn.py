"""The fast path on the server's side: uvicorn's WebSocket protocol, with its transport on offer.

    uvicorn --ws gapless.transports.uvicorn:WebSocketProtocol app:app

A subclass of uvicorn's own sans-I/O protocol. Applications that do not ask see no difference but
three: an empty `Sec-WebSocket-Protocol` header is taken as none (clients of existing SDKs send it),
the kernel's send buffer is bounded, so that a client which does not read cannot make the kernel
hold megabytes for it, and compression is not negotiated: it would hold tens of KiB for every idle
connection, and helps guessing secrets that travel beside an attacker's text.

What uvicorn makes for every connection is made here when it is first needed: most never need a
queue, an event or a parser, and idle ones then take less than half the memory.
"""

from __future__ import annotations

import asyncio
import logging
import os
from asyncio.transports import BaseTransport
from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Any, Literal, cast
from urllib.parse import unquote

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent, WebSocketAcceptEvent
from uvicorn.config import Config
from uvicorn.protocols.utils import (
    ClientDisconnected,
    get_client_addr,
    get_path_with_query_string,
    is_ssl,
)
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import CONNECTING, OPEN
from websockets.server import ServerProtocol

from .direct import EXTENSION
from .sockets import prepare
from .upgrade import Upgrade, read_short, read_upgrade

CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close frame."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection. In the scope's extensions it offers itself as a `direct.Connection`."""

    _detached = False
    _on_message: Callable[[str | bytes], None] | None = None
    _on_writable: Callable[[bool], None] | None = None
    _upgrade: Upgrade | None = None
    _parsing = False
    """Is there a parser? Then everything goes through it: it may stand in the middle of a frame."""
    _begun = True
    """Was the application told of the connection? By the parser's side it is told through the queue."""
    _queued = False
    """Is there a queue?"""
    _owed = b""
    """The answer to the handshake, held back for a moment: the first frame travels with it."""

    # What uvicorn's constructor sets on each instance, and few of them ever change.
    server = client = request = response = initial_response = None  # type: ignore[assignment]
    close_timer = ping_timer = pong_timer = pending_ping_payload = None
    handshake_initiated = handshake_complete = close_sent = disconnected = read_paused = False
    close_timeout = 10.0
    ping_sent_at = last_ping_rtt = 0.0
    curr_msg_data_type: Literal["text", "bytes"] = "bytes"
    logger = logging.getLogger("uvicorn.error")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.config = config
        self.app = config.loaded_app
        self.loop = _loop or asyncio.get_event_loop()
        self.root_path = config.root_path
        self.asgi_version = config.asgi_version
        self.app_state = app_state
        self.connections = server_state.connections
        self.tasks = server_state.tasks
        self.default_headers = server_state.default_headers
        self.ping_interval = config.ws_ping_interval
        self.ping_timeout = config.ws_ping_timeout

    def __getattr__(self, name: str) -> Any:
        """Make what was not needed until now, as uvicorn's constructor does."""
        value: Any
        if name == "queue":
            self._queued = True
            value = asyncio.Queue()
        elif name == "writable":
            value = asyncio.Event()
            value.set()
        elif name == "frames":
            value = []
        elif name == "conn":
            self._parsing = True
            # A handshake that is not usual begins in the parser; a usual one is over by now.
            state = OPEN if self.handshake_initiated else CONNECTING
            value = ServerProtocol(state=state, max_size=self.config.ws_max_size, logger=self.logger)
        elif name in _made_by_uvicorn(self.config):  # what a later uvicorn may know of a connection
            value = getattr(WebSocketsSansIOProtocol(self.config, ServerState(), self.app_state), name)
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        setattr(self, name, value)
        return value

    def connection_made(self, transport: BaseTransport) -> None:
        self.connections.add(self)
        self.transport = transport = cast(asyncio.Transport, transport)
        self.scheme = "wss" if is_ssl(transport) else "ws"
        # The HTTP protocol and its parser know each other, and after an upgrade nobody parts them: a
        # hundred objects of every connection would wait for the garbage collector.
        before = transport.get_protocol()
        if hasattr(before, "parser"):
            before.parser = None
        self.server, self.client = prepare(transport)

    # -- the handshake

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            upgrade = read_upgrade(data)
            if upgrade is not None:
                self._open(upgrade)
                return
        elif not self._parsing:
            frame = read_short(data)
            if frame is not None and len(frame.data) <= self.config.ws_max_size:
                self._on_short(frame)
                return
        super().data_received(data)

    def _open(self, upgrade: Upgrade) -> None:
        """Call the application, with a scope that is uvicorn's own, key by key."""
        self.handshake_initiated = True
        self._upgrade = upgrade
        path, _, query = upgrade.target.partition(b"?")
        extensions: dict[str, Any] = {"websocket.http.response": {}, EXTENSION: self}
        self.scope = {
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": self.scheme,
            "server": self.server,
            "client": self.client,
            "root_path": self.root_path,
            "path": self.root_path + unquote(path.decode("ascii")),
            "raw_path": self.root_path.encode("ascii") + path,
            "query_string": query,
            "headers": upgrade.headers,
            "subprotocols": upgrade.subprotocols,
            "state": self.app_state.copy(),
            "extensions": extensions,
        }
        self._begun = False
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)

    def handle_connect(self, event: Request) -> None:
        """A handshake that is not usual, as the library has read it."""
        offered = event.headers.get_all("Sec-WebSocket-Protocol")
        if offered and not any(value.strip() for value in offered):
            del event.headers["Sec-WebSocket-Protocol"]
        super().handle_connect(event)
        if self.conn.handshake_exc is None:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    async def receive(self) -> ASGIReceiveEvent:
        if not self._begun:
            self._begun = True
            return {"type": "websocket.connect"}
        return await super().receive()

    def send(self, message: ASGISendEvent) -> Coroutine[Any, Any, None]:
        upgrade, self._upgrade = self._upgrade, None
        if upgrade is not None and message["type"] == "websocket.accept":
            return self._accept(upgrade, message)
        if self._owed:
            self._pay()
        return super().send(message)

    async def _accept(self, upgrade: Upgrade, message: WebSocketAcceptEvent) -> None:
        if self.disconnected:
            raise ClientDisconnected
        if self.logger.isEnabledFor(logging.INFO):
            where = get_client_addr(self.scope), get_path_with_query_string(self.scope)
            self.logger.info('%s - "WebSocket %s" [accepted]', *where)
        headers = [
            *self.default_headers,
            *((name.lower(), value) for name, value in message.get("headers", ())),
        ]
        subprotocol = message.get("subprotocol")
        if subprotocol:
            headers.append((b"sec-websocket-protocol", subprotocol.encode("latin-1")))
        if not self.transport.is_closing():
            self.handshake_complete = True
            self._owed = upgrade.answer(headers)
            self.loop.call_soon(self._pay)
            self.start_keepalive()

    def _pay(self) -> None:
        owed = self.uncork()
        if owed and not self.transport.is_closing():
            self.transport.write(owed)

    # -- the offer

    def detach(
        self,
        on_message: Callable[[str | bytes], None],
        on_writable: Callable[[bool], None],
        on_closed: Callable[[int], None],
    ) -> None:
        self._detached = True
        self._on_message = on_message
        self._on_writable = on_writable
        # uvicorn reports every end of a connection to the application's queue, whoever caused it.
        events: asyncio.Queue[Any] | None = self.queue if self._queued else None
        self.queue = _Ends(on_closed)  # type: ignore[assignment]
        # Before the messages that wait: they may be so many that reading has to stop again.
        self.pause_reading(False)
        while events is not None and not events.empty():
            message = events.get_nowait()
            if message["type"] == "websocket.receive":
                said = message.get("text")
                on_message(message["bytes"] if said is None else said)
            elif message["type"] == "websocket.disconnect":
                self.queue.put_nowait(message)
        # What only the handshake needed.
        self.request = self.response = self.scope = None  # type: ignore[assignment]

    def uncork(self) -> bytes:
        owed, self._owed = self._owed, b""
        return owed

    def close(self, code: int, reason: str) -> None:
        if self.close_sent or self.transport.is_closing():
            self._let_go()
            return
        self._pay()
        self.close_sent = True
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def abort(self) -> None:
        self.stop_keepalive()
        self.transport.abort()

    def pause_reading(self, paused: bool) -> None:
        if paused != self.read_paused and not self.transport.is_closing():
            self.read_paused = paused
            if paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    # -- what uvicorn calls

    def _on_short(self, frame: Frame) -> None:
        self._pay()
        if frame.opcode is Opcode.TEXT:
            self.handle_text(frame)
        elif frame.opcode is Opcode.BINARY:
            self.handle_bytes(frame)
        elif frame.opcode is Opcode.PONG:
            self.handle_pong(frame)
        else:
            self.transport.write(Frame(Opcode.PONG, frame.data).serialize(mask=False))

    def send_keepalive_ping(self) -> None:
        """As in uvicorn, without a parser."""
        self.ping_timer = None
        if self.close_sent or self.transport.is_closing():
            return
        self._pay()
        self.pending_ping_payload = os.urandom(4)
        self.ping_sent_at = self.loop.time()
        self.transport.write(Frame(Opcode.PING, self.pending_ping_payload).serialize(mask=False))
        if self.ping_timeout is not None:
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
        else:
            self.schedule_ping()

    def shutdown(self) -> None:
        self._pay()
        if self.transport.is_closing():
            self._let_go()
        else:
            super().shutdown()

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._let_go()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._let_go()

    def keepalive_timeout(self) -> None:
        ends = not self.close_sent and not self.transport.is_closing()
        super().keepalive_timeout()
        if ends and self._detached:
            # Behind the close frame nothing may follow (RFC 6455, 5.5.1): the session ends here.
            self.queue.put_nowait({"type": "websocket.disconnect", "code": 1011})
        self._let_go()

    def _let_go(self) -> None:
        """A transport that closes sends first what waits, to a client that may never read it."""
        if self.close_timer is None and not self.disconnected:
            self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def send_receive_event_to_app(self) -> None:
        if self._on_message is None:
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type != "text":
            self._on_message(bytes(data))
            return
        try:
            text = bytes(data).decode()
        except UnicodeDecodeError:
            # RFC 6455, 8.1: fail the connection.
            self.conn.fail(1007, "invalid UTF-8")
            self.handle_parser_exception()
            return
        self._on_message(text)

    def pause_writing(self) -> None:
        if self._on_writable is not None:
            self._on_writable(False)
        else:
            super().pause_writing()

    def resume_writing(self) -> None:
        if self._on_writable is not None:
            self._on_writable(True)
        else:
            super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # The session knows us and we know it; let neither wait for the garbage collector.
        self._on_message = self._on_writable = None

    async def run_asgi(self) -> None:
        """As in uvicorn, but a detached connection outlives its ASGI call."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass  # the client left first; uvicorn has told the application
        except BaseException:
            self.logger.exception("Exception in ASGI application\n")
            self.send_500_response()
        else:
            if self._detached:
                return
            if not self.handshake_complete:
                self.logger.error("ASGI callable returned without completing handshake.")
                self.send_500_response()
        if self.close_timer is None:
            self.transport.close()


@lru_cache(maxsize=1)
def _made_by_uvicorn(config: Config) -> frozenset[str]:
    """What uvicorn's constructor sets. Event loops ask for attributes that nobody has."""
    return frozenset(vars(WebSocketsSansIOProtocol(config, ServerState(), {})))


class _Ends:
    """Stands in for the application's queue: tells the end of the connection, once."""

    __slots__ = ("_on_closed",)

    def __init__(self, on_closed: Callable[[int], None]) -> None:
        self._on_closed: Callable[[int], None] | None = on_closed

    def put_nowait(self, message: Any) -> None:
        on_closed, self._on_closed = self._on_closed, None
        if on_closed is not None and message["type"] == "websocket.disconnect":
            on_closed(int(message.get("code") or 1005))

    def empty(self) -> bool:
        return True
