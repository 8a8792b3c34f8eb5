"""One file that is followed while others write to it, rotate it and cut it off.

`next_step` decides from what was read and what is there; `FollowedFile` does as it says. A file is
known by device and inode, so that after a rename its rest is read before the new one is begun.
"""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError
from .rotation import HEAD_BYTES, Sibling, copy_of, in_between, siblings
from .splitting import LineSplitter, begun_line

READ_BYTES = 256 * 1024
"""Read from one file in one turn, so that several files and everything else get theirs."""
SEAM_BYTES = 64
"""The newest bytes that were read; when they have changed, the file was rewritten in between."""
LATE_SECONDS = 60.0
"""A file that was rotated away is held open until nobody wrote to it for so long."""
HELD_FILES = 200
"""Files of one name that are held open while the hub is away. More: the oldest is given up, and told."""


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


class Mark(NamedTuple):
    """What a restart goes on from: a file, its first bytes, and the end of the last whole line of it."""

    device: int
    inode: int
    offset: int
    head: bytes


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


class OpenFile:
    """A file that is held open, and read from where it was left.

    Raises:
        ConfigError: from the constructor: no regular file. OSError: not readable.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        # Without O_NONBLOCK, opening a pipe would wait for whoever writes to it.
        self.descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        there = os.fstat(self.descriptor)
        if not stat.S_ISREG(there.st_mode):
            os.close(self.descriptor)
            raise ConfigError(f"{path} is not a regular file; read pipes with `gapless pipe`")
        self.path = path
        self.place = Place(there.st_dev, there.st_ino, offset)
        self.read_at = time.monotonic()
        """When something was read last."""
        self.skipped = 0
        """Bytes of holes that were passed over: its writer does not append."""
        begin = max(0, offset - SEAM_BYTES)
        self._seam = os.pread(self.descriptor, offset - begin, begin)
        self._splitter = self._new_splitter()

    def _new_splitter(self) -> LineSplitter:
        return LineSplitter(mark=self._byte_order if self.place.offset else None)

    @property
    def _byte_order(self) -> bytes:
        """Its first two bytes, which may say that it is UTF-16."""
        return os.pread(self.descriptor, 2, 0)

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode."""
        return self.place.device, self.place.inode

    @property
    def head(self) -> bytes:
        """Its first bytes, by which a copy is known."""
        return os.pread(self.descriptor, HEAD_BYTES, 0)

    @property
    def seam(self) -> bytes:
        """The newest bytes that were read."""
        return self._seam

    def mark(self) -> Mark:
        """Where a restart goes on."""
        return Mark(*self.key, self.place.offset - self._splitter.pending, self.head)

    def step(self, seen: Seen | None) -> Step:
        """What to do next, when the path names `seen`."""
        start = self.place.offset - len(self._seam)
        seam_holds = os.pread(self.descriptor, len(self._seam), start) == self._seam
        return next_step(self.place, os.fstat(self.descriptor).st_size, seam_holds, seen)

    def grown(self) -> bool:
        """Is there something that was not read?"""
        return os.fstat(self.descriptor).st_size > self.place.offset

    def read(self) -> list[str]:
        """The lines that the next bytes complete."""
        data = os.pread(self.descriptor, READ_BYTES, self.place.offset)
        size = len(data)
        self.read_at = time.monotonic()
        if data.startswith(b"\0") and not self._splitter.pending and not self._splitter.wide:
            # A hole: it was cut off, and its writer went on where it had been.
            data = data.lstrip(b"\0")
            self.skipped += size - len(data)
        self.place = self.place._replace(offset=self.place.offset + size)
        self._seam = (self._seam + data)[-SEAM_BYTES:] if data else self._seam[:0]
        return self._splitter.feed(data)

    def end(self) -> list[str]:
        """The last line, where it has no line break."""
        return self._splitter.end()

    def rewind(self) -> None:
        """Read it from its start again."""
        self.place = self.place._replace(offset=0)
        self._seam = b""
        self._splitter = self._new_splitter()

    def to_last_line(self) -> None:
        """Begin at the end, but with the whole of a last line that is still being written."""
        size = os.fstat(self.descriptor).st_size
        start = max(0, size - READ_BYTES) & ~1
        tail = os.pread(self.descriptor, size - start, start)
        begun = begun_line(tail, self._byte_order)
        self.place = self.place._replace(offset=size - begun)
        self._splitter = self._new_splitter()
        self._seam = tail[: len(tail) - begun][-SEAM_BYTES:]

    def adopt(self, other: OpenFile) -> None:
        """This is a copy of that one: go on with the line that it was in."""
        self._splitter, other._splitter = other._splitter, LineSplitter()

    def close(self) -> None:
        """Let go of it."""
        os.close(self.descriptor)


