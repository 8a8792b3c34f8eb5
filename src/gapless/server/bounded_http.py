"""uvicorn's HTTP protocol with bounds on what a request may say before its body.

uvicorn bounds the head of a request with h11 only; with httptools a peer could send headers
without end, or none at all and stay. Status codes follow RFC 9110, section 15.5.15, and RFC 6585,
section 5.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TARGET_BYTES = 8 * 1024
"""The request target; longer: 414."""
HEADER_BYTES = 8 * 1024
"""One header's name and value; longer: 431."""
HEADERS_BYTES = 32 * 1024
"""The whole head; longer: 431."""
HEADERS = 100
"""Headers of one request; more: 431."""

_URI_TOO_LONG = (414, b"URI Too Long")
_HEADERS_TOO_LARGE = (431, b"Request Header Fields Too Large")


class TooLarge(Exception):
    """Ends the parsing of a head that is above a bound."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Answers 414 or 431 and closes where the head of a request is above a bound."""

    head_seconds = 10.0
    """From the connection, or the first byte of a later request, to the end of its head; later: closed."""

    _in_head = True
    _head_bytes = 0
    _refusal: tuple[int, bytes] | None = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_complete()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            # The parser tells of a header only when it is complete.
            self._head_bytes += len(data)
            if self._head_bytes > HEADERS_BYTES:
                self._refusal = _HEADERS_TOO_LARGE
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        self._expect_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > TARGET_BYTES:
            self._refuse(_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > HEADERS or len(name) + len(value) > HEADER_BYTES:
            self._refuse(_HEADERS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._head_complete()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        if self._refusal is None:
            super().send_400_response(msg)
            return
        status = b"HTTP/1.1 %d %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % self._refusal
        self.transport.write(status)
        self.transport.close()

    def _refuse(self, refusal: tuple[int, bytes]) -> None:
        """End the parser's run: it passes the exception on as its own, which leads to `send_400_response`."""
        self._refusal = refusal
        raise TooLarge

    def _expect_head(self) -> None:
        self._in_head = True
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _head_complete(self) -> None:
        self._in_head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
