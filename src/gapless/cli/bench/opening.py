"""How a subscriber of `gapless bench` comes in: connection, WebSocket handshake, first words."""

from __future__ import annotations

import socket
import time
from typing import NamedTuple

from ...errors import GaplessError

OPENING_SECONDS = 30.0
"""For all subscribers to come in: less than servers wait for the answer to their first ping."""


class NotIn(GaplessError):
    """A subscriber did not get in."""


class Door(NamedTuple):
    """How a subscriber comes in: its request, what it says then, and what it hears when it is subscribed."""

    host: str
    port: int
    request: bytes
    words: bytes
    ready: bytes


def enter(door: Door, deadline: float) -> socket.socket:
    """Let one in; gives its socket, which no longer blocks.

    What else came with the answer is dropped: publications begin when all are in.

    Raises:
        NotIn: the hub turned it away, or `deadline` (of `time.monotonic`) has passed.
        OSError: there is no connection.
    """
    sock = socket.create_connection((door.host, door.port), timeout=_left(deadline))
    try:
        sock.sendall(door.request)
        head = _until(sock, b"\r\n\r\n", b"", deadline)
        if not head.startswith(b"HTTP/1.1 101"):
            raise NotIn(f"a subscriber was turned away: {_text(_status_and_body(head))}")
        if door.words:
            sock.sendall(frame(0x1, door.words))
        _until(sock, door.ready, head.partition(b"\r\n\r\n")[2], deadline)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _until(sock: socket.socket, words: bytes, received: bytes, deadline: float) -> bytes:
    while words not in received:
        if b'"error"' in received:
            raise NotIn(f"a subscriber was turned away: {_text(received)}")
        sock.settimeout(_left(deadline))
        try:
            more = sock.recv(65536)
        except TimeoutError:
            more = b""
        if not more:
            raise NotIn(f"a subscriber was not let in: {_text(received) or 'no answer came'}")
        received += more
    return received


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise NotIn(f"not all subscribers were in after {OPENING_SECONDS:.0f} s; try fewer --clients")
    return left


def _status_and_body(response: bytes) -> bytes:
    head, _, body = response.partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0] + b" " + body


def _text(data: bytes) -> str:
    """What a server said, short and in one line, without the heads of frames."""
    said = data[:300].decode("ascii", errors="ignore")
    return " ".join("".join(char if char.isprintable() else " " for char in said).split())


def frame(opcode: int, data: bytes) -> bytes:
    """A masked final frame (RFC 6455, 5.2); a mask of zero leaves the data as it is."""
    if len(data) < 126:
        return bytes((0x80 | opcode, 0x80 | len(data))) + bytes(4) + data
    return bytes((0x80 | opcode, 0xFE)) + len(data).to_bytes(2, "big") + bytes(4) + data
