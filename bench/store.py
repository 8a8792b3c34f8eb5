"""`python -m bench.store`: what keeping publications in a file costs, beside a bare sqlite3 loop.

On uvloop, as `gapless serve`. Every ratio is of two things that were measured in turns, round after
round, so that a machine which is busy otherwise is so for both. Absolute figures are of that machine
at that time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from gapless import ChannelOptions, Hub, Limits, Position
from gapless.brokers.sqlite.address import Synchronous
from gapless.brokers.sqlite.broker import SqliteBroker
from gapless.model import Draft

CHANNEL = "logs"
KEPT = ChannelOptions(history=10_000_000, history_bytes=None)
RECORD = b'{"level":"INFO","message":"request 4f1c served","path":"/api/orders/7","status":200,"ms":12.5}'
WORDS = [f"{a}{b}" for a in "amber birch cedar delta ember flint grove".split() for b in range(30)]  # noqa: SIM905


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=__doc__)
    parser.add_argument("--only", help=f"comma-separated: {', '.join(MEASURES)}")
    parser.add_argument("--short", action="store_true", help="a minute for all of it, and rougher figures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement (1)")
    parser.add_argument("--records", type=int, default=1_000_000, help="of the search and its size")
    parser.add_argument("--clients", type=int, default=10_000, help="that recover after a restart")
    parser.add_argument("--subscribers", type=int, default=500, help="of the fan-out")
    parser.add_argument("--directory", type=Path, help="where the stores are made; on the disk to measure")
    options = parser.parse_args()
    if options.short:
        vars(options).update(seconds=0.3, records=50_000, clients=2_000, subscribers=200)
    for name in options.only.split(",") if options.only else MEASURES:
        with tempfile.TemporaryDirectory(prefix="gapless-bench-", dir=options.directory) as directory:
            for line in MEASURES[name](options, Path(directory)):
                print(f"{name:12} {line}", flush=True)
    return 0


# -- publishing


def publishing(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    """Acknowledged publications a second, against the bare loop with the same groups and one row a commit."""
    for synchronous in ("full", "normal"):
        for publishers in (1, 64):
            ours, grouped, single = [], [], []
            for number in range(options.rounds):
                name = f"{synchronous}-{publishers}-{number}"
                grouped.append(_bare(directory / f"g{name}.db", synchronous, publishers, options.seconds))
                broker = SqliteBroker(directory / f"o{name}.db", synchronous=synchronous)
                ours.append(uvloop.run(_published(broker, publishers, options.seconds)))
                single.append(_bare(directory / f"s{name}.db", synchronous, 1, options.seconds))
            a, b, c = map(Cost.median, (ours, grouped, single))
            yield (
                f"{synchronous:6} {publishers:2} publishers: {a.rate:8,.0f}/s; bare loop, same groups "
                f"{b.rate:8,.0f}/s ({a.rate / b.rate:.2f} x); one row a commit {c.rate:8,.0f}/s "
                f"({a.rate / c.rate:.1f} x); CPU {a.cpu:.1f}, {b.cpu:.1f} and {c.cpu:.1f} µs each"
            )


class Cost(NamedTuple):
    """Rows a second, and microseconds of CPU for each: the latter whatever else the machine does."""

    rate: float
    cpu: float

    @classmethod
    def median(cls, samples: list[Cost]) -> Cost:
        return cls(*map(statistics.median, zip(*samples, strict=True)))

    @classmethod
    def since(cls, began: tuple[float, float], count: int) -> Cost:
        return cls(count / (time.perf_counter() - began[0]), (time.process_time() - began[1]) / count * 1e6)


def _bare(path: Path, synchronous: str, group: int, seconds: float) -> Cost:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(
        "CREATE TABLE rows (seq INTEGER PRIMARY KEY, stream INTEGER, offset INTEGER, before INTEGER, "
        "time REAL, labels TEXT, payload BLOB)"
    )
    connection.execute("CREATE UNIQUE INDEX by_offset ON rows (stream, offset)")
    count, begin, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begin < seconds:
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(group):
            count += 1
            row = (count, 1, count, 0, time.time(), None, RECORD)
            connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("COMMIT")
    cost = Cost.since((begin, cpu), count)
    connection.close()
    return cost


async def _published(broker: SqliteBroker, publishers: int, seconds: float) -> Cost:
    await broker.start(_Nobody())
    count, begin, cpu = 0, time.perf_counter(), time.process_time()

    async def publish() -> None:
        nonlocal count
        while time.perf_counter() - begin < seconds:
            slip = _Slip()
            broker.publish(CHANNEL, Draft(RECORD), KEPT, slip)
            await slip.future
            count += 1

    await asyncio.gather(*(publish() for _ in range(publishers)))
    cost = Cost.since((begin, cpu), count)
    await broker.close()
    return cost


class _Slip:
    def __init__(self) -> None:
        self.future: asyncio.Future[Position | None] = asyncio.get_running_loop().create_future()

    def resolve(self, position: Position | None) -> None:
        self.future.set_result(position)

    def fail(self, error: Exception) -> None:
        self.future.set_exception(error)


class _Nobody:
    def publication(self, channel: str, publication: object) -> None: ...
    def joined(self, channel: str, member: object) -> None: ...
    def left(self, channel: str, member: object) -> None: ...
    def interrupted(self) -> None: ...
    def garbled(self, channel: str) -> None: ...


# -- real servers, real sockets


def fan_out(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    """Deliveries a second to live subscribers, a file against memory."""
    yield from _compared(
        options,
        {"memory": ["--store", "memory://"], "sqlite": ["--store", f"sqlite:///{directory}/a.db"]},
        ("sqlite", "memory"),
    )


def workers(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    """The same with two processes on one port against one."""
    store = ["--store", f"sqlite:///{directory}/w.db"]
    one, two = [*store, "--workers", "1"], [*store, "--workers", "2"]
    yield from _compared(options, {"1 worker": one, "2 workers": two}, ("2 workers", "1 worker"))


def _compared(
    options: argparse.Namespace, servers: dict[str, list[str]], ratio: tuple[str, str]
) -> Iterator[str]:
    rates: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(options.rounds):
        for name, arguments in servers.items():
            with _serving(arguments) as url:
                rates[name].append(_bench(url, options))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, median in medians.items():
        yield f"{name}: {median:,.0f} deliveries/s to {options.subscribers} subscribers"
    yield f"{ratio[0]} / {ratio[1]}: {medians[ratio[0]] / medians[ratio[1]]:.2f} x"


def _bench(url: str, options: argparse.Namespace) -> float:
    command = [sys.executable, "-m", "gapless", "bench", "--url", url, "-o", "json"]
    command += ["--clients", str(options.subscribers), "--seconds", str(max(1.0, options.seconds))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return float(found["deliveries_per_second"])


@contextmanager
def _serving(arguments: list[str]) -> Iterator[str]:
    command = [sys.executable, "-m", "gapless", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(line.strip() for line in process.stdout if "http://" in line).rstrip("/")
        finally:
            process.terminate()


# -- from one process to another


def crossing(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    """From publish in one process to delivery in another, at rest: `full` holds the flush as well."""
    for synchronous in ("full", "normal"):
        path = directory / f"{synchronous}.db"
        delays = sorted(uvloop.run(_delays(path, synchronous)))
        at = {p: delays[min(len(delays) - 1, int(len(delays) * p / 100))] / 1e6 for p in (50, 99)}
        yield f"{synchronous:6} p50 {at[50]:.2f} ms, p99 {at[99]:.2f} ms of {len(delays)} publications"


_PUBLISHER = """
import asyncio, sys, time
import uvloop

