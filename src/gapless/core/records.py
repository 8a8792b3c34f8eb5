"""Log records: by which names programs write their parts, and what those are in a publication's data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

MESSAGE_NAMES = ("message", "msg", "event", "text")
TIME_NAMES = ("time", "timestamp", "ts", "@timestamp", "asctime")
LEVEL_NAMES = ("level", "levelname", "severity", "log_level", "lvl")
LOGGER_NAMES = ("logger", "logger_name", "name", "type", "event_type")
SOURCE_NAMES = ("source", "hostname", "host")

LEVELS_BY_TEN = ("trace", "debug", "info", "warning", "error", "critical")
"""What a number of Python's logging means, by its tens."""

MILLISECONDS_FROM = 1e11
"""A larger number is no Unix seconds, but milliseconds, as JavaScript has them."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Record(NamedTuple):
    """The parts of a log record as texts, "" for what it does not say."""

    time: str
    level: str
    logger: str
    message: str
    source: str


def key_of(fields: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """Under which of these names the fields say something; None: under none."""
    return next((name for name in names if fields.get(name) is not None), None)


def first_of(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The first of these fields that says something; None."""
    key = key_of(fields, names)
    return None if key is None else fields[key]


def record(data: object) -> Record:
    """The record that a publication's data is; of anything else the JSON is the message."""
    if not isinstance(data, dict):
        return Record("", "", "", data if isinstance(data, str) else compact(data), "")
    message = first_of(data, MESSAGE_NAMES)
    level = first_of(data, LEVEL_NAMES)
    if isinstance(level, int) and not isinstance(level, bool):
        level = LEVELS_BY_TEN[max(0, min(level // 10, 5))]
    return Record(
        time=_iso(first_of(data, TIME_NAMES)),
        level=_text(level),
        logger=_text(first_of(data, LOGGER_NAMES)),
        message=compact(data) if message is None else _text(message),
        source=_text(first_of(data, SOURCE_NAMES)),
    )


def compact(data: object) -> str:
    """JSON without spaces."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def iso(seconds: float) -> str:
    """Unix seconds as ISO 8601 with milliseconds, in UTC. Raises ValueError, OverflowError or OSError."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def harmless(text: str) -> str:
    r"""One line of text: what steers a terminal, or turns its writing around, stands there as `\x1b`."""
    return _CONTROL.sub(lambda found: _escape(found[0]), text)


def values(data: object) -> Iterator[str]:
    """The texts and whole numbers within, in order, without keys: what a search for words looks at."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, int) and not isinstance(data, bool):
        yield str(data)
    elif isinstance(data, dict | list):
        for each in data.values() if isinstance(data, dict) else data:
            yield from values(each)


def _escape(character: str) -> str:
    named = {"\n": r"\n", "\r": r"\r", "\t": "\t"}
    code = ord(character)
    return named.get(character) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else compact(value)


def _iso(value: object) -> str:
    """A time as it is written, or of a number what it means."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return iso(value / 1000 if abs(value) > MILLISECONDS_FROM else value)
        except (ValueError, OverflowError, OSError):
            return compact(value)
    return _text(value)
