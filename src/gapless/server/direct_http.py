"""uvicorn's HTTP protocol where usual requests are answered without a task, a scope and a router.

A head that was admitted once is known by its bytes; then a request is one look into a table, the
application's answer to its body, and one write. Whatever is not usual goes to the parser from its
first byte, and so to the application.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any

from .bounded_http import BoundedHttpProtocol, Part
from .counters import counters
from .direct import Answer, Answerer, DirectRequests, Headers, Place, direct_requests_of

PIPELINED = 16
"""Requests in one read that are answered at once; what follows them goes the long way, one a turn."""

_GET = b"GET "
"""No direct request begins so; a WebSocket's does."""

_BLANK_LINE = b"\r\n\r\n"

_FAILED = Answer(
    500,
    Headers.of([(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]),
    b"Internal Server Error",
)

_STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus
}

log = logging.getLogger("uvicorn.error")


class DirectHttpProtocol(BoundedHttpProtocol):
    """For an application with `direct_requests`; any other is served as by the class below it.

    Requests are answered in their order: while one waits for its body or its answer, what comes
    behind it waits too.
    """

    _requests: DirectRequests | None = None
    _place = Place(None, "http")
    _asked: Answerer | None = None
    """Whose answer is not there yet, or whose body is not whole."""
    _came: bytes | bytearray = b""
    """What came of that request so far; after it is whole, what came behind it."""
    _body_at = 0
    _body_timer: asyncio.TimerHandle | None = None
    _answering: asyncio.Task[None] | None = None
    _is_last = False
    """Is the connection to be closed behind the next answer?"""
    _common: tuple[Any, bytes] = ((), b"")
    """The server's own headers, and how they are written."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self.root_path and self.limit_concurrency is None:
            self._requests = direct_requests_of(self.app)
            self._place = Place(self.server, self.scheme or "http")

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._asked is None and not data.startswith(_GET):
            data = data[self._take(data) :]
            if not data or self.transport.is_closing():
                return
        if self._asked is not None:
            self._more(data)
        else:
            super().data_received(data)

    def _take(self, data: bytes) -> int:
        """Take up the requests at the beginning that are ours; how many bytes they are."""
        taken = 0
        for _ in range(PIPELINED):
            size = self._begin(data[taken:]) if self._is_free() else 0
            taken += size
            if not size or taken == len(data):
                break
        return taken

    def _is_free(self) -> bool:
        """May the next bytes be a request that is answered here?"""
        return (
            self._requests is not None
            and self._part is Part.NONE
            and (self.cycle is None or self.cycle.response_complete)
            and self._asked is None
            and self._refusal is None
            and self._unwanted is None
            and not self._behind
            and not self.flow.write_paused
            and not self.transport.is_closing()
        )

    # -- one request

    def _begin(self, data: bytes) -> int:
        """Bytes of the first request that are taken up, all there are while it is not whole. 0: not ours."""
        begin = data.find(_BLANK_LINE) + len(_BLANK_LINE)
        if self._requests is None or begin < len(_BLANK_LINE):
            return 0
        asked = self._requests.find(data[:begin], self._place)
        if asked is None:
            return 0
        end = begin + asked.length
        if end > len(data):
            self._head_complete()
            self._asked, self._came, self._body_at = asked, bytearray(data), begin
            self._body_timer = self.loop.call_later(asked.seconds, self._body_late)
            return len(data)
        return end if self._answer(asked, data[begin:end], data, end) else 0

    def _more(self, data: bytes) -> None:
        """What follows a request that has no answer yet."""
        self._came += data
        asked = self._asked
        if self._answering is not None:
            self.flow.pause_reading()
        elif asked is not None and len(self._came) >= self._body_at + asked.length:
            came, end = bytes(self._came), self._body_at + asked.length
            body = came[self._body_at : end]
            self._stop_waiting()
            if not self._answer(asked, body, came, end):
                super().data_received(came)
            elif end < len(came):
                self.data_received(came[end:])

    def _answer(self, asked: Answerer, body: bytes, came: bytes, end: int) -> bool:
        """Have it answered, now or later. False: it is for the application after all."""
        try:
            answer = asked.answer(body)
        except Exception:
            log.exception("Exception in a direct request\n")
            answer = _FAILED
        if answer is None:
            return False
        self._head_complete()
        if isinstance(answer, Answer):
            self._write(answer, came)
        else:
            self._asked, self._came = asked, bytearray()
            self._answering = self.loop.create_task(self._answer_later(answer, came[:end]))
            self.tasks.add(self._answering)
            self._answering.add_done_callback(self.tasks.discard)
        return True

    async def _answer_later(self, awaited: Awaitable[Answer], request: bytes) -> None:
        try:
            answer = await awaited
        except Exception:
            log.exception("Exception in a direct request\n")
            answer = _FAILED
        self._answering = None
        behind = bytes(self._came)
        self._stop_waiting()
        if self.transport.is_closing():
            return
        self._write(answer, request)
        self.flow.resume_reading()
        if behind:
            self.data_received(behind)

    def _body_late(self) -> None:
        asked, request = self._asked, bytes(self._came)
        self._stop_waiting()
        if asked is not None:
            self._unwanted = 0
            counters.bodies_unwanted += 1
            self._write(asked.late(), request)
            self._end_politely()

    def _stop_waiting(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
        self._asked = self._body_timer = None
        self._came = bytearray()

    # -- its answer

    def _write(self, answer: Answer, request: bytes) -> None:
        status, headers, body = answer
        if self._common[0] is not self.server_state.default_headers:
            common = self.server_state.default_headers
            self._common = common, Headers.of(common).written
        last = b"connection: close\r\n" if self._is_last and answer is not _FAILED else b""
        self.transport.write(
            b"%bcontent-length: %d\r\n%b%b%b\r\n%b"
            % (_STATUS_LINES[status], len(body), headers.written, self._common[1], last, body)
        )
        if self.access_log:
            self._log(request, status)
        counters.direct += 1
        self.server_state.total_requests += 1
        self.idle_since = self.loop.time()
        if self._is_last or answer is _FAILED:
            self._close()
        elif self.timeout_keep_alive_task is None and self._unwanted is None:
            self._expect_next(self.timeout_keep_alive)

    def _log(self, request: bytes, status: int) -> None:
        """As uvicorn does for a request that it hands over."""
        client = ":".join(map(str, self.client or ()))
        target = request.split(b" ", 2)[1].decode("ascii")
        self.access_logger.info('%s - "%s %s HTTP/%s" %d', client, "POST", target, "1.1", status)

    # -- between requests

    @property
    def is_idle(self) -> bool:
        return self._asked is None and super().is_idle

    def shutdown(self) -> None:
        if self._asked is None:
            super().shutdown()
        else:
            self._is_last = True

    def timeout_keep_alive_handler(self) -> None:
        """The time is up if nothing was answered meanwhile: no request starts its timer anew."""
        self.timeout_keep_alive_task = None
        left = self.idle_since + self.timeout_keep_alive - self.loop.time()
        if self._asked is not None or left > _EARLY:
            self._expect_next(max(left, _EARLY))
        else:
            super().timeout_keep_alive_handler()

    def _expect_next(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)


_EARLY = 0.1
"""Seconds that a connection may be closed too early; a timer for less is not worth it."""
