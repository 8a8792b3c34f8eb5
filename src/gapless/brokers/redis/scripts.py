"""The Lua scripts, constants that lie beside this file, by the name Redis knows them by."""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files
from typing import NamedTuple


class Script(NamedTuple):
    """A script and its hash, which EVALSHA takes."""

    text: bytes
    sha: bytes


def _load(name: str) -> Script:
    text = files(__package__).joinpath(f"{name}.lua").read_bytes()
    return Script(text, sha1(text, usedforsecurity=False).hexdigest().encode())


PUBLISH = _load("publish")
READ = _load("read")
GENERATION = _load("generation")
JOIN = _load("join")
LEAVE = _load("leave")
MEET = _load("meet")
COUNT = _load("count")
ALL = (PUBLISH, READ, GENERATION, JOIN, LEAVE, MEET, COUNT)
