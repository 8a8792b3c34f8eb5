"""The fast path on the application's side: sessions that write to the connection's own transport.

No task, no queue and no scope while a connection is idle: a publication goes from the ring to the
socket in one call, and a message of the client arrives by callback.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

from ..errors import Disconnect
from ..node.inbound import Inbound
from ..node.node import Node
from ..server.sockets import bytes_taken
from .inbox import Inbox
from .session import DuplexSession, MakeSession, Pings

EXTENSION = "gapless.connection"
"""The name under which a server makes its `Offer` in the ASGI scope's extensions."""

HELD_BYTES = 64 * 1024
"""Replies of one turn that are written at once, as soon as they are so many."""


Hear = Callable[[str | bytes], None]
"""Is given each message of the client, in order."""


class Handler(Protocol):
    """Who took a connection over: the server tells it what happens there."""

    def on_writable(self, writable: bool) -> None:
        """Whether the transport wants more."""

    def on_closed(self, code: int) -> None:
        """The end, with the close code; once, and nothing after it."""


class Connection(Protocol):
    """What a server's connection is for the application that has taken it over."""

    transport: asyncio.Transport
    descriptor: int
    """Its socket's; -1 where there is none."""

    def begin(self, handler: Handler, hear: Hear, pings: Pings | None = None) -> None:
        """From now on `hear` is given each message of the client, and the handler told what else happens.

        `pings`: None is as the server was configured.
        """

    def uncork(self) -> bytes:
        """What is held back to go out with the first frame, once: whoever takes it writes it first."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame behind what was written, and wait a while for the answer."""

    @property
    def round_trip(self) -> float | None:
        """Seconds between its last ping and the answer; None before the first."""

    def abort(self) -> None:
        """Cut the connection off without a word."""

    def pause_reading(self, paused: bool) -> None:
        """Take no messages for now."""


class Offer(Protocol):
    """What a server offers beside ASGI: the connection itself."""

    def take(self, inbound: Inbound) -> Connection | None:
        """The ASGI call may return now; the connection lives on. What the client sends is bounded as said.

        None: it is not on offer, which it is from the accept to the end of the turn in which that was.
        """


class DirectFraming:
    """Messages as WebSocket frames (RFC 6455, 5.2: final, unmasked), ready for the socket."""

    def __init__(self, *, text: bool) -> None:
        self.name = "text-frames" if text else "binary-frames"
        self._first = 0x81 if text else 0x82

    def wrap(self, message: bytes) -> bytes:
        size = len(message)
        if size < 126:
            return bytes((self._first, size)) + message
        if size < 65536:
            return bytes((self._first, 126)) + size.to_bytes(2) + message
        return bytes((self._first, 127)) + size.to_bytes(8) + message

    def join(self, frames: list[bytes]) -> bytes:
        return frames[0] if len(frames) == 1 else b"".join(frames)

    def concat(self, chunks: list[bytes]) -> bytes:
        return b"".join(chunks)


_write_now = os.write

TEXT = DirectFraming(text=True)
BINARY = DirectFraming(text=False)


