"""A connection that an application has taken over: its frames, its pings, and its end.

There is no task, no queue and, for short frames, no parser while it is idle. What the client says
arrives by callback; what it is told goes to the transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableSet, Sequence
from enum import Enum
from typing import Any, NamedTuple

from websockets.frames import Close, Frame, Opcode

from ..core.rate import spend
from ..node.inbound import Inbound
from ..server.sockets import bytes_taken, cut_off, descriptor_of, unacknowledged
from .direct import Handler, Hear
from .frames import SHORT_HEAD, BadFrame, Message, read_close, read_short
from .hearing import Hearing
from .keepalive import Keepalive
from .session import Pings

DISCARDED_BYTES = 4 * 1024 * 1024
"""Read and thrown away behind a last word, so that the word arrives. More is not read: cutting the connection
off at once would take the word along, and there is little time left in any case."""


MESSAGES = frozenset((Opcode.TEXT, Opcode.BINARY))
"""The frames that are for the application; all others are the connection's own."""


class Phase(Enum):
    """How far a connection has come. Each may be followed by those below it."""

    OPEN = "both sides speak"
    CLOSING = "a close frame was sent, and its answer has not come"
    OVER = "nothing is written or heard any more; the transport may still send what it has"


class Handshake(NamedTuple):
    """What is left of one when the connection is taken over."""

    answer: bytes
    early: Sequence[bytes]
    """What the client said behind it; reading has stopped where there is any."""


