"""What can be wrong with a store, in words that name the fix."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from ...errors import BrokerError

_LOCKED = "is locked by another program that writes to it; end that program's transaction"
_READ_ONLY = "cannot be written; give this user the right to write the file and its directory"
_FULL = "cannot grow, the disk is full or it has its max_mib; make room, and publishing goes on by itself"
_UNWRITTEN = (
    "cannot be written, a quota or a limit on the size of files is reached, or the disk fails; "
    "raise it or look at the disk, and publishing goes on by itself"
)
_DAMAGED = "is damaged; `gapless store check` says where, `gapless store export` saves what can be read"
_MISSING = "cannot be opened; its directory must exist and be writable for this user"

_WORDS: dict[int, str] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: "is no SQLite database; name another file",
    sqlite3.SQLITE_CANTOPEN: _MISSING,
    sqlite3.SQLITE_IOERR: "cannot be read or flushed; look at the disk, then start this process again",
}
"""By primary result code of SQLite."""

_UNTOUCHED: set[int] = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
"""By extended result code: a write was refused, and the transaction is rolled back. A disk that is
full is another code; a quota (EDQUOT) and a limit on sizes (EFBIG) are these. A flush that fails is not among
them: what had been written before may be gone."""

_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}
"""What may be over the next time. After anything else of the file's state is unknown."""


class StoreError(BrokerError):
    """A store cannot be used. `lasting`: nothing is written to it any more until it is opened anew."""

    def __init__(self, message: str, *, lasting: bool = True) -> None:
        super().__init__(message)
        self.lasting = lasting


def explain(path: Path, error: BaseException) -> StoreError:
    """What SQLite or the system said of this file, as the one error that callers know."""
    if isinstance(error, StoreError):
        return error
    found = _of_sqlite(path, error) if isinstance(error, sqlite3.Error) else _of_system(path, error)
    found.__cause__ = error
    return found


def is_of_the_file(error: BaseException) -> bool:
    """Was it the file that failed, rather than one value that cannot be stored?"""
    if isinstance(error, (OSError, StoreError)):
        return True
    return isinstance(error, sqlite3.Error) and _code(error) in _WORDS


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _of_sqlite(path: Path, error: sqlite3.Error) -> StoreError:
    if getattr(error, "sqlite_errorcode", 0) in _UNTOUCHED:
        return StoreError(f"{path} {_UNWRITTEN} ({error})", lasting=False)
    code = _code(error)
    words = _WORDS.get(code, "refused")
    return StoreError(f"{path} {words} ({error})", lasting=code not in _PASSING)


def _of_system(path: Path, error: BaseException) -> StoreError:
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreError(f"{path} {_READ_ONLY} ({error.strerror})")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return StoreError(f"{path} {_FULL} ({error.strerror})", lasting=False)
    if isinstance(error, OSError) and error.errno in (errno.EDQUOT, errno.EFBIG):
        return StoreError(f"{path} {_UNWRITTEN} ({error.strerror})", lasting=False)
    if isinstance(error, FileNotFoundError):
        return StoreError(f"{path} {_MISSING} ({error.strerror})")
    return StoreError(f"{path}: {str(error) or type(error).__name__}")


NETWORK = frozenset(
    {"afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs"}
    | {"lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs"}
)
"""Kinds of file systems that several machines share. WAL needs memory that all processes share."""

_MOUNTS = Path("/proc/self/mountinfo")


def kind_of(path: Path, mounts: Path = _MOUNTS) -> str:
    """The kind of file system that a path is on; empty where the system does not say."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    target, best, kind = path.resolve(), Path("/"), ""
    for line in lines:
        left, _, right = line.partition(" - ")
        fields, described = left.split(" "), right.split(" ")
        if len(fields) < 5 or not described[0]:
            continue
        point = Path(fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if target.is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, described[0]
    return kind


def check_place(path: Path, mounts: Path = _MOUNTS) -> None:
    """Raises StoreError where a store must not lie."""
    kind = kind_of(path.parent, mounts)
    if kind in NETWORK:
        raise StoreError(
            f"{path} lies on a network file system ({kind}), where locks between processes cannot be "
            "relied on; put it on a disk of this machine, or use redis:// for several machines"
        )
