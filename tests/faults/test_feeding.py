"""A followed file is rotated at random while its hub is killed, stopped, cut off and out of disk, and
what follows it is killed.

Every hole is announced, and nothing comes twice. With `GAPLESS_FAULTS=long` there are fifty runs of
200,000 lines; GAPLESS_FAULT_RUNS and GAPLESS_FAULT_LINES say otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..support.commands import Process, gapless, started
from ..support.tcp_proxy import Proxy
from ..support.until import DEADLINE, until

LONG = os.environ.get("GAPLESS_FAULTS") == "long"
RUNS = int(os.environ.get("GAPLESS_FAULT_RUNS", "50" if LONG else "2"))
LINES = int(os.environ.get("GAPLESS_FAULT_LINES", "200000" if LONG else "4000"))
STEPS = 12
FAULTS = (
    "rotate",
    "rotate",
    "kill",
    "restart",
    "stop",
    "cut",
    "silence",
    "full",
    "no positions",
    "kill the feed",
    "nothing",
)

CONFIG = """
[limits]
memory_budget_bytes = 1000000000

[channels."*"]
history = 1000000
history_bytes = 1000000000
"""

Save = Callable[[], Awaitable[None]]

pytestmark = pytest.mark.anyio


def rotate(path: Path, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 1, 2])):
        for number in range(60, 0, -1):
            old = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
            if old.exists():
                old.replace(path.with_name(f"{path.name}.{number}"))
        path.touch()


class Hub:
    """One that is started again on the same port and the same store."""

    def __init__(self, folder: Path) -> None:
        self._store = folder / "hub.db"
        self._config = folder / "gapless.toml"
        self._config.write_text(CONFIG)
        self._port = "0"
        self._stack = contextlib.ExitStack()
        self.start()

    def start(self) -> None:
        arguments = (
            "--port",
            self._port,
            "--store",
            f"sqlite:///{self._store}",
            "--config",
            str(self._config),
        )
        self._running = self._stack.enter_context(started("serve", *arguments))
        self.url = self._running.until("http://").strip().rstrip("/")
        self._port = self.url.rpartition(":")[2]

    def end(self, number: int) -> None:
        self._running.process.send_signal(number)
        self._running.process.wait(DEADLINE)
        self._stack.close()

    @property
    def port(self) -> int:
        return int(self._port)

    @property
    def process(self) -> Process:
        return self._running.process

    def close(self) -> None:
        self._stack.close()


class Feed:
    """One that is started again with the same positions."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._stack = contextlib.ExitStack()
        self.start()

    def start(self) -> None:
        self._running = self._stack.enter_context(started("follow", *self._arguments))

    def end(self, number: int) -> int:
        code = self._running.end(number)
        self._stack.close()
        return code

    @property
    def process(self) -> Process:
        return self._running.process

    def close(self) -> None:
        self._stack.close()


@contextmanager
def no_more_disk(process: Process) -> Iterator[None]:
    """No file of a process grows, as on a disk that is full."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))


def kept(url: str) -> list[Any]:
    """All that is there. How long that takes is the machine's business, as long as something comes."""
    with started("tail", "x", "--url", url, "-n", "all", "-o", "raw", "--no-follow") as tail:
        return [json.loads(line) for line in tail.rest()]


def kept_newest(url: str) -> str | None:
    ended: subprocess.CompletedProcess[str] = gapless("history", "x", "--url", url, "-n", "1", "-o", "raw")
    lines = ended.stdout.splitlines()
    return json.loads(lines[-1]).get("message") if lines else None


async def arrives(url: str, message: str, follow: Feed) -> None:
    """The proxy goes on meanwhile; so does the deadline, while something arrives."""
    newest, deadline = None, time.monotonic() + DEADLINE
    while newest != message:
        found = await asyncio.to_thread(kept_newest, url)
        if found != newest:
            newest, deadline = found, time.monotonic() + DEADLINE
        assert follow.process.poll() is None, "the feed ended"
        assert time.monotonic() < deadline, f"{newest} is the last that came"


