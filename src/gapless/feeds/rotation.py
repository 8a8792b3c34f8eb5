"""What stands beside a log: files that had its name before, and copies of it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

HEAD_BYTES = 256
"""The first bytes of a file, by which a copy of it is known."""

_PACKED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip")
_NUMBER = re.compile(r"(\d+)$")


class Sibling(NamedTuple):
    """A file beside a log whose name begins like it."""

    path: Path
    device: int
    inode: int
    size: int
    modified: int
    """Nanoseconds, of the system's clock."""

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode


def siblings(path: Path) -> list[Sibling]:
    """Regular files that a rotation of `path` may have made: `app.log.1`, `app.log-20261128`, `app-1.log`."""
    found: list[Sibling] = []
    try:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                name = entry.name
                if not may_be_of(name, path) or name.endswith(_PACKED):
                    continue
                try:
                    there = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # it was renamed again meanwhile
                if stat.S_ISREG(there.st_mode):
                    found.append(
                        Sibling(
                            Path(entry.path), there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns
                        )
                    )
    except OSError:
        return []  # the directory is gone, or nobody may look
    return found


def may_be_of(name: str, path: Path) -> bool:
    """Could a rotation of `path` have given a file beside it this name?"""
    stem = path.name.removesuffix(path.suffix)
    rotated = name.startswith(path.name) or (name.startswith(stem) and name.endswith(path.suffix))
    return rotated and name != path.name


def in_between(candidates: Iterable[Sibling], heads: set[bytes]) -> list[Sibling]:
    """Those that had the name between two looks, oldest first; not copies of what begins like `heads`."""
    found = [one for one in candidates if one.size and not _is_copy(one, heads)]
    return sorted(found, key=lambda one: (one.modified, -_number(one.path)))


def copy_of(candidates: Iterable[Sibling], head: bytes, offset: int, seam: bytes) -> Sibling | None:
    """The copy of a file that begins with `head` and was read up to `offset`, if one of these is it."""
    for one in sorted(candidates, key=lambda one: -one.modified):
        if one.size < offset or not head or not _head(one.path).startswith(head[: min(offset, len(head))]):
            continue
        if _bytes(one.path, offset - len(seam), len(seam)) == seam:
            return one
    return None


def _is_copy(one: Sibling, heads: set[bytes]) -> bool:
    head = _head(one.path)
    return len(head) == HEAD_BYTES and head in heads


def _head(path: Path) -> bytes:
    return _bytes(path, 0, HEAD_BYTES)


def _bytes(path: Path, at: int, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(at)
            return file.read(count)
    except OSError:
        return b""


def _number(path: Path) -> int:
    """Of a rotation that counts: a higher one is older."""
    found = _NUMBER.search(path.name)
    return int(found[1]) if found is not None and len(found[1]) < 6 else 0
