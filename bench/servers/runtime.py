"""What all measured asyncio servers share: the process around them and the publisher inside them.

The publisher runs in the server's own loop, because that is where applications publish. The
parent tells it what to do in JSON lines: `flow`, `paced`, `burst`, `local`, `collect`, `quit`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

import uvloop

from ..machine import pin, raise_open_files
from ..message import message
from ..opening import Door

_EARLY_NS = 1_500_000  # timers of libuv count whole milliseconds: sleep less, then turn until it is due
_GRACE = 1.0  # seconds that a publish under way may take after the end before it is given up


@dataclass(frozen=True, slots=True)
class Options:
    """What the parent passes on the command line."""

    control: int
    credit: int
    cpu: int
    ws: str = "websockets-sansio"
    """uvicorn's WebSocket implementation."""
    history: int = 0
    """Publications the hub keeps per channel."""
    manager: str = "copied"
    """Which class holds the connections: `copied`, `drop_in`, or `middleware` for a copied one behind it."""
    door: str = "plain"
    """By which the hub's clients come in: `plain` or `centrifuge`."""
    store: str = "memory"
    """Of the hub: `memory`, or `redis` for the one at GAPLESS_BENCH_REDIS."""
    way: str = ""
    """How publications come in over HTTP: `direct`, `mounted` or `bare`."""
    query: str = ""
    """What the hub's clients add to their query at the plain door."""
    send_buffer: int | None = None
    """SO_SNDBUF of the connections; None: the kernel's own choice."""
    frames_per_send: int = 1
    """Of the bare loop under pressure."""

    @classmethod
    def from_argv(cls) -> Options:
        given = json.loads(sys.argv[1])
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in given.items() if name in known})


class Server(ABC):
    """One way to bring a publication to everybody who is connected."""

    door: Door
    bounded = True
    """Does awaiting `publish` hold back a publisher that is faster than its clients?"""
    receipts = False
    """Does `publish` act when it is called, so that not every one needs to be awaited?"""
    pid = os.getpid()

    def __init__(self, options: Options) -> None:
        self.options = options

    @abstractmethod
    async def start(self, listener: socket.socket) -> int:
        """Accept connections from now on; returns the port."""

    @abstractmethod
    def publish(self, channel: str, data: dict[str, str]) -> Awaitable[object]:
        """Publish; awaiting the result gives the loop a turn at least."""

    async def position(self, channel: str) -> str:
        """EPOCH:OFFSET of the channel, for clients that come back; empty where there is no such thing."""
        return ""

    async def stop(self) -> None:
        """End what this server has started; its connections need no farewell."""
        return

    async def local(self, origin: str, subscribers: int, seconds: float, size: int) -> dict[str, Any]:
        """Publish to subscribers in this process, from `loop` or `thread`."""
        raise NotImplementedError(f"{type(self).__name__} has no in-process subscribers")