async def inflict(
    fault: str, hub: Hub, proxy: Proxy, follow: Feed, turn: Callable[[], None], saved: Save
) -> None:
    """Let something happen; `turn` is the file's next rotation, `saved` waits for positions to be written."""
    pause = 0.3
    match fault:
        case "rotate":
            turn()
        case "kill" | "restart":
            hub.end(signal.SIGKILL if fault == "kill" else signal.SIGTERM)
            turn()
            await asyncio.to_thread(hub.start)
        case "stop":
            hub.process.send_signal(signal.SIGSTOP)
            turn()
            await asyncio.sleep(pause)
            hub.process.send_signal(signal.SIGCONT)
        case "cut":
            proxy.refusing = True
            proxy.cut()
            await asyncio.sleep(pause)
            proxy.refusing = False
        case "silence":
            for way in proxy.ways:
                way.mute()
            await asyncio.sleep(pause)
            proxy.cut()
        case "full":
            with no_more_disk(hub.process):
                await asyncio.sleep(pause)
        case "no positions":
            with no_more_disk(follow.process):
                turn()
                await asyncio.sleep(pause)
            await saved()  # if it was killed before, nobody would know what it sent meanwhile
        case "kill the feed":
            await asyncio.to_thread(follow.end, signal.SIGKILL)
            turn()
            await asyncio.to_thread(follow.start)


@pytest.mark.parametrize("run", range(RUNS))
async def test_numbered_lines_arrive_without_a_hole_that_is_not_announced(tmp_path: Path, run: int) -> None:
    chance = random.Random(run)
    log, state = tmp_path / "app.log", tmp_path / "state"
    log.write_text("ready\n")
    hub = Hub(tmp_path)
    written = 0
    happened = []

    async def saved() -> None:
        before = state.stat().st_mtime_ns
        with log.open("a") as file:
            file.write("something that goes\n")
        await until(lambda: state.stat().st_mtime_ns != before)

    try:
        async with Proxy(hub.port) as proxy:
            there = f"http://127.0.0.1:{proxy.port}"
            arguments = (str(log), "-c", "x", "--url", there, "--from-start", "--state", str(state))
            with contextlib.closing(Feed(*arguments)) as follow:
                await arrives(hub.url, "ready", follow)  # what is rotated before is not followed
                for _ in range(STEPS):
                    with log.open("a") as file:
                        for _ in range(LINES // STEPS):
                            file.write(f"number {written}\n")
                            written += 1
                    happened.append(chance.choice(FAULTS))
                    await inflict(happened[-1], hub, proxy, follow, lambda: rotate(log, chance), saved)
                with log.open("a") as file:
                    file.write("the end\n")
                try:
                    await arrives(hub.url, "the end", follow)
                except AssertionError as late:
                    raise AssertionError(f"{late}, after {happened}") from None
                assert follow.end(signal.SIGINT) == 130
            _judge(await asyncio.to_thread(kept, hub.url), written, f"{run}: {happened}")
    finally:
        hub.close()


def _judge(rows: list[Any], written: int, run: str) -> None:
    announced = any(row.get("kind") == "feeder_gap" for row in rows)
    numbers = [int(row["message"].split()[1]) for row in rows if row.get("message", "").startswith("number ")]
    assert numbers == sorted(set(numbers)), f"run {run}: a repeat, or out of order"
    if not announced:
        assert numbers == list(range(written)), f"run {run}: a hole without a word"


def test_a_hole_and_a_repeat_are_seen() -> None:
    def row(number: int) -> dict[str, str]:
        return {"message": f"number {number}"}

    _judge([row(0), row(1)], 2, "")
    _judge([row(0), {"kind": "feeder_gap"}, row(2)], 3, "")
    for rows in ([row(0), row(2)], [row(0), row(0), row(1)], [row(1), row(0)]):
        with pytest.raises(AssertionError):
            _judge(rows, 3, "")
