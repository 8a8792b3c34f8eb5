"""Real nodes on one Redis, real clients that come back anywhere, and the checker that watches them all."""

from __future__ import annotations

import asyncio
import itertools
import queue
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from gapless.client.backoff import Backoff
from gapless.client.reader import Arrived, Missed, Reader
from gapless.client.remote import Remote, Unreachable
from gapless.client.subscriber import Away, Subscriber
from gapless.model import Position

from ..support.checker import Checker, Seen, Told
from ..support.commands import Running, started

CHANNELS = ("a", "b")

SETTLE_SECONDS = 60.0
"""After the last fault everybody is at the top within this, on a machine that does other things too."""

CONFIGURATION = """
[channels."*"]
history = 1000000
history_bytes = 268435456
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much happens, and for how long."""

    nodes: int = 2
    subscribers: int = 12
    per_second: float = 150.0
    faults: int = 2
    pause: float = 1.0
    """Seconds between two faults, and how long one lasts where that can be chosen."""
    frozen: float = 7.0
    """Seconds that Redis stands still: longer than the deadline of a call."""


class Node:
    """A `gapless serve` on a port of its own, which can be killed and started again."""

    def __init__(self, store: str, configuration: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        at = ("--port", str(self.port), "--config", str(configuration))
        self._arguments = ("serve", "--store", store, *at)
        self._stack = ExitStack()
        self.running: Running | None = None

    def start(self) -> None:
        self.running = self._stack.enter_context(started(*self._arguments))
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                self.running.until("http://")
            except queue.Empty:  # a process may take its time to start where many do
                assert time.monotonic() < deadline, "a node did not start"
            else:
                return

    def kill(self) -> None:
        """kill -9, wherever it is just now."""
        self._stack.close()
        self.running = None


class Cloud:
    """Nodes, publishers and subscribers, from `begin` to `settle`."""

    def __init__(self, store: str, directory: Path, scale: Scale) -> None:
        configuration = directory / "gapless.toml"
        configuration.write_text(CONFIGURATION)
        self.scale = scale
        self.checker = Checker(knows_all=False)
        self.nodes = [Node(store, configuration) for _ in range(scale.nodes)]
        self.acknowledged = 0
        self.epochs: dict[str, set[str]] = {channel: set() for channel in CHANNELS}
        self._numbers = itertools.count(1)
        self._publishing: list[asyncio.Task[None]] = []
        self._subscribing: list[asyncio.Task[None]] = []
        self._tops: dict[str, Position] = {}

    async def begin(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in self.nodes))
        publishers = 4
        pause = publishers / self.scale.per_second
        self._publishing = [
            asyncio.create_task(self._publish(CHANNELS[n % 2], n, pause)) for n in range(publishers)
        ]
        self._subscribing = [
            asyncio.create_task(self._subscribe(f"s{n}", n)) for n in range(self.scale.subscribers)
        ]

    async def progress(self, count: int = 50) -> None:
        """Returns when so many more publications were acknowledged: the load is really on."""
        wanted = self.acknowledged + count
        async with asyncio.timeout(SETTLE_SECONDS):
            while self.acknowledged < wanted:
                self._look_after_tasks()
                await asyncio.sleep(0.02)

    async def settle(self) -> None:
        """Faults are off: stop publishing, let everybody come to the top, and judge."""
        for task in self._publishing:
            task.cancel()
        await asyncio.gather(*self._publishing, return_exceptions=True)
        self._publishing = []
        async with httpx.AsyncClient(base_url=self.nodes[0].url, timeout=20, trust_env=False) as client:
            for channel in CHANNELS:
                await self._read(client, channel)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLE_SECONDS
        while loop.time() < deadline and not all(
            self.checker.position(f"s{n}", channel) == top
            for channel, top in self._tops.items()
            for n in range(self.scale.subscribers)
        ):
            self._look_after_tasks()
            await asyncio.sleep(0.05)
        for channel, top in self._tops.items():
            for n in range(self.scale.subscribers):
                self.checker.reaches(f"s{n}", channel, top)
        self.checker.assert_clean()
        assert self.checker.seen("s0", CHANNELS[0]) > 0

    async def end(self) -> None:
        tasks = self._publishing + self._subscribing
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for node in self.nodes:
            await asyncio.to_thread(node.kill)

    def _look_after_tasks(self) -> None:
        for task in (*self._publishing, *self._subscribing):
            if task.done():
                task.result()

    # -- who publishes

    async def _publish(self, channel: str, first: int, pause: float) -> None:
        """One after the other, each until somebody says that it is stored."""
        turn = itertools.cycle(range(first, first + len(self.nodes)))
        async with httpx.AsyncClient(timeout=15, trust_env=False) as client:
            while True:
                payload = next(self._numbers)
                said = {"channel": channel, "data": payload, "idempotency_key": str(payload)}
                while (position := await self._try(client, next(turn), said)) is None:
                    self.checker.unanswered()
                    await asyncio.sleep(0.05)
                self.checker.stored(channel, position, b"%d" % payload, str(payload))
                self.checker.acknowledged(channel, position, b"%d" % payload)
                self.acknowledged += 1
                self.epochs[channel].add(position.epoch)
                await asyncio.sleep(pause)

    async def _try(self, client: httpx.AsyncClient, turn: int, said: dict[str, object]) -> Position | None:
        node = self.nodes[turn % len(self.nodes)]
        try:
            answer = await client.post(f"{node.url}/api/publish", json=said)
            result = answer.json()["result"]
        except (httpx.HTTPError, KeyError, ValueError):
            return None
        return Position(result["offset"], result["epoch"])

    async def _read(self, client: httpx.AsyncClient, channel: str) -> None:
        """What is kept now must hold all that was acknowledged in its epoch."""
        answer = await client.post("/api/history", json={"channel": channel, "limit": -1})
        result = answer.json()["result"]
        top = Position(result["offset"], result["epoch"])
        found = [
            Seen(Position(one["offset"], top.epoch), b"%d" % one["data"]) for one in result["publications"]
        ]
        self.checker.read(channel, found, found[0].position.offset if found else top.offset + 1, top)
        self._tops[channel] = top

    # -- who subscribes

    async def _subscribe(self, who: str, first: int) -> None:
        """To both channels, for ever, at whichever node is there."""
        reader = Reader(CHANNELS)
        for turn in itertools.count(first):
            url = self.nodes[turn % len(self.nodes)].url
            frames = Subscriber(Remote.parse(url), reader, backoff=Backoff(0.02, 0.5)).frames()
            try:
                async for happened in frames:
                    if any(isinstance(one, Away) for one in happened):
                        break
                    for one in happened:
                        if isinstance(one, Arrived):
                            seen = Seen(Position(one.offset, one.epoch), b"%d" % one.data)
                            self.checker.saw(who, one.channel, seen)
                        elif isinstance(one, Missed):
                            self._told(who, one)
            except Unreachable:
                await asyncio.sleep(0.05)
            finally:
                await frames.aclose()

    def _told(self, who: str, missed: Missed) -> None:
        at = self.checker.position(who, missed.channel)
        epoch = at.epoch if at is not None and missed.last is not None else ""
        self.checker.told(who, missed.channel, Told(missed.first, missed.last, epoch, missed.reason))


@asynccontextmanager
async def cloud(store: str, directory: Path, scale: Scale) -> AsyncIterator[Cloud]:
    """A cloud under load; it is judged at the end, unless something failed before."""
    made = Cloud(store, directory, scale)
    try:
        await made.begin()
        await made.progress()
        yield made
        await made.progress()
        await made.settle()
    finally:
        await made.end()
