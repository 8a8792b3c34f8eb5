"""What `gapless doctor` looks at of a store in a file: can it be one, and is there room for it?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ...errors import GaplessError
from ...server.checkup import Finding
from . import maintenance
from .address import Address
from .trouble import check_place

LITTLE_ROOM = 256 * 1024 * 1024
"""Free bytes of the disk below which publishing may soon fail."""


def checkup(address: Address) -> Iterator[Finding]:
    """Findings on the file and on where it lies. Every page of it is for `gapless store check`."""
    path, directory = address.path, address.path.absolute().parent
    if not directory.is_dir():
        yield Finding("bad", f"{directory} is no directory", "make it, or name another file")
        return
    try:
        check_place(path.absolute())
        yield _permission(path, directory)
        yield _contents(address)
    except GaplessError as error:
        yield Finding("bad", f"{path} cannot be a store", str(error))
    yield _room(address, shutil.disk_usage(directory).free)


def _permission(path: Path, directory: Path) -> Finding:
    # Beside it lie what is written ahead and the locks, so the directory counts as well.
    for written in (directory, path):
        if written.exists() and not os.access(written, os.W_OK):
            return Finding(
                "bad", f"{written} may not be written by this user", "change its owner or its mode"
            )
    return Finding("ok", f"{directory} may be written")


def _contents(address: Address) -> Finding:
    if not address.path.exists():
        return Finding("ok", f"there is no {address.path} yet", "it is made when the hub starts")
    found = maintenance.look(address)
    size = (
        f"{found.publications:,} publications in {found.channels:,} channels, {found.file_bytes >> 20:,} MiB"
    )
    if found.problems:
        return Finding("bad", f"{address.path}: {found.problems[0]}", "gapless store check shows all")
    return Finding("ok", f"{address.path}: {size}", "gapless store check looks at every page")


def _room(address: Address, free: int) -> Finding:
    used = address.path.stat().st_size if address.path.exists() else 0
    what = f"{free >> 20:,} MiB free on its disk"
    if free < LITTLE_ROOM:
        return Finding("bad", what, "publishing fails when it is full: make room, or keep less")
    if address.max_mib is not None and used + free < address.max_mib << 20:
        return Finding("note", what, f"max_mib={address.max_mib} is more than there is room for")
    if address.max_mib is None:
        return Finding("ok", what, "?max_mib=1024 bounds what the file takes of it")
    return Finding("ok", what, f"the file takes at most {address.max_mib:,}")