class TakenConnection(asyncio.Protocol):
    """See `direct.Connection`, which this is.

    `handshake` is its answer, which goes out with what is written first, and what the client has
    said behind it already. `connections` are those that the server tells when it stops.
    """

    __slots__ = (
        "__weakref__",
        "_backlog",
        "_connections",
        "_crowded",
        "_deadline",
        "_discarded",
        "_early",
        "_handler",
        "_hear_message",
        "_hearing",
        "_inbound",
        "_keepalive",
        "_loop",
        "_max_bytes",
        "_owed",
        "_paid",
        "_phase",
        "_pings",
        "_pong",
        "_reading",
        "_taken",
        "_writable",
        "descriptor",
        "transport",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        connections: MutableSet[Any],
        handshake: Handshake,
        inbound: Inbound,
        *,
        max_bytes: int,
        pings: Pings | None,
    ) -> None:
        """Messages have at most `max_bytes`, and at most what `inbound` says. `pings` are the server's."""
        self.transport = transport
        self._connections = connections
        self._owed, self._early = handshake
        self._pings = pings
        self._inbound = inbound
        self._max_bytes = min(max_bytes, inbound.limits.message_bytes)
        self._loop = asyncio.get_running_loop()
        self._phase = Phase.OPEN
        self._handler: Handler | None = None
        self._hear_message: Hear | None = None
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
        self.descriptor = descriptor_of(transport)
        self._taken: int | None = None
        """Bytes that the client had taken when it was last asked for a sign of life."""
        self._reading = True
        self._keepalive: Keepalive | None = None
        self._deadline: asyncio.TimerHandle | None = None
        connections.add(self)

    # -- what the event loop calls

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.OVER:
            self._discard(data)
        elif self._hearing is None and (message := self._short(data)) is not None:
            self.on_frame(message)
        else:
            self._hear(data)

    def pause_writing(self) -> None:
        self._writable = False
        if self._handler is not None:
            self._handler.on_writable(False)

    def resume_writing(self) -> None:
        self._writable = True
        if self._pong is not None and self._phase is Phase.OPEN:
            pong, self._pong = self._pong, None
            self._write(pong)
        if self._handler is not None:
            self._handler.on_writable(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
        self._end(1005)

    def shutdown(self) -> None:
        """uvicorn calls this for each connection when the server stops."""
        if self._phase is Phase.OPEN:
            self._hang_up(1012)
        else:
            self._leave()

    # -- what its new owner does with it

    @property
    def round_trip(self) -> float | None:
        return None if self._keepalive is None else self._keepalive.round_trip

    def begin(self, handler: Handler, hear: Hear, pings: Pings | None = None) -> None:
        self._handler, self._hear_message = handler, hear
        if (pings := pings or self._pings) is not None:
            self._keepalive = Keepalive(*pings, self._ping, self._on_silence)
        early, self._early = self._early, ()
        if early and not self.transport.is_closing():
            self.transport.resume_reading()  # before what waits, which may be so much that it stops again
        for data in early:
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
        if self._phase is Phase.OPEN and not self.transport.is_closing():
            self._write(_close_frame(code, reason))
            self._phase = Phase.CLOSING
            self.pause_reading(False)
        self._give_time()

    def flush(self) -> None:
        """The turn of the handshake is over: what is held back goes out now."""
        if self._owed:
            self._write(b"")

    def forsake(self) -> None:
        """Its owner has failed: an end without a word, and with what was written."""
        if self._phase is Phase.OPEN:
            self._leave()

    def abort(self) -> None:
        cut_off(-1 if self.transport.is_closing() else self.descriptor, self.transport.abort)

    # -- what the client says

    def _short(self, data: bytes) -> Message | None:
        """The one short frame that this is; None: it is something else, or waits for its turn here.

        A message waits for its turn where it is handled, and costs next to nothing until then.
        """
        message = read_short(data) if len(data) <= self._max_bytes + SHORT_HEAD else None
        if message is None or message.opcode in MESSAGES or self._inbound.turns.has_time():
            return message
        return None

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
        elif self._phase is Phase.OPEN:  # else nobody listens any more
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
        elif self._phase is Phase.OPEN:
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
        if self._phase is Phase.OPEN:
            self._write(Frame(Opcode.CLOSE, data).serialize(mask=False))
        self._end(code)
        self._leave()

    def _on_message(self, opcode: Opcode, data: bytes) -> None:
        message: str | bytes = data
        if opcode is Opcode.TEXT:
            try:
                message = data.decode()
            except UnicodeDecodeError:
                self.on_bad_frame(BadFrame(1007, "invalid UTF-8"))  # RFC 6455, 8.1
                return
        if self._hear_message is not None:
            self._hear_message(message)

    # -- time

    def _ping(self, payload: bytes) -> bool:
        if not self._writable:
            return False  # it would queue behind what the client does not read, which tells more
        self._taken = bytes_taken(self.descriptor)
        self._write(Frame(Opcode.PING, payload).serialize(mask=False))
        return True

    def _on_silence(self) -> bool:
        """No answer in time. Does it live all the same? It does when it took some of what lies before."""
        taken, before = bytes_taken(self.descriptor), self._taken
        if taken is not None and before is not None and taken > before and self._unread():
            self._taken = taken
            return True
        self._hang_up(1011, "keepalive ping timeout")
        return False

    def _unread(self) -> int:
        return self.transport.get_write_buffer_size() or unacknowledged(self.descriptor)

    # -- the end

    def _fail(self, code: int, reason: str) -> None:
        """End what the client has broken: say so, and hear no more of it.

        Closing a socket with unread bytes resets it, and the client would never read why. So what
        it still sends is thrown away, for a while; it sees our end, and closes.
        """
        if self._phase is Phase.OPEN:
            self._write(_close_frame(code, reason))
        self._end(code)
        self._crowded = self._backlog = False
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self._steer()
            self.transport.write_eof()
            self._give_time()
        else:
            self._leave()

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > DISCARDED_BYTES and not self.transport.is_closing():
            self.transport.pause_reading()

    def _hang_up(self, code: int, reason: str = "") -> None:
        """Say so, and wait for no answer. Nothing may follow a close frame (RFC 6455, 5.5.1)."""
        self._write(_close_frame(code, reason))
        self._end(code)
        self._leave()

    def _leave(self) -> None:
        """Close, once what was written has gone out."""
        self.transport.close()
        self._give_time()

    def _give_time(self) -> None:
        """What waits goes out first, to a client that may never read it."""
        if self._deadline is None:
            self._deadline = self._loop.call_later(self._inbound.limits.close_timeout, self.abort)

    def _end(self, code: int) -> None:
        """Let go of everything: none of it shall wait for the garbage collector."""
        self._phase = Phase.OVER
        if self._keepalive is not None:
            self._keepalive.stop()
        if self._hearing is not None:
            self._hearing.stop()
        handler, self._handler = self._handler, None
        self._hear_message = None
        self._keepalive = self._hearing = self._pong = None
        self._early = ()
        if handler is not None:
            handler.on_closed(code)

    def _write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            owed = self.uncork()
            self.transport.write(owed + data if owed else data)


def _close_frame(code: int, reason: str) -> bytes:
    return Frame(Opcode.CLOSE, Close(code, reason).serialize()).serialize(mask=False)
