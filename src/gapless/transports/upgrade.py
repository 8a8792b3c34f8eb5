"""The opening handshake of RFC 6455, where it is what nearly all clients send.

Only the usual form is known here; anything else is None, and left to the `websockets` library: it alone
decides what is wrong, and what to answer. A usual handshake takes a tenth of the time this way.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from typing import NamedTuple

from websockets.utils import accept_key

LINES = 100
LINE_BYTES = 4096
"""Above either of these a head is not usual; the library has limits of its own."""

_TOKENS = re.compile(rb"[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*", re.ASCII)
_ONCE = frozenset(
    (
        b"connection",
        b"content-length",
        b"origin",
        b"upgrade",
        b"sec-websocket-key",
        b"sec-websocket-version",
        b"sec-websocket-protocol",
    )
)


class Upgrade(NamedTuple):
    """A request that may be answered with 101."""

    target: bytes
    """Path and query, as sent."""
    headers: list[tuple[bytes, bytes]]
    """In order, names in lower case."""
    subprotocols: list[str]
    """Offered by the client, its favourite first."""
    accept: bytes
    """The value of `Sec-WebSocket-Accept`."""

    def answer(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The response, with these headers besides the three it must have (RFC 6455, 4.2.2)."""
        lines = [
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n" % self.accept
        ]
        lines += [b"%b: %b\r\n" % header for header in headers]
        lines.append(b"\r\n")
        return b"".join(lines)


def read_upgrade(head: bytes) -> Upgrade | None:
    """Read the head of a request that an HTTP parser has let through already.

    None when it is in any way not usual. Extensions that it offers are not taken.
    """
    lines = head.split(b"\r\n")
    request = lines[0].split(b" ")
    if len(request) != 3 or request[0] != b"GET" or request[2] != b"HTTP/1.1" or not request[1].isascii():
        return None
    if len(lines) > LINES or len(lines[0]) > LINE_BYTES or lines[-2:] != [b"", b""]:
        return None
    headers: list[tuple[bytes, bytes]] = []
    known: dict[bytes, bytes] = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(b":")
        if not colon or len(line) > LINE_BYTES or not name or name[0] in b" \t":
            return None
        name, value = name.lower(), value.strip(b" \t")
        if name == b"sec-websocket-protocol" and not value:
            continue  # clients of existing SDKs say so that they offer none
        headers.append((name, value))
        if name in _ONCE and name in known:
            return None
        known[name] = value
    accept = _accept(known)
    if accept is None:
        return None
    offered = known.get(b"sec-websocket-protocol", b"").decode("latin-1")
    return Upgrade(request[1], headers, [part.strip() for part in offered.split(",") if offered], accept)


def _accept(known: dict[bytes, bytes]) -> bytes | None:
    """The answer to the key, if everything that RFC 6455, 4.2.1 asks for is there in its usual form."""
    if b"transfer-encoding" in known or known.get(b"content-length", b"0") != b"0":
        return None  # a body would be taken for frames
    if known.get(b"upgrade", b"").lower() != b"websocket" or known.get(b"sec-websocket-version") != b"13":
        return None
    connection = known.get(b"connection", b"").lower()
    if connection != b"upgrade" and (
        not _TOKENS.fullmatch(connection) or b"upgrade" not in re.split(rb"[ \t]*,[ \t]*", connection)
    ):
        return None
    protocol = known.get(b"sec-websocket-protocol")
    if protocol and not _TOKENS.fullmatch(protocol):
        return None
    key = known.get(b"sec-websocket-key", b"")
    try:
        if len(key) != 24 or len(binascii.a2b_base64(key, strict_mode=True)) != 16:
            return None
    except binascii.Error:
        return None
    return accept_key(key.decode("ascii")).encode("ascii")
