"""`python -m bench.feeding`: what feeds a hub, on a core of its own, beside a hub on another one.

Lines through `gapless pipe` and `gapless follow`, with the memory of the feeder at a tenth of them and
at the end; and what one call of a log handler costs the thread that logs, at a steady rate, while the
hub is up, slow, hung and gone, beside a handler that does nothing and the standard library's for a queue and
for memory. Other programs on the machine make their share of a call's p99, and it is the larger the longer
the call: so it stands beside that of the handler that does nothing, and is given in CPU time of this
process, too, in which what others do counts only as far as it empties the caches.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import logging.handlers
import os
import queue
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO, NamedTuple

import httpx

from gapless.logging.handler import HubHandler

from .child import wait_for
from .machine import cpu_ns, rss_bytes, two_cores

_COMMAND = (sys.executable, "-m", "gapless")
_PATIENCE = 600.0  # seconds for the whole of one feeder
_SLOW_SECONDS = 0.5  # of the slow hub, for each answer
_WARM_UP = 500
STATES = ("up", "slow", "hung", "gone")


@dataclass(frozen=True, slots=True)
class Fed:
    """How one feeder did. Lines a second: of the wall clock, and of the CPU time of each side."""

    wall: float
    feeder: float
    hub: float
    rss_early: float
    rss_late: float
    """Of the feeder, in MiB: at a tenth of the lines, and at the end."""

    def __str__(self) -> str:
        rates = f"{self.wall:,.0f} | {self.feeder:,.0f} | {self.hub:,.0f}"
        return f"{rates} | {self.rss_early:.0f} → {self.rss_late:.0f} MiB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.feeding", description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--calls", type=int, default=20_000, help="of the log handler, in each state")
    parser.add_argument("--call-rounds", type=int, default=1, help="of all handlers; the median counts")
    parser.add_argument("--rate", type=int, default=10_000, help="calls a second")
    options = parser.parse_args()
    hub_cpu, feeder_cpu = two_cores()
    print(
        f"| {options.lines:,} lines | lines/s | per CPU second, feeder | per CPU second, hub | feeder RSS |"
    )
    print("|---|---|---|---|---|")
    for name, feed in (("pipe", _pipe), ("follow", _follow)):
        for _ in range(options.rounds):
            with _hub(hub_cpu) as (url, pid):
                print(f"| {name} | {feed(url, pid, options.lines, feeder_cpu)} |", flush=True)
    print(f"\n| one call, at {options.rate:,}/s, µs | p50 | p99 | CPU p50 | CPU p99 | ÷ nothing | ÷ queue |")
    print("|---|---|---|---|---|---|---|")
    os.sched_setaffinity(0, {feeder_cpu})
    rounds: dict[str, list[Called]] = {}
    for _ in range(options.call_rounds):
        for name, make in STANDARD.items():
            rounds.setdefault(name, []).append(_calls(make(), options.calls, options.rate))
        for state in STATES:
            with _hub_that_is(state, hub_cpu) as url:
                called = _calls(HubHandler(url, "logged"), options.calls, options.rate)
                rounds.setdefault(f"HubHandler, hub {state}", []).append(called)
    middle = {name: Called(*map(median, zip(*several, strict=True))) for name, several in rounds.items()}
    for name, called in middle.items():
        print(f"| {name} | {called.beside(middle['nothing'], middle['queue'])} |", flush=True)


# -- lines


def _pipe(url: str, hub: int, lines: int, cpu: int) -> Fed:
    with _started([*_COMMAND, "pipe", "fed", "-q", "--url", url], cpu, stdin=subprocess.PIPE) as feeder:
        assert feeder.stdin is not None

        def write(begin: int, end: int) -> None:
            assert feeder.stdin is not None
            for at in range(begin, end, 1000):
                feeder.stdin.write(
                    "".join(f"{number}\n" for number in range(at, min(end, at + 1000))).encode()
                )
            feeder.stdin.flush()

        return _fed(url, hub, feeder, lines, write)


def _follow(url: str, hub: int, lines: int, cpu: int) -> Fed:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "app.log"
        log.touch()
        arguments = [
            "follow",
            str(log),
            "-c",
            "fed",
            "--url",
            url,
            "--state",
            f"{folder}/state",
            "--from-start",
        ]
        with _started([*_COMMAND, *arguments], cpu) as feeder, log.open("w") as file:

            def write(begin: int, end: int) -> None:
                file.write("".join(f"{number}\n" for number in range(begin, end)))
                file.flush()

            return _fed(url, hub, feeder, lines, write)


def _fed(
    url: str, hub: int, feeder: subprocess.Popen[bytes], lines: int, write: Callable[[int, int], None]
) -> Fed:
    """Wait for what is written to arrive: the first one alone, so that nothing starts within the time."""
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as http:

        def arrived() -> int:
            said = http.post("/api/history", json={"channel": "fed", "limit": 0}).json()
            return int(said["result"]["offset"])

        def until(count: int) -> None:
            if not wait_for(lambda: arrived() >= count, _PATIENCE, 0.05):
                raise SystemExit(f"{arrived():,} of {count:,} lines arrived")

        write(0, 1)
        until(1)
        used, used_hub, began = cpu_ns(feeder.pid), cpu_ns(hub), time.perf_counter()
        write(1, lines // 10)
        until(lines // 10)
        early = rss_bytes(feeder.pid)
        write(lines // 10, lines)
        until(lines)
        seconds = time.perf_counter() - began
        late = rss_bytes(feeder.pid)
        if arrived() != lines:
            raise SystemExit(f"{arrived():,} lines arrived, {lines:,} were written")
        per = 1e9 * lines
        return Fed(
            lines / seconds,
            per / (cpu_ns(feeder.pid) - used),
            per / (cpu_ns(hub) - used_hub),
            early / 2**20,
            late / 2**20,
        )


# -- a log handler


class _Nothing(logging.Handler):
    """What a call costs without any handler's doing."""

    def handle(self, record: logging.LogRecord) -> bool:
        return True


