"""What a full room costs in which somebody always comes or goes: CPU with and without coalescing.

    python -m bench.joins --members 800 --rate 226 --seconds 10

Two servers one after the other in one run, so that the ratio holds on a loaded machine. Members are
bare sockets on `/ws` that ask for joins; those who come and go are too.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import NamedTuple

import psutil

OFF = 1_000_000.0
"""A rate that nobody reaches: every join is told by itself."""

PATH = "/ws?channel=room&joins=1"
_KINDS = (b'"join":{', b'"leave":{')


class Measured(NamedTuple):
    """One run. `cpu` is the share of a core that the server used; `told` how many frames a member got."""

    cpu: float
    writes: int
    happened: int
    told_least: int
    told_most: int


def serve(join_pushes: float) -> None:
    """The server's process: its port is the first line that it writes."""
    from gapless import ChannelOptions, Hub, HubApp, Limits
    from gapless.server.listening import listen
    from gapless.server.serve import run, websocket_protocol

    hub = Hub(
        channels={"room": ChannelOptions(presence=True, join_leave=True)},
        limits=Limits(join_pushes=join_pushes),
    )
    sockets = listen("127.0.0.1", 0)
    run(
        HubApp(hub, open_api=True),
        sockets,
        drain=hub.drain,
        message_bytes=hub.limits.message_bytes,
        ws=websocket_protocol("gapless.transports.uvicorn:WebSocketProtocol"),
        started=lambda: print(sockets[0].getsockname()[1], flush=True),
    )


def opened(port: int) -> socket.socket:
    """A WebSocket, with the answer to its handshake read."""
    peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(
        f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    if not peer.recv(4096).startswith(b"HTTP/1.1 101"):
        raise ConnectionError("the handshake was refused")
    return peer


def measure(join_pushes: float, members: int, rate: float, seconds: float) -> Measured:
    """Fill a room, let others come and go in it, and say what that cost and who was told."""
    command = [sys.executable, "-m", "bench.joins", "--serve", str(join_pushes)]
    with ExitStack() as stack:
        server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(server.terminate)
        assert server.stdout is not None
        port = int(server.stdout.readline())
        process = psutil.Process(server.pid)
        selector = stack.enter_context(selectors.DefaultSelector())
        counts = [0] * members
        for number in range(members):
            peer = stack.enter_context(opened(port))
            peer.setblocking(False)
            selector.register(peer, selectors.EVENT_READ, number)
        _read(selector, counts, 3.0)
        counts[:] = [0] * members
        before, writes = process.cpu_times(), _writes(port)
        began = time.perf_counter()
        happened = 0
        inside: list[socket.socket] = []
        while (now := time.perf_counter() - began) < seconds:
            while happened < now * rate:
                happened += 1
                if len(inside) < 4:
                    inside.append(opened(port))
                else:
                    inside.pop(0).close()
            _read(selector, counts, 0.002)
        spent = time.perf_counter() - began
        after = process.cpu_times()
        _read(selector, counts, 2.0)
        for peer in inside:
            peer.close()
        cpu = (after.user + after.system - before.user - before.system) / spent
        return Measured(cpu, _writes(port) - writes, happened, min(counts), max(counts))


def _read(selector: selectors.BaseSelector, counts: list[int], seconds: float) -> None:
    """Read what comes for this long, and count the joins and leaves of each member."""
    until = time.perf_counter() + seconds
    while (left := until - time.perf_counter()) > 0:
        for key, _ in selector.select(left):
            assert isinstance(key.fileobj, socket.socket)
            try:
                data = key.fileobj.recv(1 << 18)
            except BlockingIOError:
                continue
            if not data:
                raise ConnectionError("a member was cut off")
            counts[key.data] += sum(map(data.count, _KINDS))


def _writes(port: int) -> int:
    body = b"{}"
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(
            b"POST /api/info HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        answer = b"".join(iter(lambda: peer.recv(65536), b""))
    found = json.loads(answer.partition(b"\r\n\r\n")[2])
    return int(found["result"]["nodes"][0]["metrics"]["items"]["writes"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=800)
    parser.add_argument("--rate", type=float, default=226.0, help="joins and leaves a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--serve", type=float, default=None, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve is not None:
        serve(asked.serve)
        return
    print(f"{asked.members} members, {asked.rate:g} joins and leaves a second, {asked.seconds:g} s")
    print(f"{'join_pushes':>12} {'CPU':>7} {'writes':>9} {'happened':>9} {'told each':>14}")
    for join_pushes, name in ((OFF, "off"), (20.0, "20")):
        seen = measure(join_pushes, asked.members, asked.rate, asked.seconds)
        told = f"{seen.told_least}-{seen.told_most}"
        print(f"{name:>12} {seen.cpu:7.1%} {seen.writes:9,} {seen.happened:9,} {told:>14}")


if __name__ == "__main__":
    main()