class Credits:
    """How many publications the parent lets out before it has seen them arrive."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._left = 0
        self._waiter: asyncio.Future[None] | None = None
        os.set_blocking(fd, False)
        asyncio.get_running_loop().add_reader(fd, self._arrived)

    def open(self, window: int) -> None:
        """Begin anew with so many."""
        self._arrived()
        self._left = window

    async def take(self) -> None:
        """Use one, waiting until there is one."""
        while not self._left:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._left -= 1

    def _arrived(self) -> None:
        try:
            self._left += len(os.read(self._fd, 65536))
        except BlockingIOError:
            return
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Publisher:
    """Obeys the parent, one command at a time."""

    def __init__(self, server: Server, allowance: Credits) -> None:
        self._server = server
        self._credits = allowance
        self._commands: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "flow": self.flow,
            "paced": self.paced,
            "burst": self.burst,
            "local": self.local,
            "collect": self.collect,
        }

    async def obey(self, line: bytes) -> dict[str, Any]:
        """Do what one line says; what goes wrong is part of the reply."""
        command = json.loads(line)
        do = command.pop("do")
        if do == "quit":
            await self._server.stop()
            os._exit(0)
        try:
            return await self._commands[do](**command)
        except Exception as error:
            return {"error": f"{do}: {type(error).__name__}: {error}"}

    async def flow(
        self, seconds: float, size: int, window: int | None, channels: int, depth: int, most: int | None
    ) -> dict[str, Any]:
        """Publish as fast as it goes for `seconds`, at most `most`, to `channels` in turn.

        `window`: so many may be on their way to clients. `depth`: await every so-manieth only.
        """
        self._credits.open(window or 0)
        names = [f"bench{number}" for number in range(channels)] if channels > 1 else ["bench"]
        start = time.monotonic_ns()
        end = start + int(seconds * 1e9)
        done = 0
        try:
            async with asyncio.timeout(seconds + _GRACE):
                while time.monotonic_ns() < end and done != most:
                    if window:
                        await self._credits.take()
                    awaitable = self._server.publish(
                        names[done % channels], message(size, time.monotonic_ns())
                    )
                    done += 1
                    if not self._server.receipts or done % depth == 0:
                        await awaitable
        except TimeoutError:
            pass  # the last publication did not get out in time: a client holds it up
        return {"publications": done, "start_ns": start, "end_ns": time.monotonic_ns()}

    async def paced(self, rate: float, seconds: float, size: int) -> dict[str, Any]:
        """Publish `rate` a second, on time whatever became of the one before, as far as the server lets us.

        Each carries the time at which it was due, so that a server that is late cannot hide it.
        """
        start = time.monotonic_ns() + 20_000_000
        count = max(1, int(rate * seconds))
        done = 0
        try:
            async with asyncio.timeout(2 * seconds + _GRACE):
                for number in range(count):
                    due = start + int(number * 1e9 / rate)
                    await _until(due)
                    await self._server.publish("bench", message(size, due))
                    done += 1
        except TimeoutError:
            pass  # `done` says how far it came
        return {"publications": done, "start_ns": start, "end_ns": time.monotonic_ns()}

    async def burst(self, count: int, size: int) -> dict[str, Any]:
        """Publish `count`; the reply holds the position before them."""
        before = await self._server.position("bench")
        for _ in range(count):
            await self._server.publish("bench", message(size))
        return {"position": before}

    async def local(self, origin: str, subscribers: int, seconds: float, size: int) -> dict[str, Any]:
        return await self._server.local(origin, subscribers, seconds, size)

    async def collect(self) -> dict[str, Any]:
        """Free what is free, before memory is read."""
        gc.collect()
        return {}


async def _until(due: int) -> None:
    rest = due - time.monotonic_ns()
    if rest > 2 * _EARLY_NS:
        await asyncio.sleep((rest - _EARLY_NS) / 1e9)
    while time.monotonic_ns() < due:  # noqa: ASYNC110 – only the clock knows, and timers are too coarse
        await asyncio.sleep(0)


def run(make: Callable[[Options], Server]) -> None:
    """The whole life of a server process."""
    options = Options.from_argv()
    raise_open_files()
    pin(options.cpu)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(make(options), options))


async def _serve(server: Server, options: Options) -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=options.control))
    port = await server.start(listen(options.send_buffer))
    publisher = Publisher(server, Credits(options.credit))
    door = asdict(server.door)
    hello: dict[str, Any] = {"port": port, "pid": server.pid, "bounded": server.bounded, "door": door}
    writer.write(json.dumps(hello).encode() + b"\n")
    while line := await reader.readline():
        reply = await publisher.obey(line)
        writer.write(json.dumps(reply).encode() + b"\n")
    await server.stop()  # the parent is gone
    os._exit(1)


def listen(send_buffer: int | None) -> socket.socket:
    """A listening socket on a free port of loopback; connections inherit the buffer size."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if send_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    sock.bind(("127.0.0.1", 0))
    sock.listen(4096)
    sock.setblocking(False)
    return sock
