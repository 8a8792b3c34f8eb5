"""Power cuts at any moment: what was acknowledged as flushed is there, and nothing wrong is ever shown."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapless import ChannelOptions
from gapless.brokers.sqlite.broker import SqliteBroker
from gapless.model import History

from ..harness import Harness
from .powercut import Disk, Event, record

pytestmark = pytest.mark.anyio

WORKER = Path(__file__).with_name("worker.py")
OPTIONS = ChannelOptions(history=1_000_000, history_bytes=None)
POINTS = 100
"""Moments at which the power is cut, for each of the two ways of writing."""
PUBLICATIONS = 120
SEED = 20


def _can_trace() -> bool:
    try:
        found = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return found.returncode == 0


@pytest.fixture
def memory_directory() -> Iterator[Path]:
    """A directory whose flushes cost nothing, where there is one: hundreds of stores are opened in it."""
    shared = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    yield directory
    shutil.rmtree(directory)


def recorded(tmp_path: Path, synchronous: str) -> list[Event]:
    if not _can_trace():
        pytest.skip("needs strace, and the right to use it")
    arguments = [str(WORKER), str(tmp_path / "app.db"), "w", "--count", str(PUBLICATIONS), "--at-once", "3"]
    # Small enough that the log is moved into the database, and begun anew, several times.
    arguments += ["--synchronous", synchronous, "--checkpoint", "300000"]
    return record(arguments, tmp_path / "trace")


def acknowledged(said: list[str]) -> dict[tuple[str, int], bytes]:
    found = {}
    for line in said:
        word, *rest = line.split(" ", 3)
        assert word in ("ready", "ack"), line
        if word == "ack":
            offset, epoch, payload = rest
            found[epoch, int(offset)] = payload.encode()
    return found


async def what_is_there(path: Path, synchronous: str) -> tuple[History, History]:
    """The history, and the history after one more publication."""
    broker = SqliteBroker(path, synchronous=synchronous)  # type: ignore[arg-type]
    harness = Harness(broker, broker.presence)
    await harness.start()
    try:
        before = await harness.history("c", OPTIONS)
        await harness.publish("c", b'"after the cut"', OPTIONS)
        return before, await harness.history("c", OPTIONS)
    finally:
        await broker.close()


def check_whole(page: History) -> None:
    assert [p.offset for p in page.publications] == list(range(1, page.top.offset + 1))
    assert {p.epoch for p in page.publications} <= {page.top.epoch}


@pytest.mark.parametrize("synchronous", ["full", "normal"])
async def test_the_power_is_cut_at_any_moment(
    tmp_path: Path, memory_directory: Path, synchronous: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = recorded(tmp_path, synchronous)
    assert sum(event.data.startswith(b"ack") for event in events) == PUBLICATIONS
    monkeypatch.setattr("gapless.brokers.sqlite.journal.boot_id", lambda: "after the power cut")
    chance = random.Random(SEED)
    points = sorted(chance.sample(range(1, len(events) + 1), min(POINTS, len(events))))
    lost = changed = 0
    for point in points:
        disk = Disk("app.db")
        for event in events[:point]:
            disk.happen(event)
        directory = memory_directory / str(point)
        disk.cut(directory, chance)
        before, after = await what_is_there(directory / "app.db", synchronous)
        shutil.rmtree(directory)
        told = acknowledged(disk.said)
        where = f"seed {SEED}, cut after event {point} of {len(events)}"
        for page in (before, after):
            check_whole(page)
            for publication in page.publications:
                known = told.get((publication.epoch, publication.offset))
                assert known in (None, publication.payload), f"a wrong one under the same epoch: {where}"
        there = {(p.epoch, p.offset): p.payload for p in before.publications}
        if synchronous == "full":
            assert told.items() <= there.items(), f"an acknowledged one is gone: {where}"
        missing = len(told.items() - there.items())
        lost += missing > 0
        changed += bool(told) and before.top.epoch not in {epoch for epoch, _ in told}
    if synchronous == "normal":
        assert lost, "the simulation never lost anything, so it proves nothing"
        assert changed, "no epoch changed, though something was lost"


async def test_no_acknowledgement_leaves_before_the_flush_that_covers_it(tmp_path: Path) -> None:
    events = recorded(tmp_path, "full")
    acks = [n for n, event in enumerate(events) if event.data.startswith(b"ack")]
    assert len(acks) == PUBLICATIONS
    for number in acks:
        payload = events[number].data.split(b" ", 3)[3].strip()
        assert was_flushed(events[:number], payload)


def was_flushed(events: list[Event], payload: bytes) -> bool:
    """Did a flush of the log begin after the payload had been written to it, and end?"""
    log = [(n, event) for n, event in enumerate(events) if event.file == "app.db-wal"]
    written = min((n for n, event in log if payload in event.data), default=None)
    return written is not None and any(e.what == "flush" and e.begun > written for _, e in log)
