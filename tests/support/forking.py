"""Starts `gapless` from a process that has it imported, instead of importing it for each command anew."""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

from .ready import Command

READY = Path(__file__).with_name("ready.py")
PR_SET_CHILD_SUBREAPER = 36
PAUSE = 0.005

CAN_FORK = sys.platform == "linux"
"""Only there a process may adopt what its children leave behind."""


class Forked:
    """A child that was forked ready; waits and signals like a `subprocess.Popen` with text in its pipes."""

    def __init__(self, pid: int, stdin: IO[str], stdout: IO[str], stderr: IO[str]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        return self._reap(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, negative for a signal.

        Raises:
            subprocess.TimeoutExpired: it still runs after `timeout` seconds.
        """
        if timeout is None:
            code = self._reap(0)
            assert code is not None
            return code
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("gapless", timeout)
            time.sleep(PAUSE)
        return code

    def communicate(self, given: str, timeout: float) -> tuple[str, str]:
        """Give it its whole input, and read what it says to its end.

        Raises:
            subprocess.TimeoutExpired: it still runs after `timeout` seconds.
        """
        with ThreadPoolExecutor(2) as readers:
            said = [readers.submit(stream.read) for stream in (self.stdout, self.stderr)]
            with suppress(BrokenPipeError), self.stdin:
                self.stdin.write(given)
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            out, err = (reading.result(timeout) for reading in said)
        self.stdout.close()
        self.stderr.close()
        return out, err

    def send_signal(self, number: int) -> None:
        """Nothing happens if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _reap(self, how: int) -> int | None:
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, how)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode


def forked(arguments: Sequence[str], environment: Mapping[str, str]) -> Forked:
    """Run `gapless` with these arguments, here, with pipes to all its streams."""
    ours, theirs = zip(_pipe(into=True), _pipe(into=False), _pipe(into=False), strict=True)
    command = Command(list(arguments), dict(environment), str(Path.cwd()))
    try:
        pid = _ready().start(command, theirs)
    finally:
        for descriptor in theirs:
            os.close(descriptor)
    return Forked(pid, open(ours[0], "w"), open(ours[1]), open(ours[2]))


def _pipe(*, into: bool) -> tuple[int, int]:
    """Our end, then theirs."""
    reading, writing = os.pipe()
    return (writing, reading) if into else (reading, writing)


class _Ready:
    """The process that forks, and the way to ask it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(READY), str(theirs.fileno())],
                stdin=subprocess.PIPE,  # all three as its forks have them; to Python a file is another thing
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
                | {"READY_FOR": str(os.getpid())},
                pass_fds=[theirs.fileno()],
            )

    def start(self, command: Command, streams: Sequence[int]) -> int:
        with self._lock, _adopting():
            socket.send_fds(self._control, [json.dumps(command).encode()], streams)
            told = self._control.recv(32)
        if not told:
            raise RuntimeError(f"the process that forks has ended: {self._process.communicate()[1]!r}")
        return int(told)

    def end(self) -> None:
        self._control.close()
        self._process.communicate()


@cache
def _ready() -> _Ready:
    ready = _Ready()
    atexit.register(ready.end)
    return ready


@contextmanager
def _adopting() -> Iterator[None]:
    """What our descendants leave behind becomes our child meanwhile."""
    _adopt(True)
    try:
        yield
    finally:
        _adopt(False)


def _adopt(orphans: bool) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