class DirectOutlet:
    """Writes at once. There is room while the transport does not ask to pause.

    Replies are held until the next push, or to the end of the turn: those to commands that came
    together go out together, and the first of them with the answer to the handshake.
    """

    __slots__ = (
        "_buffered",
        "_connection",
        "_corked",
        "_descriptor",
        "_held",
        "_held_bytes",
        "_is_closing",
        "_known",
        "_max_reply_bytes",
        "_socket",
        "closing",
        "room",
        "sent_bytes",
    )

    def __init__(self, connection: Connection, *, max_reply_bytes: int) -> None:
        self._connection = connection
        self._corked = True
        self._buffered = connection.transport.get_write_buffer_size
        self._is_closing = connection.transport.is_closing
        self._max_reply_bytes = max_reply_bytes
        self.sent_bytes = 0
        self._held: list[bytes] | None = None
        self._held_bytes = 0
        self._known = connection.descriptor
        self._descriptor = -1 if connection.transport.get_extra_info("sslcontext") else self._known
        self._socket = -1
        """To be written to; -1 while something has to go first, and where only the transport may write."""
        self.room = True
        self.closing = False

    def push(self, chunk: bytes, size: int) -> None:
        self.sent_bytes += size
        # The server writes too, a ping perhaps, of which half may wait in the transport. And
        # descriptors are used again: one that is closing must not be written to.
        if self._socket < 0 or self._buffered() or self._is_closing():
            self._write(chunk)
            return
        # The kernel may have it at once. The event loop's own write does the same a microsecond
        # later, which is a fifth of what a delivery costs.
        try:
            sent = _write_now(self._socket, chunk)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._socket = self._descriptor = -1  # the peer is gone; the transport finds out in its own way
            sent = 0
        if sent < len(chunk):
            self._connection.transport.write(memoryview(chunk)[sent:])

    def reply(self, frame: bytes) -> bool:
        if self.closing:
            return True
        if not self.room:
            unread = self._buffered() + self._held_bytes
            if unread > self._max_reply_bytes and len(frame) < unread:
                return False
        self.sent_bytes += len(frame)
        self._hold(frame)
        return True

    def _hold(self, frame: bytes) -> None:
        if self._held is None:
            self._held = []
            self._socket = -1
            asyncio.get_running_loop().call_soon(self._release)
        self._held.append(frame)
        self._held_bytes += len(frame)
        if self._held_bytes >= HELD_BYTES:
            self._release()

    def _release(self) -> None:
        if self._held is not None:
            self._write(b"")

    def _write(self, data: bytes) -> None:
        """By the transport: what goes first, and this behind it. Nothing when it closes: it said goodbye."""
        if self._is_closing():
            return
        transport = self._connection.transport
        held, self._held, self._held_bytes = self._held or (), None, 0
        first = b"".join(held)
        if self._corked:
            self._corked = False
            first = self._connection.uncork() + first
        transport.write(first + data if first else data)
        self._socket = self._descriptor

    @property
    def waiting(self) -> bool:
        return self._buffered() > 0

    @property
    def unsent(self) -> int:
        return self._buffered() + self._held_bytes

    @property
    def progressed(self) -> int:
        # What lies in the kernel's buffer nobody took.
        taken = None if self._is_closing() else bytes_taken(self._known)
        return taken if taken is not None else self.sent_bytes - self._buffered()

    @property
    def round_trip(self) -> float | None:
        return self._connection.round_trip

    def close(self, code: int, reason: str) -> None:
        if not self.closing:
            self._release()
            self.end()
            self._connection.close(code, reason)

    def abort(self) -> bool:
        self.end()
        self._connection.abort()
        return True

    def end(self) -> None:
        """Nothing is accepted any more, and what was held back is not written: the end was."""
        self.closing = True
        self.room = False
        self._held, self._held_bytes = None, 0


class DirectConversation:
    """One connection: its session, its outlet, and what the client says."""

    __slots__ = ("_binary", "_connection", "_inbox", "_node", "_outlet", "_session")

    def __init__(self, node: Node, connection: Connection, *, binary: bool) -> None:
        self._node = node
        self._connection = connection
        self._binary = binary
        self._outlet = DirectOutlet(connection, max_reply_bytes=node.limits.reply_bytes)
        self._session: DuplexSession
        self._inbox: Inbox

    async def run(self, make: MakeSession) -> None:
        """Begin, then let the ASGI call end while the connection goes on."""
        self._session = session = make(self._outlet, BINARY if self._binary else TEXT)
        self._inbox = Inbox(self._node, session, self._connection.pause_reading)
        self._connection.begin(self, self._inbox.put, session.frame_pings)
        session.open()
        try:
            await session.begin()
        except Disconnect as disconnect:
            session.close(disconnect)
        except Exception:
            self._node.counters.session_errors += 1
            session.close(Disconnect(3004))
            raise
        self._inbox.release()

    # -- the server's callbacks

    def on_writable(self, writable: bool) -> None:
        self._outlet.room = writable and not self._outlet.closing
        if writable:
            self._session.flow.on_room()

    def on_closed(self, code: int) -> None:
        self._outlet.end()
        self._session.end(Disconnect(code, "connection closed"))
        self._inbox.forsake()
