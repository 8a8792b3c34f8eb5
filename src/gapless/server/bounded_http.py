"""uvicorn's HTTP protocol with bounds: on what a request may say, and on how long it may hold a socket.

uvicorn bounds the head of a request with h11 only; with httptools a peer could send headers
without end, in front of a body or behind it, or none at all and stay; thousands of requests that
wait behind one that is never answered; and it waits for ever for whoever does not read an answer,
or does not finish a body that nobody wants.
"""

from __future__ import annotations

import asyncio
import math
from enum import Enum
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .counters import counters
from .heads import BAD_REQUEST, HEADERS_TOO_LARGE, URI_TOO_LONG, Head, Refusal, fault
from .sockets import bound_send_buffer, bytes_taken, cut_off, descriptor_of
from .usual import is_handshake

TARGET_BYTES = 8 * 1024
"""The request target; longer: 414."""
HEADER_BYTES = 8 * 1024
"""One header's name and value; longer: 431."""
HEADERS_BYTES = 32 * 1024
"""The whole head; longer: 431."""
FIELD_BYTES = 4
"""Of a header beside its name and value: a colon, a space and the end of its line."""
HEADERS = 100
"""Headers of one request; more: 431."""

DISCARDED_BYTES = 1024 * 1024
"""Of a body that nobody wants: more is not read after the answer, which a cut would take along; with a GET
more ends the connection."""

FRAMING = 8
"""Bytes around each byte of a chunked body, beside HEADERS_BYTES in all; more: 400. The least that can
be sent in chunks of one byte is 5."""

HEADS_AT_ONCE = 16
"""That may stand in what is given to the parser at once, in a body: it may be text that looks like many."""

RESERVED_DESCRIPTORS = 64
"""Open files that sockets leave to the broker, the database and the logs; with more, the one that has
waited longest without a request is cut off for the one that comes."""

_HEAD_END = b"\r\n\r\n"
_NO_BODY = frozenset(("GET", "HEAD"))
"""Their bodies mean nothing (RFC 9110, section 9.3.1), and no door reads one."""

_INVALID = "Invalid HTTP request received."


class Part(Enum):
    """Of a request, what the parser reads next."""

    NONE = "it stands before a request, or between two"
    HEAD = "a head that has begun"
    BODY = "what follows a head: a body, its chunks and trailers"