STANDARD: dict[str, Callable[[], logging.Handler]] = {
    "nothing": _Nothing,
    "queue": lambda: logging.handlers.QueueHandler(queue.Queue()),
    "memory": lambda: logging.handlers.MemoryHandler(10**9),
}


class Called(NamedTuple):
    """Microseconds of a call: of the clock, and of this process's CPU, all its threads."""

    half: float
    most: float
    cpu_half: float
    cpu_most: float

    def beside(self, nothing: Called, bare: Called) -> str:
        """Its figures, and how often its p99 of CPU time is that of others."""
        ratios = f"{self.cpu_most / nothing.cpu_most:.1f} | {self.cpu_most / bare.cpu_most:.1f}"
        return " | ".join([*(f"{figure:.1f}" for figure in self), ratios])


def _calls(handler: logging.Handler, count: int, rate: int) -> Called:
    """Calls, one every so often whatever the one before took; first by the one clock, then by the other."""
    logger = logging.Logger("bench", logging.INFO)
    logger.addHandler(handler)
    found: list[float] = []
    for clock in (time.perf_counter, time.process_time):
        taken: list[float] = []
        due = time.perf_counter()
        for number in range(count + _WARM_UP):
            due += 1 / rate
            while time.perf_counter() < due:
                time.sleep(0)
            began = clock()
            logger.info("request %d took %d ms", number, 12, extra={"path": "/orders"})
            taken.append((clock() - began) * 1e6)
        measured = sorted(taken[_WARM_UP:])
        found += [median(measured), measured[int(len(measured) * 0.99)]]
    return Called(*found)


@contextmanager
def _hub_that_is(state: str, cpu: int) -> Iterator[str]:
    if state == "up":
        with _hub(cpu) as (url, _):
            yield url
        return
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        if state == "gone":
            listening.close()
        elif state == "slow":
            threading.Thread(target=_answer_slowly, args=(listening,), daemon=True).start()
        yield url


def _answer_slowly(listening: socket.socket) -> None:
    """Takes each request, and a while for each."""
    while True:
        try:
            connected, _ = listening.accept()
        except OSError:
            return
        with connected, contextlib.suppress(OSError), connected.makefile("rb") as reader:
            while (length := _length_of(reader)) is not None:
                rows = reader.read(length).count(b"\n") + 1
                time.sleep(_SLOW_SECONDS)
                said = json.dumps({"accepted": rows}).encode()
                head = b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n" % len(said)
                connected.sendall(head + said)


def _length_of(reader: IO[bytes]) -> int | None:
    """Read a head; None: nothing came."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = reader.readline()
        if not line:
            return None
        head += line
    found = re.search(rb"content-length: *(\d+)", head.lower())
    return int(found[1]) if found else 0


# -- processes


@contextmanager
def _hub(cpu: int) -> Iterator[tuple[str, int]]:
    with _started([*_COMMAND, "serve", "--port", "0"], cpu, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(rb"http://[\d.]+:\d+", line):
                yield found[0].decode(), process.pid
                return
        raise SystemExit("the hub did not start")


@contextmanager
def _started(
    command: list[str], cpu: int, *, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GAPLESS_")}
    with subprocess.Popen(command, stdin=stdin, stdout=stdout, env=environment) as process:
        os.sched_setaffinity(process.pid, {cpu})
        try:
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    main()
