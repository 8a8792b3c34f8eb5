"""A log record as it travels: `{"time","level","logger","message","source","fields","exception"}`.

Pure: no clock, no I/O. `SCHEMA` is JSON Schema; `docs/reference/log-records.md` explains it.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType
from typing import Any

import orjson

from ..protocol.encode import trimmed

FIELD_CHARACTERS = 1000
"""Of a value that JSON cannot carry, its `repr` is."""
TEXT_CHARACTERS = 64 * 1024
"""Of a message, or of the text of a traceback; longer: cut, and marked."""
FRAMES = 50
"""Of a traceback, the innermost."""
REDACTED = ("password", "passwd", "secret", "token", "authorization", "api_key", "apikey", "cookie")
"""Fields whose names hold one of these do not travel."""

LEVELS = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"), (10, "debug"), (0, "trace"))

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Log record",
    "type": "object",
    "required": ["time", "level", "logger", "message", "source"],
    "properties": {
        "time": {"type": "string", "format": "date-time"},
        "level": {"type": "string"},
        "logger": {"type": "string"},
        "message": {"type": "string"},
        "source": {"type": "string"},
        "fields": {"type": "object"},
        "exception": {
            "type": "object",
            "required": ["type", "message", "text", "frames"],
            "properties": {
                "type": {"type": "string"},
                "message": {"type": "string"},
                "text": {"type": "string"},
                "frames": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["file", "line", "function"],
                        "properties": {
                            "file": {"type": "string"},
                            "line": {"type": "integer"},
                            "function": {"type": "string"},
                            "code": {"type": "string"},
                        },
                    },
                },
            },
        },
        "truncated": {"const": True},
    },
}

Exc = tuple[type[BaseException], BaseException, TracebackType | None]


def iso(seconds: float) -> str:
    """Unix seconds as ISO 8601 in UTC, to the microsecond."""
    whole = int(seconds // 1)
    fraction = round((seconds - whole) * 1e6)
    if fraction == 1_000_000:
        whole, fraction = whole + 1, 0
    return f"{_second(whole)}.{fraction:06d}+00:00"


@lru_cache(maxsize=4)  # who logs a lot does so many times in the same second
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).isoformat()[: len("2026-11-29T09:00:00")]


def level_of(number: float) -> str:
    """The name of a level of Python's `logging`, or of the one below it."""
    return next(name for least, name in LEVELS if number >= least or not least)


def record(
    time: str,
    level: str,
    logger: str,
    message: str,
    source: str,
    fields: Mapping[str, Any] | None = None,
    exception: dict[str, Any] | None = None,
) -> bytes:
    """The record as JSON. Whatever the fields hold, this does not raise."""
    row: dict[str, Any] = {
        "time": time,
        "level": level,
        "logger": logger,
        "message": message,
        "source": source,
    }
    if len(message) > TEXT_CHARACTERS:
        row |= {"message": message[:TEXT_CHARACTERS], "truncated": True}
    if fields:
        row["fields"] = redacted(fields)
    if exception is not None:
        row["exception"] = exception
    return dumps(row)


def dumps(row: dict[str, Any]) -> bytes:
    """JSON of a row; what JSON cannot carry is its `repr`, cut, and fields that are too much are left out."""
    try:
        body = trimmed(orjson.dumps(row, default=_shown, option=orjson.OPT_NON_STR_KEYS))
    except Exception:  # whatever a `repr` of somebody's raises, or half a character, or a circle
        body = trimmed(orjson.dumps({name: _safe(value) for name, value in row.items()}))
    if len(body) > 4 * TEXT_CHARACTERS and "fields" in row:
        rest = {name: value for name, value in row.items() if name != "fields"}
        return dumps({**rest, "truncated": True})
    return body


def redacted(fields: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The fields, without what nobody should read."""
    secret = _secret(tuple(fields))
    return {**fields, **secret} if secret else fields


@lru_cache(maxsize=1_000)  # programs log the same fields again and again
def _secret(names: tuple[object, ...]) -> dict[object, str]:
    """Those of the names that say that nobody should read it, and what is read instead."""
    return {name: "[redacted]" for name in names if any(part in str(name).lower() for part in REDACTED)}


def exception_of(exc: Exc) -> dict[str, Any]:
    """An exception: its type and message, the traceback as text, and its innermost frames."""
    kind, error, trace = exc
    text = "".join(traceback.format_exception(kind, error, trace)).rstrip("\n")
    try:
        message = str(error)
    except Exception:  # an exception whose own text fails is one all the same
        message = ""
    frames = [
        {"file": frame.filename, "line": frame.lineno or 0, "function": frame.name, "code": frame.line or ""}
        for frame in traceback.extract_tb(trace)[-FRAMES:]
    ]
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return {
        "type": name,
        "message": message[:TEXT_CHARACTERS],
        "text": text[-TEXT_CHARACTERS:],
        "frames": frames,
    }


def _shown(value: object) -> str:
    return repr(value)[:FIELD_CHARACTERS]


def _safe(value: object) -> object:
    """A value of which every part can travel."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {str(_safe(str(name))): _whole(part) for name, part in value.items()}
    return _whole(value)


def _whole(value: object) -> object:
    try:
        return orjson.loads(orjson.dumps(value, default=_shown, option=orjson.OPT_NON_STR_KEYS))
    except Exception:
        return _described(value)


def _described(value: object) -> str:
    try:
        return repr(value)[:FIELD_CHARACTERS].encode(errors="replace").decode()
    except Exception:
        return f"<{type(value).__name__} without a repr>"


_LEVELS = ("trace", "debug", "info", "warning", "error", "critical")


def level_of_severity(number: int, text: str | None = None) -> str:
    """Four numbers make a level (OpenTelemetry's log data model); without one, what the text says."""
    if 1 <= number <= 24:
        return _LEVELS[(number - 1) // 4]
    return (text or "info").lower()
