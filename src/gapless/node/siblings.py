"""Other workers of the same server: processes that serve the same hub with a memory of their own each.

A worker is a process that `multiprocessing` made (uvicorn, hypercorn, granian) or a fork that still goes by
its parent's command (gunicorn). Workers of one parent find each other by locked files, which their
system unlocks when they end: so a reload, which ends one before it starts the next, is no sibling, and two
servers that were started side by side have no parent in common that would make them workers.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from ..errors import ConfigError

log = logging.getLogger("gapless")

Workers = Literal["warn", "error", "allow"]
"""What happens where several workers each have a memory of their own."""

LOOK_AFTER = (0.5, 2.0, 5.0, 15.0)
"""Seconds after the start at which who came first looks for who came later."""

SAID = (
    "this worker (process %d) has its own memory, and %d other worker%s of the same server too: "
    "a publication reaches only the clients of the worker that published it. Share a store, "
    'Hub("sqlite:///app.db") or Hub("redis://…"), or run one worker; Hub(workers="error") refuses '
    "to start like this"
)


class Siblings:
    """Says once, and loudly, that this process is one of several workers whose hub lives in memory.

    `application` tells hubs of one parent apart. Nothing is written where this process is no worker.
    """

    def __init__(self, application: str, *, is_worker: Callable[[], bool] | None = None) -> None:
        self._application = application
        self._is_worker = is_worker or process_is_worker
        self._place: Path | None = None
        self._held: int | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._told = False

    def begin(self, workers: Workers) -> None:
        """Be found, and look for others now and for a while. Raises ConfigError: `error` was asked for."""
        if workers == "allow" or not self._is_worker():
            return
        self._place = _place(self._application)
        try:
            self._place.mkdir(mode=0o700, exist_ok=True)
            self._held = _lock(self._place / str(os.getpid()))
        except OSError:
            return  # a directory that cannot be written: nothing can be known, and nothing is said
        others = self._others()
        if others and workers == "error":
            self.end()
            raise ConfigError(SAID % _counted(others))
        self._tell(others)
        loop = asyncio.get_running_loop()
        self._timers = [loop.call_later(seconds, self._look) for seconds in LOOK_AFTER]

    def end(self) -> None:
        """Be found no more."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._held is not None and self._place is not None:
            (self._place / str(os.getpid())).unlink(missing_ok=True)
            os.close(self._held)
            self._held = None

    def _look(self) -> None:
        self._tell(self._others())

    def _tell(self, others: int) -> None:
        if others and not self._told:
            self._told = True
            log.error(SAID, *_counted(others))

    def _others(self) -> int:
        """How many others hold their file."""
        if self._place is None:
            return 0
        own = str(os.getpid())
        return sum(_is_locked(file) for file in self._place.iterdir() if file.name != own)


def _counted(others: int) -> tuple[int, int, str]:
    return os.getpid(), others, "" if others == 1 else "s"


def process_is_worker() -> bool:
    """Is this process one of those that a server starts to share its work?"""
    return multiprocessing.parent_process() is not None or _command(os.getpid()) == _command(os.getppid())


def _command(process: int) -> bytes:
    """The command line of a process, distinct where it cannot be known."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return str(process).encode()


def _place(application: str) -> Path:
    """The directory of all workers of one parent and one application; a parent's number is used again."""
    try:
        began = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        began = ""
    key = f"{os.getuid()}\0{os.getppid()}\0{began}\0{application}"
    return Path(tempfile.gettempdir()) / f"gapless-workers-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _lock(file: Path) -> int:
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _is_locked(file: Path) -> bool:
    """Does somebody alive hold it? A file that nobody holds is what a worker that crashed left behind."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        file.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)
