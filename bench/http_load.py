"""The load generator for HTTP: a few connections that are kept, each with one request under way.

It must never be what is measured: requests are written once and sent again and again, answers are
counted by their first and last bytes.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass

from .load import Stuck

_BUFFER_BYTES = 65536
_PATIENCE = 5.0  # seconds without any answer after which none is expected


@dataclass(frozen=True, slots=True)
class Post:
    """One request, as it goes over the wire, and what its answer begins with."""

    wire: bytes
    status: bytes

    @classmethod
    def of(
        cls,
        port: int,
        target: str,
        body: bytes,
        *,
        token: str,
        kind: str = "application/json",
        status: int = 200,
    ) -> Post:
        """With the headers that HTTP clients of Python send."""
        lines = [
            f"POST {target} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Accept: */*",
            "Accept-Encoding: gzip, deflate",
            "Connection: keep-alive",
            "User-Agent: bench",
            f"X-API-Key: {token}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            "",
            "",
        ]
        return cls("\r\n".join(lines).encode() + body, b"HTTP/1.1 %d " % status)


class HttpLoad:
    """`connections` to one server on loopback. A context manager."""

    def __init__(self, port: int, connections: int) -> None:
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(connections):
            connected = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[connected.fileno()] = connected
            self._poll.register(connected, select.EPOLLIN)

    def __enter__(self) -> HttpLoad:
        return self

    def __exit__(self, *_: object) -> None:
        for connected in self._sockets.values():
            connected.close()
        self._poll.close()

    def repeat(self, post: Post, seconds: float) -> float:
        """Send it over all connections for so long; returns answers a second.

        Raises:
            Stuck: an answer is not what it should be, or none comes.
        """
        wire, status = post.wire, post.status
        for connected in self._sockets.values():
            connected.sendall(wire)
        waiting, done = len(self._sockets), 0
        began = time.perf_counter()
        end = began + seconds
        while waiting:
            events = self._poll.poll(_PATIENCE)
            if not events:
                raise Stuck(f"{waiting} requests were not answered")
            more = time.perf_counter() < end
            for descriptor, _ in events:
                connected = self._sockets[descriptor]
                answer = connected.recv(_BUFFER_BYTES)
                if not answer.startswith(status):
                    raise Stuck(f"an answer was {answer[:200]!r}")
                while not answer.endswith(b"}"):
                    answer += connected.recv(_BUFFER_BYTES)
                done += 1
                if more:
                    connected.sendall(wire)
                else:
                    waiting -= 1
        return done / (time.perf_counter() - began)
