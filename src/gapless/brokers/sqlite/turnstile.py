"""The lock on a side file that lets one process at a time write to a store.

SQLite has a lock of its own, but two connections that write and checkpoint at the same time can
damage a database in WAL mode in every version before 3.51.3, and CPython often links an older one.

Two locks in a row: whoever waits for the second holds the first, so that a process which has just
written cannot come again before those that wait.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .trouble import StoreError

_SHORTEST_WAIT = 0.000_05
_LONGEST_WAIT = 0.002


class Turnstile:
    """Exclusion between processes, and between brokers of one process. Of one thread."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience
        self._gate = self._file = -1

    def open(self) -> None:
        """Raises OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o600)
        self._gate = os.open(self._path.with_name(self._path.name + "-gate"), flags, 0o600)

    def close(self) -> None:
        for file in (self._file, self._gate):
            if file >= 0:
                os.close(file)
        self._file = self._gate = -1

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Nobody else writes inside. Raises StoreError when the others take longer than patience allows."""
        until = time.monotonic() + self._patience
        self._take(self._gate, until)
        try:
            self._take(self._file, until)
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _take(self, file: int, until: float) -> None:
        # A blocking call could be ended by nothing when the process that holds it is stopped.
        wait = _SHORTEST_WAIT
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise StoreError(
                        f"{self._path} was held by another process for {self._patience:g} s; "
                        "a worker that uses the store is stopped or its disk hangs",
                        lasting=False,
                    ) from None
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