class HeadRefused(Exception):
    """Ends the parsing of a head that is above a bound, or cannot be."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses heads that are above a bound or cannot be, and holds no socket for who does not go on."""

    head_seconds = 10.0
    """From the connection, or the first byte of a later request, to the end of its head; later: closed."""
    close_seconds = 5.0
    """For what was written to be taken once a connection closes, and for a body that nobody wants."""
    stall_seconds = 10.0
    """For a client that does not read an answer to take any of it; later: cut off."""

    _part = Part.NONE
    _head_bytes = 0
    _fields = 0
    _field_bytes = 0
    idle_since = 0.0
    """When the connection was made, or its last request answered; the loop's time."""
    _refusal: Refusal | None = None
    _deadline: asyncio.TimerHandle | None = None
    _end: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _taken: int | None = None
    _unwanted: int | None = None
    """Bytes of a body that went on behind its answer."""
    _running: RequestResponseCycle | None = None
    """The request that the application was called with last."""
    _upgraded: Any = None
    """The WebSocket protocol that has the connection now."""
    _behind = b""
    """What came behind a request that waits for the answer to another: not even looked at yet."""
    _wire_bytes = 0
    """Of this request, from the first that follows its head."""
    _body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        bound_send_buffer(descriptor_of(transport))
        _make_room(self)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_complete()
        for timer in (self._end, self._stall):
            if timer is not None:
                timer.cancel()
        self._forget_requests()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._behind:
            self._behind += data
            self.flow.pause_reading()
            return
        if self._is_between and is_handshake(data):
            self._hand_over(data)
            return
        at = 0
        while at < len(data):
            if self._refusal is not None or self._unwanted is not None:
                self._discard(data[at:])
                return
            if self.pipeline:
                # A request that was read costs a hundred times its bytes.
                self._behind = data[at:]
                self.flow.pause_reading()
                return
            end = self._end_of_part(data, at)
            at += self._read(data[at:end] if end - at < len(data) else data)
            if self._upgraded is not None:
                if at < len(data):  # the first frames, in one read with the head
                    self._upgraded.data_received(data[at:])
                return

    def _end_of_part(self, data: bytes, at: int) -> int:
        """Up to where the parser may read before it is looked whether a request has to wait."""
        for _ in range(HEADS_AT_ONCE if self._part is Part.BODY else 1):
            found = data.find(_HEAD_END, at)
            if found < 0:
                return len(data)
            at = found + len(_HEAD_END)
        return at

    def _read(self, part: bytes) -> int:
        """Have it parsed; how much of it was."""
        if self._part is Part.BODY:
            self._wire_bytes += len(part)
        else:
            self._head_bytes += len(part)
        read = self._parse(part)
        if self._refusal is not None or self.transport.is_closing():
            return read
        if self._part is Part.BODY:
            if self._is_too_much():
                self._end_with(BAD_REQUEST)
        elif self._head_bytes > HEADERS_BYTES:
            # The parser tells of a header only when it is complete.
            self._end_with(HEADERS_TOO_LARGE)
        return read

    def _parse(self, part: bytes) -> int:
        """As uvicorn does, but what stands behind the head of an upgrade is not lost."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(part)
        except httptools.HttpParserUpgrade as upgrade:
            (read,) = upgrade.args
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            else:
                self._read_without_upgrade()
            return int(read)
        except httptools.HttpParserError:
            self.logger.warning(_INVALID)
            self.send_400_response(_INVALID)
        return len(part)

    def _read_without_upgrade(self) -> None:
        """A server may ignore an upgrade (RFC 9110, section 7.8): what follows is the body of a request.

        The parser takes it for another protocol, and for the end of the request; so one that does not
        know of the upgrade reads the head again.
        """
        self._unsupported_upgrade_warning()
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._parse(b"\r\n".join((*lines, b"", b"")))

    @property
    def _ignores_upgrade(self) -> bool:
        """Is an upgrade asked for to what nobody speaks here?"""
        return bool(self.parser.should_upgrade()) and not self._should_upgrade()

    def _is_too_much(self) -> bool:
        """Does more come than a body, or a body where there is none?"""
        framing = self._wire_bytes - self._body_bytes
        if framing > HEADERS_BYTES + FRAMING * self._body_bytes:
            return True
        return self._wire_bytes > DISCARDED_BYTES and self.scope["method"] in _NO_BODY

    @property
    def is_idle(self) -> bool:
        """Is there no request that anything is done for?"""
        return self.cycle is None or self.cycle.response_complete

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self._give_time()

    def timeout_keep_alive_handler(self) -> None:
        """No request followed in time."""
        self._close()

    # -- the head

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._fields = self._field_bytes = 0
        self._part = Part.HEAD
        self._expect_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > TARGET_BYTES:
            self._refuse(URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; or one behind the body, which is nobody's: it may not pass for one that came first.

        Who looked at the headers, a proxy or a middleware, did not see it (RFC 9110, section 6.5.1).
        """
        if self._part is not Part.BODY:
            super().on_header(name, value)
        size = len(name) + len(value)
        # Counted here as well: a whole head may come in one read.
        self._fields += 1
        self._field_bytes += size + FIELD_BYTES
        if self._fields > HEADERS or size > HEADER_BYTES or self._field_bytes > HEADERS_BYTES:
            self._refuse(HEADERS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._head_complete()
        self._part = Part.BODY
        self._head_bytes = self._wire_bytes = self._body_bytes = 0
        refusal = self._wrong()
        if refusal is not None:
            self._refuse(refusal)
        if not self._ignores_upgrade:
            super().on_headers_complete()

    def _wrong(self) -> Refusal | None:
        """What is wrong with a head that is whole and within its bounds."""
        parser = self.parser
        upgrades = parser.should_upgrade() and self._get_upgrade() == b"websocket"
        if upgrades and not self.is_idle:
            return BAD_REQUEST  # the answer to a request before it would stand among frames
        head = Head(parser.get_method(), parser.get_http_version(), self.url, self.headers)
        return fault(head, websocket=upgrades)

    def send_400_response(self, msg: str) -> None:
        refusal = self._refusal = self._refusal or BAD_REQUEST
        counters.heads_refused += 1
        if self._forget_requests():
            self.cut()  # in the middle of an answer nothing else can be said
            return
        self.transport.write(b"HTTP/1.1 %d %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % refusal)
        self._end_politely()

    def _end_with(self, refusal: Refusal) -> None:
        self._refusal = refusal
        self.send_400_response("")

    def _refuse(self, refusal: Refusal) -> None:
        """End the parser's run: it passes the exception on as its own, which leads to `send_400_response`."""
        self._refusal = refusal
        raise HeadRefused

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self._head_late)

    def _head_late(self) -> None:
        self._deadline = None
        counters.heads_late += 1
        self._close()

    def _head_complete(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    @property
    def _is_between(self) -> bool:
        """Is the next thing to come a head, and is nothing to be said before?"""
        return (
            self.ws_protocol_class is not None
            and self._part is Part.NONE
            and self.is_idle
            and self._refusal is None
            and self._unwanted is None
            and not self.transport.is_closing()
        )

    def _hand_over(self, handshake: bytes) -> None:
        """Hand the connection over as uvicorn does, with a head that no parser has to read before."""
        self._unset_keepalive_if_required()
        self._head_complete()
        self.connections.discard(self)
        make: Any = self.ws_protocol_class
        protocol = make(config=self.config, server_state=self.server_state, app_state=self.app_state)
        self._upgraded = protocol
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.data_received(handshake)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, and note to whom: frames may have come with the head."""
        super().handle_websocket_upgrade()
        self._upgraded = self.transport.get_protocol()

    # -- the body, and the answer

    def on_body(self, body: bytes) -> None:
        """Count it."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is over; a head may follow."""
        self._part = Part.NONE
        if not self._ignores_upgrade:
            super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _forget_requests(self) -> bool:
        """Nobody waits for their answers any more. Was one begun?

        uvicorn tells only the newest: one before it would stream on, to nobody.
        """
        self.pipeline.clear()
        self._behind = b""
        running, self._running = self._running, None
        if running is None or running.response_complete:
            return False
        running.disconnected = True
        running.message_event.set()
        return running.response_started

    def on_response_complete(self) -> None:
        """An answer was written; its request may go on all the same."""
        super().on_response_complete()
        self.idle_since = self.loop.time()
        if self.transport.is_closing():
            self._give_time()
        elif self.cycle is not None and self.cycle.response_complete and self.cycle.more_body:
            # What is left of the body would have to be read before another request.
            self._unwanted = 0
            counters.bodies_unwanted += 1
            self._unset_keepalive_if_required()
            self._end_politely()
        elif self._behind and self.pipeline:
            self.flow.pause_reading()
        elif self._behind:
            behind, self._behind = self._behind, b""
            self.data_received(behind)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taken = self._taken_now()
        if self._stall is None:
            self._stall = self.loop.call_later(self.stall_seconds, self._look_again)

    def resume_writing(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        super().resume_writing()

    def _look_again(self) -> None:
        """Nothing could be written since the last look. Was something taken?"""
        taken, before = self._taken_now(), self._taken
        if taken is not None and before is not None and taken > before:
            self._taken = taken
            self._stall = self.loop.call_later(self.stall_seconds, self._look_again)
        else:
            self._stall = None
            counters.answers_unread += 1
            self.cut()

    def _taken_now(self) -> int | None:
        if self.transport.is_closing():
            return -self.transport.get_write_buffer_size()
        return bytes_taken(descriptor_of(self.transport))

    # -- the end

    def cut(self) -> None:
        """Cut the connection off without a word."""
        closing = self.transport.is_closing()
        cut_off(-1 if closing else descriptor_of(self.transport), self.transport.abort)

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
        self._give_time()

    def _end_politely(self) -> None:
        """Say that nothing follows, and drop what still comes: else a reset would take the answer along."""
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self._unwanted = self._unwanted or 0
            self.flow.resume_reading()
            self.transport.write_eof()
        else:
            self.transport.close()
        self._give_time()

    def _discard(self, data: bytes) -> None:
        self._unwanted = (self._unwanted or 0) + len(data)
        if self._unwanted > DISCARDED_BYTES:
            self.flow.pause_reading()

    def _give_time(self) -> None:
        if self._end is None:
            self._end = self.loop.call_later(self.close_seconds, self.cut)


def _make_room(newest: BoundedHttpProtocol) -> None:
    """Cut off who waits longest without a request, when there are as many sockets as there may be."""
    connections: set[Any] = newest.connections
    if len(connections) <= _most_sockets():
        return
    idle = [found for found in connections if isinstance(found, BoundedHttpProtocol) and found.is_idle]
    longest = min(idle, key=lambda found: found.idle_since, default=newest)
    counters.sockets_cut += 1
    longest.cut()


def _most_sockets() -> float:
    import resource  # not on every platform

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return math.inf if soft == resource.RLIM_INFINITY else soft - RESERVED_DESCRIPTORS
