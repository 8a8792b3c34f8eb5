"""Runs `gapless` as others do: in a process of its own.

It is forked from one that has imported it, see `forking`, unless something is put before the command.
"""

from __future__ import annotations

import atexit
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import IO

from .forking import CAN_FORK, Forked, forked
from .until import DEADLINE

Process = subprocess.Popen[str] | Forked


def environment(**more: str) -> dict[str, str]:
    """The environment without anybody's own settings for Gapless."""
    # Nor Python's own help with what a program has to flush itself.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GAPLESS_") and name != "PYTHONUNBUFFERED"
    }
    return {**kept, "NO_COLOR": "1", "COLUMNS": "120", "XDG_CACHE_HOME": _cache(), **more}


@cache
def _cache() -> str:
    """Where verbs remember things, instead of the cache of whoever runs the tests."""
    directory = tempfile.mkdtemp(prefix="gapless-tests-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def gapless(*arguments: str, given: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end."""
    process = _start(arguments, (), environment(**more))
    try:
        out, err = process.communicate(given, DEADLINE)
    except BaseException:
        Running(process).close()
        raise
    return subprocess.CompletedProcess(arguments, process.wait(), out, err)


def _start(arguments: Sequence[str], within: Sequence[str], environment: dict[str, str]) -> Process:
    if CAN_FORK and not within:
        return forked(arguments, environment)
    return subprocess.Popen(
        [*within, sys.executable, "-m", "gapless", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


class Running:
    """A verb that runs, whose output is read as it comes."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._lines: dict[str, queue.Queue[str | None]] = {"out": queue.Queue(), "err": queue.Queue()}
        self._readers: list[threading.Thread] = []
        for name, stream in (("out", process.stdout), ("err", process.stderr)):
            if stream is not None:
                reader = threading.Thread(target=self._read, args=(stream, self._lines[name]), daemon=True)
                reader.start()
                self._readers.append(reader)

    def close(self) -> None:
        """Kill it if it still runs, and let go of its output."""
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join(DEADLINE)  # longer only if a child of it lives on, which would be the failure
        try:
            if self.process.stdin is not None:
                self.process.stdin.close()
        except BrokenPipeError:
            pass  # what was typed last is nobody's any more

    def _read(self, stream: IO[str], lines: queue.Queue[str | None]) -> None:
        with stream:
            for line in stream:
                lines.put(line.rstrip("\n"))
        lines.put(None)

    def line(self, stream: str = "out") -> str | None:
        """The next line as soon as it is there; None at the end."""
        return self._lines[stream].get(timeout=DEADLINE)

    def until(self, words: str, stream: str = "out") -> str:
        """The next line that holds these words."""
        seen = []
        while (line := self.line(stream)) is not None:
            seen.append(line)
            if words in line:
                return line
        raise AssertionError(f"{words!r} never came, only {seen}")

    def rest(self, stream: str = "out") -> list[str]:
        """Everything that still comes, to the end."""
        return list(iter(lambda: self.line(stream), None))

    def type(self, text: str) -> None:
        if self.process.stdin is None:
            raise RuntimeError("it was started without stdin")
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def end(self, number: int) -> int:
        """Send a signal; gives the exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)


@contextmanager
def started(*arguments: str, within: Sequence[str] = (), **more: str) -> Iterator[Running]:
    """Start a verb, and make sure that it is gone afterwards. `within` is put before the command."""
    running = Running(_start(arguments, within, environment(**more)))
    try:
        yield running
    finally:
        running.close()


@contextmanager
def serving(*arguments: str, **more: str) -> Iterator[tuple[str, Running]]:
    """A hub on a free port, and where it is."""
    with started("serve", "--port", "0", *arguments, **more) as running:
        yield running.until("http://").strip().rstrip("/"), running
