"""Datagrams by which the processes of one store wake each other: something was written, look.

A datagram says nothing more, and may be lost: what counts stands in the store. Each process has a
socket in one directory, whose path is kept in the store. It lies in a short temporary path,
because the path of a socket has no room for more than a hundred letters.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import stat
import tempfile
import time
from pathlib import Path

LONGEST = 60
"""Letters of a temporary directory's path; with a longer one, /tmp is used."""

TALK = "talk-"
"""How the names begin of sockets that messages come to, and no wake-up."""

RESCAN_SECONDS = 1.0
"""Between looks for sockets of new processes."""


def usable(directory: Path) -> bool:
    """Is it a directory that this user alone can put sockets into?"""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def make() -> Path:
    """A new directory that only this user can open."""
    temporary = tempfile.gettempdir()
    parent = temporary if len(temporary) <= LONGEST else "/tmp"  # noqa: S108 - mkdtemp makes it ours alone
    return Path(tempfile.mkdtemp(prefix="gapless-", dir=parent))


class Wakeups:
    """This process's socket, and the addresses of the others. `wake` is called by one thread."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self._directory = Path()
        self._own = ""
        self._others: list[str] = []
        self._scanned_at = -RESCAN_SECONDS
        self.sent = 0
        self.received = 0

    def open(self, directory: Path) -> None:
        """Listen in this directory. Raises OSError."""
        self._directory = directory
        self._own = str(directory / f"{os.getpid()}-{secrets.token_hex(3)}")
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.bind(self._own)
        except OSError:
            opened.close()
            raise
        self.socket = opened
        self.wake()  # so that the others look for sockets, and find this one

    def wake(self) -> None:
        """Wake the others. Never waits, never raises."""
        if self.socket is None:
            return
        now = time.monotonic()
        if now - self._scanned_at >= RESCAN_SECONDS:
            self._scanned_at = now
            self._scan()
        for address in list(self._others):
            try:
                self.socket.sendto(b"", address)
                self.sent += 1
            except OSError as error:
                # Full means that it will look anyway.
                if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
                    self._drop(address)

    def woken(self) -> None:
        """Take what has come in."""
        if self.socket is None:
            return
        try:
            while True:
                self.socket.recv(16)
                self.received += 1
        except OSError:
            pass  # that was all
        self._scanned_at = -RESCAN_SECONDS  # it may have come from somebody new

    def close(self) -> None:
        opened, self.socket = self.socket, None
        if opened is not None:
            opened.close()
            _remove(self._own)

    def _scan(self) -> None:
        try:
            names = os.listdir(self._directory)
        except OSError:
            names = []
        own = os.path.basename(self._own)
        names = [name for name in names if name != own and not name.startswith(TALK)]
        self._others = [str(self._directory / name) for name in names]

    def _drop(self, address: str) -> None:
        """The process is gone, whatever became of it: a socket that nobody holds is a name only."""
        self._others.remove(address)
        _remove(address)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # somebody else has