from gapless import ChannelOptions, Hub
async def main():
    async with Hub(sys.argv[1], channels={"*": ChannelOptions(history=1000)}) as hub:
        for _ in range(200):
            await asyncio.sleep(0.02)
            await hub.publish("logs", time.monotonic_ns())
asyncio.run(main())
"""


async def _delays(path: Path, synchronous: Synchronous) -> list[int]:
    url = f"sqlite:///{path}?synchronous={synchronous}"
    channels = {"*": ChannelOptions(history=1000)}
    async with Hub(url, channels=channels) as hub, hub.subscribe(CHANNEL) as feed:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", _PUBLISHER, url)
        delays = []
        async for publication in feed:
            delays.append(time.monotonic_ns() - publication.data)
            if len(delays) == 200:
                break
        await process.wait()
    return delays


# -- after a restart


def recovery(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    """Subscribers that come back after a restart, each with another place among the last hundred."""
    yield from uvloop.run(_recovered(f"sqlite:///{directory}/r.db", options.clients))


async def _recovered(url: str, clients: int) -> list[str]:
    channels = {"*": KEPT}
    async with Hub(url, channels=channels) as hub:
        for _ in range(1_000):
            hub.publish(CHANNEL, {"message": "before"})
        top = await hub.publish(CHANNEL, {"message": "last"})
    assert top is not None
    async with Hub(url, channels=channels) as hub:
        begin = time.perf_counter()

        async def come_back(missed: int) -> None:
            since = Position(top.offset - missed, top.epoch)
            async with hub.subscribe(CHANNEL, since=since) as feed:
                for _ in range(missed):
                    await anext(feed)

        await asyncio.gather(*(come_back(1 + number % 100) for number in range(clients)))
        seconds = time.perf_counter() - begin
        broker = hub.node.broker
        assert isinstance(broker, SqliteBroker)
        return [f"{clients:,} subscribers in {seconds:.2f} s, with {broker.reads} pages read from the store"]


# -- a million records


def search(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    """Size on the disk, time of the index, and how long it takes to find something."""
    yield from uvloop.run(_searched(directory, options.records))


async def _searched(directory: Path, records: int) -> list[str]:
    path, chance = directory / "s.db", random.Random(1)
    logs = ChannelOptions(history=10_000_000, history_bytes=None, search=True)
    broker = SqliteBroker(path, Limits(), synchronous="normal")
    await broker.start(_Nobody())
    lines, payload_bytes = [], 0
    begin = time.perf_counter()
    for first in range(0, records, 2_000):
        slips = []
        for number in range(first, min(first + 2_000, records)):
            level = "ERROR" if number % 100 == 0 else "INFO"
            text = " ".join(chance.choices(WORDS, k=6))
            payload = b'{"level":"%s","message":"%s","request":"r%d"}' % (
                level.encode(),
                text.encode(),
                number,
            )
            payload_bytes += len(payload)
            slips.append(_Slip())
            broker.publish(CHANNEL, Draft(payload), logs, slips[-1])
        await asyncio.gather(*(slip.future for slip in slips))
    seconds = time.perf_counter() - begin
    lines.append(f"{records:,} records of {payload_bytes / records:.0f} bytes stored in {seconds:.0f} s")
    lines.append(f"without an index: {_size(path) / records:.0f} bytes of disk a record")
    begin = time.perf_counter()
    while True:
        try:
            await broker.search(CHANNEL, logs, "warm")
            break
        except Exception as error:
            if "not in the search index yet" not in str(error):
                raise
    lines.append(f"the index was built in {time.perf_counter() - begin:.0f} s")
    lines.append(f"with the index: {_size(path) / records:.0f} bytes of disk a record")
    now = time.time()

    async def timed(what: str, ask: Callable[[], Awaitable[object]]) -> None:
        samples = []
        for _ in range(20):
            begin = time.perf_counter()
            await ask()
            samples.append((time.perf_counter() - begin) * 1000)
        samples.sort()
        lines.append(f"{what}: median {samples[10]:.1f} ms, longest {samples[-1]:.1f} ms")

    await timed("one rare word", lambda: broker.search(CHANNEL, logs, f"r{chance.randrange(records)}"))
    await timed("one common word, newest 100", lambda: broker.search(CHANNEL, logs, chance.choice(WORDS)))
    await timed("two words", lambda: broker.search(CHANNEL, logs, " ".join(chance.choices(WORDS, k=2))))
    await timed(
        "a word and a level", lambda: broker.search(CHANNEL, logs, chance.choice(WORDS), level="error")
    )
    await timed("a level alone", lambda: broker.search(CHANNEL, logs, "", level="ERROR"))
    await timed("a word of the last second", lambda: broker.search(CHANNEL, logs, "amber1", since=now - 1))
    await broker.close()
    return lines


def _size(path: Path) -> int:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    (pages,), (size,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
    )
    connection.close()
    return int(pages * size)


MEASURES: dict[str, Callable[[argparse.Namespace, Path], Iterator[str]]] = {
    "publishing": publishing,
    "fan_out": fan_out,
    "workers": workers,
    "crossing": crossing,
    "recovery": recovery,
    "search": search,
}

if __name__ == "__main__":
    sys.exit(main())
