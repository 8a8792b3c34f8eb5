"""The life of a store: whether what is in the file now continues what was there before.

A database alone cannot tell. One that was put back from a backup looks like any other, only
older; so does one whose last commits a power cut took. Clients that were further on would be
resumed across a hole. So a small file beside it holds a random number of the store's present life
and the sequence that was reached, and both are compared when the first process opens the store.

The number is written here before and after it is written into the database, so that a crash in
between is no replacement. Whoever has the store open holds a shared lock on the file.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

_FORMAT = "gapless life 1\n{0:<32}\n{1:<32}\n{2:020d}\n"
_SEQUENCE_AT = len(_FORMAT.format("", "", 0)) - 21
_SIZE = len(_FORMAT.format("", "", 0))


class Life:
    """The side file, open. Every method is called with the store's lock held, but `close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def open(self) -> bool:
        """Open and join; True when no other process has the store open. Raises OSError."""
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        alone = self._lock(fcntl.LOCK_EX)
        if not alone:
            self._lock(fcntl.LOCK_SH)
        return alone

    def share(self) -> None:
        """Let others in again, after `open` or `is_last` said that there are none."""
        self._lock(fcntl.LOCK_SH)

    def is_last(self) -> bool:
        """Does no other process have the store open any more?"""
        return self._lock(fcntl.LOCK_EX)

    def _lock(self, how: int) -> bool:
        try:
            fcntl.flock(self._file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def continues(self, life: str, sequence: int) -> bool:
        """Is a database with this number and sequence the one that was here last, or a later state of it?"""
        lives, reached = self._read()
        return life in lives and sequence >= reached

    def announce(self, before: str, after: str, sequence: int) -> None:
        """The database is about to get the number `after`."""
        self._write(before, after, sequence)

    def begin(self, life: str, sequence: int) -> None:
        """The database has got the number."""
        self._write(life, life, sequence)

    def reached(self, sequence: int) -> None:
        """Everything up to here is on the disk, as strongly as the store writes. Cheap, and not flushed."""
        os.pwrite(self._file, b"%020d" % sequence, _SEQUENCE_AT)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read(self) -> tuple[set[str], int]:
        lines = os.pread(self._file, _SIZE, 0).decode("ascii", "replace").splitlines()
        if len(lines) != 4 or not lines[3].isdigit():
            return set(), 0  # it was not there, or is no such file: nothing is proven
        return {line.strip() for line in lines[1:3]} - {""}, int(lines[3])

    def _write(self, before: str, after: str, sequence: int) -> None:
        os.pwrite(self._file, _FORMAT.format(before, after, sequence).encode(), 0)
        os.fsync(self._file)


def boot_id() -> str:
    """What is another after each start of the machine; empty where that cannot be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        pass
    try:  # macOS
        found = subprocess.run(_SYSCTL, capture_output=True, text=True, timeout=2, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()


_SYSCTL = ("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid")
