"""`python -m bench.redis_store`: the Redis store against what redis-py does bare, in one process and one run.

Ratios are what counts: each round measures ours and the bare one right after another, on a
redis-server that is started for it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median, quantiles

import uvloop
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gapless import ChannelOptions, Hub
from gapless.brokers.redis import scripts
from gapless.brokers.redis.keys import Keys
from gapless.sessions.listener import Listener

PAYLOAD = "x" * 126
"""128 bytes as JSON."""

OPTIONS = ChannelOptions(history=1000)

WARM_UP = 0.2

SUBSCRIBERS, DEPTH = 200, 64
"""Of the fan-out, and how many publications may be under way."""

EVERY = 0.005
"""Seconds between two publications whose latency is measured."""


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured, ours and bare, one sample a round. Rates: more is better; latencies: less."""

    label: str
    unit: str
    ours: list[float]
    bare: list[float]

    @property
    def ratio(self) -> float:
        return median(ours / bare for ours, bare in zip(self.ours, self.bare, strict=True))

    def __str__(self) -> str:
        mine, theirs = median(self.ours), median(self.bare)
        return f"| {self.label} | {mine:,.2f} | {theirs:,.2f} | {self.unit} | {self.ratio:.2f} |"


async def rate(seconds: float, step: Callable[[], Awaitable[int]]) -> float:
    """How many a second `step` does, which says how many it did."""
    for end in (time.perf_counter() + WARM_UP, time.perf_counter() + WARM_UP + seconds):
        done, began = 0, time.perf_counter()
        while time.perf_counter() < end:
            done += await step()
    return done / (time.perf_counter() - began)


async def ours_publishing(url: str, depth: int, seconds: float) -> float:
    """Receipts awaited `depth` publications later."""
    async with Hub(f"{url}?prefix=ours", channels={"*": OPTIONS}) as hub:
        waiting = deque(hub.publish("c", PAYLOAD) for _ in range(depth - 1))

        async def step() -> int:
            waiting.append(hub.publish("c", PAYLOAD))
            await waiting.popleft()
            return 1

        speed = await rate(seconds, step)
        for receipt in waiting:
            await receipt
        return speed


async def bare_publishing(client: Redis, depth: int, seconds: float) -> float:
    """The same script with the same arguments, `depth` of them in each pipeline."""
    keys = Keys("bare", 1)
    await client.script_load(scripts.PUBLISH.text.decode())
    _, stored = keys.stored("c")
    arguments = ("PUBLISH", keys.notifications("c"), "c", f'"{PAYLOAD}"', "", 1000, 8 << 20, -1, 1 << 31)
    rest = ("epoch", 0, 300_000, 0, "")

    async def step() -> int:
        pipeline = client.pipeline(transaction=False)
        for _ in range(depth):
            pipeline.evalsha(scripts.PUBLISH.sha.decode(), len(stored), *stored, *arguments, *rest)
        await pipeline.execute()
        return depth

    return await rate(seconds, step)


async def ours_latency(url: str, count: int) -> list[float]:
    """From one node's publish to the other's subscriber."""
    one, two = (Hub(f"{url}?prefix=ours", channels={"*": OPTIONS}) for _ in range(2))
    async with one, two, two.subscribe("latency", history=0) as feed:
        times = []
        for number in range(count):
            began = time.perf_counter()
            one.publish("latency", number)
            await anext(feed)
            times.append(time.perf_counter() - began)
            await asyncio.sleep(EVERY)
        return times


async def bare_latency(client: Redis, count: int) -> list[float]:
    """From PUBLISH to a subscriber that redis-py wakes."""
    async with client.pubsub() as pubsub:
        await pubsub.subscribe("bare:latency")
        messages = pubsub.listen()
        await anext(messages)
        times = []
        for number in range(count):
            began = time.perf_counter()
            publishing = asyncio.ensure_future(client.publish("bare:latency", number))
            await anext(messages)
            times.append(time.perf_counter() - began)
            await publishing
            await asyncio.sleep(EVERY)
        return times


