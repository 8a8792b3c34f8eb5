"""Processes that share a store, and die at any moment: what was acknowledged is there, in one order."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gapless.brokers.sqlite.broker import SqliteBroker

from ...support.until import DEADLINE, until
from ..harness import Harness
from .test_powercut import OPTIONS, WORKER, acknowledged

pytestmark = pytest.mark.anyio

DEATHS = 50 if os.environ.get("GAPLESS_FAULTS") == "long" else 5
"""How often a process is killed; the store is the same all the time."""


async def worker(path: Path, name: str, *more: str) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), str(path), name, *more, stdout=PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        assert await process.stdout.readline() == b"ready\n"
    return process


async def some(process: Process, count: int) -> list[str]:
    """So many lines of a process that runs."""
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        return [(await process.stdout.readline()).decode().rstrip("\n") for _ in range(count)]


async def rest(process: Process) -> list[str]:
    """What it says until its end; a line that was cut off was never said."""
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE * 3):
        text = (await process.stdout.read()).decode()
        await process.wait()
    return text.split("\n")[:-1]


@asynccontextmanager
async def store(path: Path) -> AsyncIterator[Harness]:
    broker = SqliteBroker(path)
    harness = Harness(broker, broker.presence)
    await harness.start()
    try:
        yield harness
    finally:
        await broker.close()


async def test_a_process_is_killed_while_it_publishes(tmp_path: Path) -> None:
    path, chance = tmp_path / "app.db", random.Random(7)
    told: dict[tuple[str, int], bytes] = {}
    for life in range(DEATHS):
        process = await worker(path, str(life), "--at-once", "64")
        said = await some(process, chance.randint(1, 2000))
        process.send_signal(signal.SIGKILL)
        said += await rest(process)
        told |= acknowledged(said)
    async with store(path) as harness:
        page = await harness.history("c", OPTIONS)
    there = {(p.epoch, p.offset): p.payload for p in page.publications}
    assert len({epoch for epoch, _ in told}) == 1, "a killed process ends no epoch"
    assert told.items() <= there.items()
    assert [p.offset for p in page.publications] == list(range(1, page.top.offset + 1))
    assert len({p.payload for p in page.publications}) == len(page.publications), "nothing is there twice"


async def test_one_of_four_workers_is_killed_while_all_publish(tmp_path: Path) -> None:
    path, chance = tmp_path / "app.db", random.Random(8)
    async with store(path) as harness:
        await harness.broker.subscribe("c")
        told: dict[tuple[str, int], bytes] = {}
        workers = [await worker(path, f"first-{n}", "--at-once", "8") for n in range(4)]
        for life in range(DEATHS):
            at = chance.randrange(4)
            said = await some(workers[at], chance.randint(1, 300))
            workers[at].send_signal(signal.SIGKILL)
            told |= acknowledged(said + await rest(workers[at]))
            workers[at] = await worker(path, f"later-{life}", "--at-once", "8")
        for process in workers:
            process.send_signal(signal.SIGKILL)
            told |= acknowledged(await rest(process))
        page = await harness.history("c", OPTIONS)
        await harness.sink.until(lambda: harness.sink.of("c")[-1].offset == page.top.offset)
        there = {(p.epoch, p.offset): p.payload for p in page.publications}
        assert told.items() <= there.items()
        assert [p.offset for p in page.publications] == list(range(1, page.top.offset + 1))
        if not harness.sink.interruptions:
            seen = harness.sink.of("c")
            assert [(p.offset, p.payload) for p in seen] == [(p.offset, p.payload) for p in page.publications]


async def test_workers_that_publish_at_the_same_time_see_one_order(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    async with store(path) as one, store(path) as other:
        for harness in (one, other):
            await harness.broker.subscribe("c")
        workers = [await worker(path, str(n), "--at-once", "16", "--count", "500") for n in range(4)]
        said = await asyncio.gather(*(rest(process) for process in workers))
        told = acknowledged([line for lines in said for line in lines])
        assert sorted(offset for _, offset in told) == list(range(1, 2001))
        for harness in (one, other):
            await harness.sink.until(
                lambda harness=harness: len(harness.sink.of("c")) >= 2000  # type: ignore[misc]
            )
            seen = [(p.epoch, p.offset, p.payload) for p in harness.sink.of("c")]
            assert seen == [(*position, payload) for position, payload in sorted(told.items())]
            assert harness.sink.interruptions == 0


async def test_a_stopped_process_keeps_nobody_from_publishing_for_long(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    process = await worker(path, "stopped", "--at-once", "1")
    await some(process, 3)
    process.send_signal(signal.SIGSTOP)
    try:
        async with store(path) as harness:
            # Stopped in the middle of a transaction it holds the lock; then this fails, in time.
            try:
                await harness.publish("c", b'"other"', OPTIONS)
            except Exception as error:
                assert "was held by another process" in str(error)
    except Exception as error:
        assert "was held by another process" in str(error)
    finally:
        process.send_signal(signal.SIGKILL)
        await rest(process)
    async with store(path) as harness:
        assert await harness.publish("c", b'"after"', OPTIONS) is not None


async def test_a_killed_worker_s_socket_is_cleared_away(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    async with store(path) as harness:
        broker = harness.broker
        assert isinstance(broker, SqliteBroker)
        process = await worker(path, "w", "--at-once", "1")
        await some(process, 1)
        process.send_signal(signal.SIGKILL)
        await rest(process)
        directory = broker.store._wakeups._directory
        assert len(list(directory.iterdir())) == 2

        async def is_cleared() -> bool:
            await harness.publish("c")  # it looks for sockets once a second, when there is something to say
            return len(list(directory.iterdir())) == 1

        await until(is_cleared)
