"""What tests of verbs say to a hub, and what they read of it."""

from __future__ import annotations

import json
from datetime import datetime

from .conftest import Verb


def tailed(verb: Verb, url: str, channel: str, *options: str) -> list[object]:
    """The data that a channel holds."""
    ended = verb("tail", channel, "--url", url, "-n", "all", "-o", "raw", "--no-follow", *options)
    assert ended.code == 0
    return [json.loads(line) for line in ended.out]


def read_just_now(row: object) -> object:
    """A row of text without the time at which it was read, which it must have."""
    assert isinstance(row, dict)
    assert datetime.fromisoformat(row["time"]).tzinfo is not None
    return {name: value for name, value in row.items() if name != "time"}


def position(verb: Verb, url: str, channel: str, data: str = "1") -> str:
    ended = verb("publish", channel, data, "--url", url)
    assert (ended.code, ended.err) == (0, [])
    (line,) = ended.out
    return line
