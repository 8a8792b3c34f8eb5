"""The file system that a store lies on: whether locks on it mean anything."""

from __future__ import annotations

from pathlib import Path

from .trouble import StoreError

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


def check(path: Path, mounts: Path = _MOUNTS) -> None:
    """Raises StoreError where a store must not lie."""
    kind = kind_of(path.parent, mounts)
    if kind in NETWORK:
        raise StoreError(
            f"{path} lies on a network file system ({kind}), where locks between processes cannot be "
            "relied on; put it on a disk of this machine, or use redis:// for several machines"
        )
