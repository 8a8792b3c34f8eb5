"""The Lua scripts, constants that lie beside this file, by the name Redis knows them by."""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files
from typing import NamedTuple


class Script(NamedTuple):
    """A script and its hash, which EVALSHA takes."""

    text: bytes
    sha: bytes


def _load(name: str, *before: str) -> Script:
    """One of the files, with others put before it: behind the line that tells Redis how to run it."""
    how, text = _read(name).split(b"\n", 1)
    whole = b"\n".join([how, *map(_read, before), text])
    return Script(whole, sha1(whole, usedforsecurity=False).hexdigest().encode())


def _read(name: str) -> bytes:
    return files(__package__).joinpath(f"{name}.lua").read_bytes()


PUBLISH = _load("publish", "stream")
READ = _load("read", "stream")
GENERATION = _load("generation")
JOIN = _load("join")
LEAVE = _load("leave")
MEET = _load("meet")
COUNT = _load("count")
ALL = (PUBLISH, READ, GENERATION, JOIN, LEAVE, MEET, COUNT)
