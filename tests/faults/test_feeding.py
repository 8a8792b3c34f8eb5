"""A followed file is rotated at random while its hub is killed, stopped and started: every hole is announced.

GAPLESS_FAULT_RUNS says how many runs there are, GAPLESS_FAULT_LINES how many lines each has; the long form is
50 and 200000.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..support.commands import gapless, started
from ..support.until import until

RUNS = int(os.environ.get("GAPLESS_FAULT_RUNS", "2"))
LINES = int(os.environ.get("GAPLESS_FAULT_LINES", "4000"))
STEPS = 12

pytestmark = pytest.mark.anyio


def rotate(path: Path, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 1, 2])):
        for number in range(60, 0, -1):
            old = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
            if old.exists():
                old.replace(path.with_name(f"{path.name}.{number}"))
        path.touch()


def serve(port: str, store: Path) -> Any:
    return started("serve", "--port", port, "--store", f"sqlite:///{store}")


def kept(url: str) -> list[Any]:
    ended = gapless("tail", "x", "--url", url, "-n", "all", "-o", "raw", "--no-follow")
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("run", range(RUNS))
async def test_numbered_lines_arrive_without_a_hole_that_is_not_announced(tmp_path: Path, run: int) -> None:
    chance = random.Random(run)
    log, store = tmp_path / "app.log", tmp_path / "hub.db"
    log.write_text("ready\n")
    with serve("0", store) as hub:
        url = hub.until("http://").strip().rstrip("/")
        port = url.rpartition(":")[2]
        assert hub.end(signal.SIGTERM) is not None
    written = 0
    context = serve(port, store)
    hub = context.__enter__()
    try:
        hub.until("http://")
        with started("follow", str(log), "-c", "x", "--url", url, "--from-start") as follow:
            await until(
                lambda: kept_newest(url) == "ready", pause=0.2
            )  # what is rotated before is not followed
            for _ in range(STEPS):
                with log.open("a") as file:
                    for _ in range(LINES // STEPS):
                        file.write(f"number {written}\n")
                        written += 1
                match chance.choice(["rotate", "rotate", "kill", "stop", "nothing"]):
                    case "rotate":
                        rotate(log, chance)
                    case "kill":
                        hub.process.kill()
                        hub.process.wait()
                        context.__exit__(None, None, None)
                        context = serve(port, store)
                        hub = context.__enter__()
                        hub.until("http://")
                    case "stop":
                        hub.process.send_signal(signal.SIGSTOP)
                        rotate(log, chance)
                        hub.process.send_signal(signal.SIGCONT)
            await until(lambda: kept_newest(url) == f"number {written - 1}", pause=0.2)
            assert follow.end(signal.SIGINT) == 130
        _judge(kept(url), written, run)
    finally:
        context.__exit__(None, None, None)


def kept_newest(url: str) -> str | None:
    ended: subprocess.CompletedProcess[str] = gapless("history", "x", "--url", url, "-n", "1", "-o", "raw")
    lines = ended.stdout.splitlines()
    return json.loads(lines[-1]).get("message") if lines else None


def _judge(rows: list[Any], written: int, run: int) -> None:
    announced = any(row.get("kind") == "feeder_gap" for row in rows)
    numbers = [int(row["message"].split()[1]) for row in rows if row.get("message", "").startswith("number ")]
    assert numbers == sorted(set(numbers)), f"run {run}: a repeat, or out of order"
    if not announced:
        assert numbers == list(range(written)), f"run {run}: a hole without a word"


def test_a_hole_and_a_repeat_are_seen() -> None:
    def row(number: int) -> dict[str, str]:
        return {"message": f"number {number}"}

    _judge([row(0), row(1)], 2, 0)
    _judge([row(0), {"kind": "feeder_gap"}, row(2)], 3, 0)
    for rows in ([row(0), row(2)], [row(0), row(0), row(1)], [row(1), row(0)]):
        with pytest.raises(AssertionError):
            _judge(rows, 3, 0)
