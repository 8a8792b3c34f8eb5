"""What `gapless doctor` looks at on this machine: limits and versions, each with what it means."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, NamedTuple

RESERVED_FILES = 200
"""Kept for everything but connections: `Limits.connections` is the limit less this."""

FEW_FILES = 4096

OLDEST_UVICORN = (0, 54)
"""The first with the sans-I/O WebSocket protocol that the fast path builds on."""

Level = Literal["ok", "note", "bad"]


class Finding(NamedTuple):
    """One thing that was looked at. `bad` is to be put right; `note` is worth knowing."""

    level: Level
    what: str
    advice: str = ""


def machine(environment: Mapping[str, str], *, shared: bool) -> Iterator[Finding]:
    """This process and what is installed. `shared`: is the store one that several processes can have?"""
    yield _files()
    yield _uvicorn()
    for name, why in (("uvloop", "the loop that the figures were measured on"), ("httptools", "HTTP")):
        found = _version(name)
        if found is None:
            yield Finding("note", f"{name} is not installed", f'{why}: pip install "gapless[server]"')
        else:
            yield Finding("ok", f"{name} {found}")
    yield _workers(environment, shared)


def _files() -> Finding:
    import resource  # not on every platform

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = sys.maxsize
    most = f"{hard - RESERVED_FILES:,}" if hard < 10_000_000 else "as many as you like"
    what = f"open files: {soft:,} now, at most {'unlimited' if hard == sys.maxsize else f'{hard:,}'}"
    if hard < FEW_FILES:
        advice = f"room for {most} connections a process: raise it, with LimitNOFILE=65536 in a systemd unit"
        return Finding("bad", what, advice)
    return Finding("ok", what, f"gapless serve raises it by itself; room for {most} connections a process")


def _uvicorn() -> Finding:
    found = _version("uvicorn")
    if found is None:
        return Finding(
            "note", "uvicorn is not installed", 'gapless serve needs it: pip install "gapless[server]"'
        )
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST_UVICORN:
        return Finding("bad", f"uvicorn {found}", "too old for the fast path: pip install -U uvicorn")
    return Finding("ok", f"uvicorn {found}")


def _workers(environment: Mapping[str, str], shared: bool) -> Finding:
    said = environment.get("WEB_CONCURRENCY", "1")
    count = int(said) if said.isdigit() else 1
    if count > 1 and not shared:
        advice = (
            "each has its own memory:// and sees only its own clients: set one worker, or a store of redis://"
        )
        return Finding("bad", f"WEB_CONCURRENCY={count}", advice)
    cores = os.cpu_count() or 1
    advice = f"{cores} cores: as many as that, each with the same store" if shared else ""
    return Finding("ok", f"{count} worker{'s' if count > 1 else ''}", advice)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
