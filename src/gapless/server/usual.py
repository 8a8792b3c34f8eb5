"""The head of a usual request: a POST, or a WebSocket's GET, as nearly all clients send it, and nothing else.

Whatever is in any way different is None, and left to the parser of HTTP: it alone decides what is
wrong, and what to answer. Pure.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD_BYTES = 4096
"""A longer head is not usual; the parser has bounds of its own."""

LENGTH_DIGITS = 8
"""Of a Content-Length; one with more is not usual."""

_HEAD = re.compile(
    rb"POST (/[A-Za-z0-9/._~:@!$&'()*+,;=-]*) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9!#$&'*+.^_`|~-]+:[\t\x20-\x7e]*\r\n)+)\r\n"
)
"""No query, no escapes, ASCII alone (RFC 9112, sections 3 and 5)."""

_UNUSUAL = frozenset(
    (
        b"transfer-encoding",
        b"trailer",
        b"te",
        b"expect",
        b"upgrade",
        b"proxy-connection",
        # What a proxy says of the client is for the server's own middleware to judge.
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
    )
)


_EACH_ITS_OWN = frozenset((b"idempotency-key", b"traceparent", b"x-request-id"))


_HANDSHAKE = re.compile(
    rb"GET /[\x21-\x7e]* HTTP/1\.1\r\n(?:[A-Za-z0-9!#$%&'*+.^_`|~-]+:[\t\x20-\x7e]*\r\n){1,50}\r\n"
)

_CONNECTIONS = (b"\r\nconnection: upgrade\r\n", b"\r\nconnection: keep-alive, upgrade\r\n")
"""What clients say; Firefox the latter."""


class UsualHead(NamedTuple):
    """What is left of one to know. A name stands once."""

    target: bytes
    headers: dict[bytes, bytes]
    """Names in lower case."""
    length: int
    """Bytes of the body."""

    @property
    def comes_again(self) -> bool:
        """May another request have the same? Not with a header that is another one each time."""
        return self.headers.keys().isdisjoint(_EACH_ITS_OWN)


def read_usual(head: bytes) -> UsualHead | None:
    """Read a whole head, the blank line at its end included. None: it is not usual."""
    found = _HEAD.fullmatch(head) if len(head) <= HEAD_BYTES else None
    if found is None:
        return None
    headers: dict[bytes, bytes] = {}
    for line in found[2].split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in headers or name in _UNUSUAL:
            return None
        headers[name] = value.strip(b" \t")
    length = headers.get(b"content-length", b"")
    if not headers.get(b"host") or not length.isdigit() or len(length) > LENGTH_DIGITS:
        return None
    if headers.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    return UsualHead(found[1], headers, int(length))


def is_handshake(data: bytes) -> bool:
    """Is this the whole head of a usual handshake (RFC 6455, section 4.1), and nothing else?

    Then a parser of HTTP would let it through, as a request for a WebSocket.
    """
    if not data.startswith(b"GET ") or len(data) > HEAD_BYTES or _HANDSHAKE.fullmatch(data) is None:
        return False
    head = data.lower()
    return (
        b"\r\nupgrade: websocket\r\n" in head
        and any(connection in head for connection in _CONNECTIONS)
        and b"\r\nsec-websocket-version: 13\r\n" in head
        and head.count(b"\r\nsec-websocket-version:") == head.count(b"\r\nhost:") == 1
        and b"\r\ntransfer-encoding:" not in head
        and b"\r\ncontent-length:" not in head
    )
