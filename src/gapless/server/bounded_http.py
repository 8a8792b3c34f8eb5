"""uvicorn's HTTP protocol with bounds: on what a request may say, and on how long it may hold a socket.

uvicorn bounds the head of a request with h11 only; with httptools a peer could send headers
without end, or none at all and stay; and it waits for ever for whoever does not read an answer, or
does not finish a body that nobody wants. Status codes follow RFC 9110, sections 15.5.15 and
15.5.22, RFC 9112, section 3.2, RFC 6455, section 4.4, and RFC 6585, section 5.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .sockets import bound_send_buffer, bytes_taken, cut_off, descriptor_of

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
"""Of a body that nobody wants: what more comes after the answer cuts the connection off."""

RESERVED_DESCRIPTORS = 64
"""Open files that sockets leave to the broker, the database and the logs; with more, the one that has
waited longest without a request is cut off for the one that comes."""

_BAD_REQUEST = (400, b"Bad Request")
_UPGRADE_REQUIRED = (426, b"Upgrade Required\r\nsec-websocket-version: 13")
_URI_TOO_LONG = (414, b"URI Too Long")
_HEADERS_TOO_LARGE = (431, b"Request Header Fields Too Large")


@dataclass(slots=True)
class HttpCounters:
    """Counts of this process, for all its servers."""

    heads_refused: int = 0
    """Heads of requests that were above a bound, or could not be: 400, 414, 426, 431."""
    heads_late: int = 0
    """Connections closed because the head of a request did not come in time."""
    bodies_unwanted: int = 0
    """Connections closed because a body went on behind its answer."""
    answers_unread: int = 0
    """Connections cut off because nothing of an answer was taken for too long."""
    sockets_cut: int = 0
    """Connections without a request that were cut off because there were too many."""
    direct: int = 0
    """Requests that were answered without calling the application."""


counters = HttpCounters()


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

    _in_head = True
    _head_bytes = 0
    _field_bytes = 0
    idle_since = 0.0
    """When the connection was made, or its last request answered; the loop's time."""
    _refusal: tuple[int, bytes] | None = None
    _deadline: asyncio.TimerHandle | None = None
    _end: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _taken: int | None = None
    _unwanted: int | None = None
    """Bytes of a body that went on behind its answer."""

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
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None or self._unwanted is not None:
            self._discard(data)
            return
        super().data_received(data)
        if self._in_head and self._refusal is None and not self.transport.is_closing():
            # The parser tells of a header only when it is complete.
            self._head_bytes += len(data)
            if self._head_bytes > HEADERS_BYTES:
                self._refusal = _HEADERS_TOO_LARGE
                self.send_400_response("")

    @property
    def is_idle(self) -> bool:
        """Is there no request that anything is done for?"""
        return self._in_head or self.cycle is None or self.cycle.response_complete

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
        self._head_bytes = self._field_bytes = 0
        self._expect_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > TARGET_BYTES:
            self._refuse(_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        size = len(name) + len(value)
        # Counted here as well: a whole head may come in one read.
        self._field_bytes += size + FIELD_BYTES
        if len(self.headers) > HEADERS or size > HEADER_BYTES or self._field_bytes > HEADERS_BYTES:
            self._refuse(_HEADERS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._head_complete()
        refusal = self._wrong()
        if refusal is not None:
            self._refuse(refusal)
        super().on_headers_complete()

    def _wrong(self) -> tuple[int, bytes] | None:
        """What is wrong with a head that is whole and within its bounds."""
        is_old = self.parser.get_http_version() != "1.1"
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and not is_old):
            return _BAD_REQUEST
        if hosts and b"://" in self.url[:8] and urlsplit(self.url).netloc.lower() != hosts[0].lower():
            return _BAD_REQUEST
        if not self.parser.should_upgrade() or self._get_upgrade() != b"websocket":
            return None
        known = dict(self.headers)
        if known.get(b"sec-websocket-version", b"13") != b"13":
            return _UPGRADE_REQUIRED
        if is_old or b"transfer-encoding" in known or known.get(b"content-length", b"0") != b"0":
            return _BAD_REQUEST  # a body would be taken for frames
        return None

    def send_400_response(self, msg: str) -> None:
        if self._refusal is None:
            self._refusal = _BAD_REQUEST
            counters.heads_refused += 1
            super().send_400_response(msg)
            self._give_time()
            return
        counters.heads_refused += 1
        status = b"HTTP/1.1 %d %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % self._refusal
        self.transport.write(status)
        self._end_politely()

    def _refuse(self, refusal: tuple[int, bytes]) -> None:
        """End the parser's run: it passes the exception on as its own, which leads to `send_400_response`."""
        self._refusal = refusal
        raise HeadRefused

    def _expect_head(self) -> None:
        self._in_head = True
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self._head_late)

    def _head_late(self) -> None:
        self._deadline = None
        counters.heads_late += 1
        self._close()

    def _head_complete(self) -> None:
        self._in_head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # -- the body, and the answer

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
            self.cut()

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
