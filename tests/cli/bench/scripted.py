"""A hub of a few bytes for one subscriber of `gapless bench`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gapless.cli.bench.opening import Door

from ...support.until import DEADLINE

MARKER = b"@00c0ffee"


def publication(number: int, stamp_ns: int = 0) -> bytes:
    return b'\x81\x30{"data":{"t":"%s%010d%019d"}}' % (MARKER, number, stamp_ns)


LET_IN = b"HTTP/1.1 101 Switching Protocols\r\n\r\nready"


@contextmanager
def scripted(answer: bytes, *later: bytes) -> Iterator[tuple[Door, threading.Event, list[bytes]]]:
    """A server for one subscriber: the answer to its handshake, then, once the event is set, each of `later`.

    It notes what it hears after each of these, and ends.
    """
    go, heard = threading.Event(), list[bytes]()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connected, _ = listening.accept()
            with connected:
                connected.settimeout(DEADLINE)
                connected.recv(65536)
                connected.sendall(answer)
                for words in later:
                    go.wait(DEADLINE)
                    connected.sendall(words)
                    heard.append(connected.recv(65536))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield (
                Door("127.0.0.1", listening.getsockname()[1], b"GET / HTTP/1.1\r\n\r\n", b"", b"ready"),
                go,
                heard,
            )
        finally:
            go.set()
            thread.join(DEADLINE)
