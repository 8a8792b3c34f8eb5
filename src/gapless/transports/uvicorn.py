"""The fast path on the server's side: uvicorn's WebSocket protocol, with its transport on offer.

    uvicorn --ws gapless.transports.uvicorn:WebSocketProtocol app:app

A subclass of uvicorn's own sans-I/O protocol. Applications that do not ask see no difference but
two: an empty `Sec-WebSocket-Protocol` header is taken as none (clients of existing SDKs send it),
and the kernel's send buffer is bounded, so that a client which does not read cannot make the
kernel hold megabytes for it.
"""

from __future__ import annotations

import socket
from asyncio.transports import BaseTransport
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from .direct import EXTENSION

SEND_BUFFER_BYTES = 64 * 1024
"""SO_SNDBUF. Left alone, Linux lets one stalled client hold 4 MiB of kernel memory."""

CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close frame."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection. In the scope's extensions it offers itself as a `direct.Connection`."""

    _detached = False
    _on_message: Callable[[str | bytes], None] | None = None
    _on_writable: Callable[[bool], None] | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        connected = transport.get_extra_info("socket")
        if connected is not None:
            try:
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
                # asyncio leaves Nagle on where the listening socket does not name its protocol.
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                pass  # a Unix socket or a TLS pipe may not know the option; nothing depends on it

    def handle_connect(self, event: Request) -> None:
        offered = event.headers.get_all("Sec-WebSocket-Protocol")
        if offered and not any(value.strip() for value in offered):
            del event.headers["Sec-WebSocket-Protocol"]
        super().handle_connect(event)
        if self.conn.handshake_exc is None:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

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
        events, self.queue = self.queue, _Ends(on_closed)  # type: ignore[assignment]
        while not events.empty():
            message: Any = events.get_nowait()
            if message["type"] == "websocket.receive":
                said = message.get("text")
                on_message(message["bytes"] if said is None else said)
            elif message["type"] == "websocket.disconnect":
                self.queue.put_nowait(message)
        self.pause_reading(False)
        # What only the handshake needed.
        self.request = self.response = self.scope = None  # type: ignore[assignment]

    def close(self, code: int, reason: str) -> None:
        if self.close_sent or self.transport.is_closing():
            return
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
        super().pause_writing()
        if self._on_writable is not None:
            self._on_writable(False)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._on_writable is not None:
            self._on_writable(True)

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
