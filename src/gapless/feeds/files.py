"""One file that is followed while others write to it, rotate it and cut it off.

`next_step` decides from what was read and what is there; `FollowedFile` does as it says. A file is
known by device and inode, so that after a rename its rest is read before the new one is begun.
"""

from __future__ import annotations

import os
import stat
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError
from .splitting import LineSplitter

READ_BYTES = 256 * 1024
"""Read from one file in one turn, so that several files and everything else get theirs."""
SEAM_BYTES = 64
"""The newest bytes that were read; when they have changed, the file was rewritten in between."""


class Place(NamedTuple):
    """Which file is open, and how much of it was read."""

    device: int
    inode: int
    offset: int


class Seen(NamedTuple):
    """What the path names now."""

    device: int
    inode: int
    size: int


class Step(Enum):
    """What one look at a file brought."""

    WAIT = auto()  # nothing there, or nothing new
    OPEN = auto()  # a file appeared
    READ = auto()  # the open file has grown
    REWIND = auto()  # it was truncated or rewritten
    ROTATE = auto()  # another file has taken the name, and the open one is read to its end


def next_step(place: Place | None, open_size: int, seam_holds: bool, seen: Seen | None) -> Step:
    """What to do next with the file at a path.

    `open_size` is the size of the open file now, `seam_holds` whether the bytes before
    `place.offset` are those that were read.
    """
    if place is None:
        return Step.WAIT if seen is None else Step.OPEN
    if open_size < place.offset or not seam_holds:
        return Step.REWIND
    if open_size > place.offset:
        return Step.READ
    if seen is not None and (seen.device, seen.inode) != (place.device, place.inode):
        return Step.ROTATE
    return Step.WAIT


class FollowedFile:
    """The lines of a path from now on. A file that appears later is read from its start.

    Raises:
        ConfigError: from the constructor: a directory, a pipe, or not readable.
    """

    def __init__(self, path: Path, *, from_start: bool = False) -> None:
        self.path = path
        self.rewound = 0
        """How often the file was cut off or rewritten; what stood in it unread is gone."""
        self._descriptor: int | None = None
        self._place: Place | None = None
        self._seam = b""
        self._splitter = LineSplitter()
        try:
            descriptor = self._open()
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}; name a file that you may read") from None
        if descriptor is not None and not from_start:
            self._to_last_line(descriptor)

    def read(self) -> list[str]:
        """The lines that were completed since the last call; at most `READ_BYTES` are read.

        Call it again at once while it returns lines, and after a pause when it returns none.
        """
        match self._step():
            case Step.OPEN:
                self._try_to_open()
                return self._read_on()
            case Step.ROTATE:
                self.close()
                rest = self._splitter.end()
                self._try_to_open()
                return rest + self._read_on()
            case Step.REWIND:
                self.rewound += 1
                rest = self._splitter.end()
                self._move_to(0)
                return rest + self._read_on()
            case Step.READ:
                return self._read_on()
            case Step.WAIT:
                return []

    def close(self) -> None:
        """Close the file, if one is open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self._place, self._seam = None, None, b""

    def _step(self) -> Step:
        if self._descriptor is None or self._place is None:
            return next_step(None, 0, True, self._look())
        start = self._place.offset - len(self._seam)
        seam_holds = os.pread(self._descriptor, len(self._seam), start) == self._seam
        return next_step(self._place, os.fstat(self._descriptor).st_size, seam_holds, self._look())

    def _look(self) -> Seen | None:
        try:
            there = os.stat(self.path)
        except OSError:  # between two files of a rotation there is none
            return None
        return Seen(there.st_dev, there.st_ino, there.st_size)

    def _try_to_open(self) -> None:
        try:
            self._open()
        except (OSError, ConfigError):
            pass  # a rotation may give the new file its rights only later; the next call tries again

    def _open(self) -> int | None:
        try:
            # Without O_NONBLOCK, opening a pipe would wait for whoever writes to it.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        there = os.fstat(descriptor)
        if not stat.S_ISREG(there.st_mode):
            os.close(descriptor)
            raise ConfigError(f"{self.path} is not a regular file; read pipes with `gapless pipe`")
        self._descriptor = descriptor
        self._place = Place(there.st_dev, there.st_ino, 0)
        return descriptor

    def _read_on(self) -> list[str]:
        if self._descriptor is None or self._place is None:
            return []
        data = os.pread(self._descriptor, READ_BYTES, self._place.offset)
        self._place = self._place._replace(offset=self._place.offset + len(data))
        self._seam = (self._seam + data)[-SEAM_BYTES:]
        return self._splitter.feed(data)

    def _move_to(self, offset: int) -> None:
        if self._place is not None:
            self._place = self._place._replace(offset=offset)
            self._seam = b""

    def _to_last_line(self, descriptor: int) -> None:
        """Begin at the end, but with the whole of a last line that is still being written."""
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, READ_BYTES, max(0, size - READ_BYTES))
        begun = len(tail) - (tail.rfind(b"\n") + 1)
        self._move_to(size - begun)
        self._seam = tail[: len(tail) - begun][-SEAM_BYTES:]