async def fan_out(url: str, seconds: float) -> float:
    """Deliveries a second to subscribers in this process, published as fast as receipts come back."""
    async with Hub(url, channels={"*": OPTIONS}) as hub, AsyncExitStack() as stack:
        feeds = [await stack.enter_async_context(hub.subscribe("fan")) for _ in range(SUBSCRIBERS)]
        readers = [asyncio.create_task(_count(feed)) for feed in feeds]

        async def step() -> int:
            for _ in range(DEPTH - 1):
                hub.publish("fan", PAYLOAD)
            await hub.publish("fan", PAYLOAD)
            return DEPTH

        began = time.perf_counter()
        await rate(seconds, step)
        await hub.publish("fan", None)
        counts = await asyncio.gather(*readers)
        return sum(counts) / (time.perf_counter() - began)


async def _count(feed: Listener) -> int:
    """How many came before the one that says that it is over."""
    count = 0
    async for publication in feed:
        if publication.payload == b"null":
            break
        count += 1
    return count


async def measure(url: str, rounds: int, seconds: float) -> list[Line]:
    lines = {depth: Line(f"publishing, {depth} in flight", "1/s", [], []) for depth in (1, 64)}
    middle = Line("from node to node, median", "ms", [], [])
    wide = Line(f"fan-out to {SUBSCRIBERS} subscribers, beside memory://", "1/s", [], [])
    worst = Line("from node to node, 99 %", "ms", [], [])
    async with Redis.from_url(url) as client:
        for _ in range(rounds):
            for depth, line in lines.items():
                line.ours.append(await ours_publishing(url, depth, seconds))
                line.bare.append(await bare_publishing(client, depth, seconds))
            wide.ours.append(await fan_out(f"{url}?prefix=fan", seconds))
            wide.bare.append(await fan_out("memory://", seconds))
            count = max(100, int(seconds / EVERY / 2))
            for into, times in (
                ("ours", await ours_latency(url, count)),
                ("bare", await bare_latency(client, count)),
            ):
                getattr(middle, into).append(median(times) * 1000)
                getattr(worst, into).append(quantiles(times, n=100)[98] * 1000)
    return [*lines.values(), wide, middle, worst]


@asynccontextmanager
async def server() -> AsyncIterator[str]:
    """A redis-server without persistence, on a port that was free."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory)
        process = await asyncio.create_subprocess_exec("redis-server", *options, stdout=subprocess.DEVNULL)
        try:
            async with asyncio.timeout(20):
                while True:
                    try:
                        async with Redis(port=port) as client:
                            await client.ping()
                        break
                    except RedisError:
                        await asyncio.sleep(0.05)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()
            await process.wait()


async def main(rounds: int, seconds: float) -> None:
    async with server() as url:
        print(
            "| Redis store | ours | bare redis-py, or as said | | ours / bare |",
            "|---|---|---|---|---|",
            sep="\n",
        )
        for line in await measure(url, rounds, seconds):
            print(line)
        await behind_doors(url, rounds, seconds)


async def behind_doors(url: str, rounds: int, seconds: float) -> None:
    """Fan-out over real sockets, beside memory in the same run."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "bench", "--peers", "hub_fast,hub_redis", "--scenarios", "fan_out"]
        command += ["--clients", "1000", "--rounds", str(rounds), "--seconds", str(seconds)]
        process = await asyncio.create_subprocess_exec(
            *command,
            "--out",
            directory,
            env={**os.environ, "GAPLESS_BENCH_REDIS": url},
            stdout=subprocess.PIPE,
        )
        said, _ = await process.communicate()
    print(*(line for line in said.decode().splitlines() if "over memory" in line), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.redis_store", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    options = parser.parse_args()
    if shutil.which("redis-server") is None:
        raise SystemExit("redis-server is not installed: apt-get install redis-server")
    uvloop.run(main(options.rounds, options.seconds))