class FollowedFile:
    """The lines of a path from now on. A file that appears later is read from its start.

    `marks` are those of an earlier life (see `marks`): it goes on there, through what was rotated
    meanwhile. Where that found no file, there are none, and one that is there now is read from its start;
    None says that there was no earlier life. `lost` is called with a line for people whenever something
    could not be read.

    Raises:
        ConfigError: from the constructor: a directory, a pipe, or not readable.
    """

    def __init__(
        self,
        path: Path,
        *,
        from_start: bool = False,
        marks: Sequence[Mark] | None = None,
        lost: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.path = path
        self.rewound = 0
        """How often the file was cut off or rewritten; what stood in it unread is gone, but for a copy."""
        self.found_all = True
        """Was every file there that `marks` names?"""
        self._lost = lost
        self._current: OpenFile | None = None
        self._before: deque[OpenFile] = deque()
        """Read to their ends before the current one is begun."""
        self._late: deque[OpenFile] = deque()
        """Read to their ends; who writes to them may not know yet that they were rotated away."""
        self._known: dict[tuple[int, int], bytes] = {}
        """First bytes of files that were open, by device and inode."""
        self._beside: set[tuple[int, int]] = set()
        """What stands beside it, of which nothing is to be read."""
        self._told_skipped = False
        try:
            if marks:
                self._go_on(marks)
            else:
                self._current = self._open(path)
                if self._current is not None and not from_start and marks is None:
                    self._current.to_last_line()
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}; name a file that you may read") from None
        self._note_beside()

    # -- what others ask

    def read(self) -> list[str]:
        """The lines that were completed since the last call; at most `READ_BYTES` of a file are read.

        Call it again at once while it returns lines, and after a pause when it returns none.
        """
        self.look()
        while self._before:
            oldest = self._before[0]
            if oldest.grown():
                return self._take(oldest)
            self._before.popleft()
            self._late.append(oldest)
            rest = oldest.end()
            if rest:
                return rest
        now = time.monotonic()
        for late in list(self._late):
            if late.grown():
                return self._take(late)
            if now - late.read_at > LATE_SECONDS:
                self._late.remove(late)
                self._known.pop(late.key, None)  # the system may give its number to another file
                late.close()
        current = self._current
        return self._take(current) if current is not None and current.grown() else []

    def look(self) -> None:
        """See whether it was rotated, cut off or made. Call it also while nothing is read.

        What is open stays readable, whatever becomes of its name.
        """
        current = self._current
        if current is None:
            self._current = self._try_to_open()
            return
        seen = self._seen()
        match current.step(seen):
            case Step.REWIND:
                self._rewind(current)
            case Step.ROTATE | Step.READ if seen is not None and (seen.device, seen.inode) != current.key:
                self._rotate(current)
            case _:
                self._note_beside()

    def marks(self) -> list[Mark]:
        """What a restart goes on from, oldest first."""
        current = [self._current] if self._current is not None else []
        return [open_.mark() for open_ in (*self._before, *current)]

    def holds(self, key: tuple[int, int]) -> bool:
        """Was this file, by device and inode, read here?"""
        return key in self._known

    def is_copy(self, head: bytes) -> bool:
        """Does a file that was read here begin like this?"""
        return len(head) == HEAD_BYTES and head in self._known.values()

    def close(self) -> None:
        """Close what is open."""
        current = [self._current] if self._current is not None else []
        for open_ in (*self._before, *self._late, *current):
            open_.close()
        self._current = None
        self._before.clear()
        self._late.clear()

    # -- opening

    def _open(self, path: Path, offset: int = 0) -> OpenFile | None:
        """None: there is no such file. Raises OSError and ConfigError."""
        try:
            opened = OpenFile(path, offset)
        except FileNotFoundError:
            return None
        self._known[opened.key] = opened.head
        return opened

    def _try_to_open(self, path: Path | None = None, offset: int = 0) -> OpenFile | None:
        try:
            return self._open(path or self.path, offset)
        except (OSError, ConfigError):
            return None  # a rotation may give the new file its rights only later; the next call tries again

    def _seen(self) -> Seen | None:
        try:
            there = os.stat(self.path)
        except OSError:  # between two files of a rotation there is none
            return None
        return Seen(there.st_dev, there.st_ino, there.st_size)

    def _take(self, open_: OpenFile) -> list[str]:
        lines = open_.read()
        if len(self._known.get(open_.key, b"")) < HEAD_BYTES:
            self._known[open_.key] = open_.head
        if open_.skipped and not self._told_skipped:
            self._told_skipped = True
            self._lost(
                f"{self.path} has a hole: it was cut off while its writer, which does not append, went on"
            )
        return lines

    # -- rotation

    def _note_beside(self) -> None:
        self._beside = {one.key for one in siblings(self.path)}

    def _new_beside(self) -> list[Sibling]:
        """Files of the same rotation that came since the last look, and that are not open here."""
        return [
            one for one in siblings(self.path) if one.key not in self._beside and one.key not in self._known
        ]

    def _rotate(self, current: OpenFile) -> None:
        """Another file has the name: read this one to its end, then those that had the name in between."""
        replacement = self._try_to_open()
        if replacement is None:
            return  # it is gone again already, or has no rights yet
        self._before.append(current)
        for between in in_between(self._new_beside(), set(self._known.values())):
            if between.key != replacement.key:
                opened = self._try_to_open(between.path)
                if opened is not None:
                    self._before.append(opened)
        self._current = replacement
        self._note_beside()
        while len(self._before) + len(self._late) > HELD_FILES:
            oldest = self._late.popleft() if self._late else self._before.popleft()
            if oldest.grown():
                self._lost(f"{self.path} was rotated {HELD_FILES} times, unread; the oldest is missing")
            oldest.close()

    def _rewind(self, current: OpenFile) -> None:
        """It was cut off. What was copied before (copytruncate) is read from the copy."""
        self.rewound += 1
        copy = copy_of(
            self._new_beside(), self._known.get(current.key, b""), current.place.offset, current.seam
        )
        opened = self._try_to_open(copy.path, current.place.offset) if copy is not None else None
        if opened is not None:
            opened.adopt(current)
            self._before.append(opened)
        else:
            self._lost(f"{self.path} was cut off or rewritten; what stood in it unread is missing")
        current.rewind()
        self._known[current.key] = current.head
        self._note_beside()

    def _go_on(self, marks: Sequence[Mark]) -> None:
        """Where an earlier life ended: in these files, then in those that came after them."""
        there = {one.key: one for one in siblings(self.path)}
        seen = self._seen()
        if seen is not None:
            there[seen.device, seen.inode] = Sibling(self.path, seen.device, seen.inode, seen.size, 0)
        newest = 0
        for mark in marks:
            found = there.get((mark.device, mark.inode))
            opened = self._try_to_open(found.path, mark.offset) if found is not None else None
            if (
                found is None
                or opened is None
                or found.size < mark.offset
                or not opened.head.startswith(mark.head)
            ):
                self.found_all = False
                self._lost(
                    f"{self.path}: a file that was read up to byte {mark.offset} is gone; its rest is missing"
                )
                if opened is not None:
                    del self._known[opened.key]
                    opened.close()
                continue
            self._before.append(opened)
            newest = max(newest, os.fstat(opened.descriptor).st_mtime_ns)
        later = [one for one in there.values() if one.key not in self._known and one.path != self.path]
        if self._before and self._before[-1].path != self.path:
            later = [one for one in later if one.modified >= newest]
            for between in in_between(later, set(self._known.values())):
                opened = self._try_to_open(between.path)
                if opened is not None:
                    self._before.append(opened)
        if self._before and seen is not None and self._before[-1].key == (seen.device, seen.inode):
            self._current = self._before.pop()
        else:
            self._current = self._try_to_open()
