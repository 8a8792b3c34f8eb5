"""Numbered lines through `pipe` and `follow` arrive complete and in order at a `tail` that reads along.

With `GAPLESS_FAULTS=long` there are a million of them, and what was measured is printed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ..support.commands import Process, Running, environment, serving, started

LONG = os.environ.get("GAPLESS_FAULTS") == "long"
LINES = 1_000_000 if LONG else 50_000
CHUNK = 1000
MORE_BYTES = 32 * 2**20
"""By which a feeder may grow behind the first tenth: it keeps 16 MiB for a hub that is slower than it."""

CONFIG = """
[limits]
memory_budget_bytes = 2000000000

[channels."*"]
history = 2000000
history_bytes = 1000000000
"""


def lines(begin: int, end: int) -> str:
    return "".join(f"{number}\n" for number in range(begin, end))


def resident(process: Process) -> int:
    """Bytes of memory; 0 where the system does not say."""
    try:
        return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        return 0


def into_pipe(feeder: Running, log: Path) -> Callable[[str], None]:
    return feeder.type


def into_file(feeder: Running, log: Path) -> Callable[[str], None]:
    def write(text: str) -> None:
        with log.open("a") as file:
            file.write(text)

    return write


def write_all(write: Callable[[str], None]) -> None:
    for begin in range(0, LINES, CHUNK):
        write(lines(begin, begin + CHUNK))


@pytest.mark.parametrize("verb", ["pipe", "follow"])
def test_each_line_arrives_once_and_in_order(tmp_path: Path, verb: str) -> None:
    log, config = tmp_path / "app.log", tmp_path / "gapless.toml"
    log.touch()
    config.write_text(CONFIG)
    feeding = {
        "pipe": ("pipe", "x", "-q"),
        "follow": ("follow", str(log), "-c", "x", "--state", str(tmp_path / "state"), "--from-start"),
    }
    with serving("--config", str(config)) as (url, _):
        reading = [sys.executable, "-m", "gapless", "tail", "x", "--url", url]
        with started(*feeding[verb], "--url", url) as feeder:
            write = (into_pipe if verb == "pipe" else into_file)(feeder, log)
            writing = threading.Thread(target=write_all, args=(write,), daemon=True)
            writing.start()
            with subprocess.Popen(
                [*reading, "--template", "{message}", "-n", "all"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(),
            ) as tail:
                try:
                    assert tail.stdout is not None
                    began, early = time.monotonic(), 0
                    for begin in range(0, LINES, CHUNK):
                        came = "".join(tail.stdout.readline() for _ in range(CHUNK))
                        assert came == lines(begin, begin + CHUNK)
                        if begin == LINES // 10:
                            early = resident(feeder.process)
                    seconds, late = time.monotonic() - began, resident(feeder.process)
                finally:
                    tail.kill()
            writing.join()
            assert late - early < MORE_BYTES
            if LONG:
                rate = f"{LINES / seconds:,.0f} lines/s"
                print(f"{verb}: {rate}, feeder {early >> 20} → {late >> 20} MiB")
