"""A publication as one line for people: time, level, message. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from ..client.reader import Arrived
from ..core.levels import LEVELS
from ..core.records import (
    LEVEL_NAMES,
    LEVELS_BY_TEN,
    LOGGER_NAMES,
    MESSAGE_NAMES,
    MILLISECONDS_FROM,
    TIME_NAMES,
    compact,
    first_of,
    key_of,
)
from .terminal import Paint, safe

MESSAGE_CHARACTERS = 10_000
"""A longer message is cut, and says how much is missing."""

_STYLES = {
    "trace": ("TRACE", "dim"),
    "debug": ("DEBUG", "dim"),
    "info": ("INFO", "blue"),
    "notice": ("NOTE", "cyan"),
    "success": ("OK", "green"),
    "warning": ("WARN", "yellow"),
    "error": ("ERROR", "red"),
    "critical": ("CRIT", "bold white on red"),
}
_COLOURS = re.compile(r"(\x1b\[[0-9;]{0,32}m)")
_BLANK_TIME = " " * 12


def pretty(
    arrived: Arrived,
    paint: Paint,
    *,
    now: datetime,
    show_channel: bool = False,
    cut: int = MESSAGE_CHARACTERS,
    ansi: bool = False,
) -> list[str]:
    """The lines for one publication: one, and those of a traceback where it has one.

    The time is the data's own; a live publication without one gets `now` (an aware datetime, whose
    zone is also the one that is shown), an old one none. With `ansi` the colours of a message are
    its own, and every other control character is still shown.
    """
    data = arrived.data
    fields = data if isinstance(data, dict) else {}
    time = _time(first_of(fields, TIME_NAMES), now) or (_clock(now, now) if arrived.live else _BLANK_TIME)
    label, style = _level(first_of(fields, LEVEL_NAMES))
    parts = [paint(time, "dim")]
    if show_channel:
        parts.append(paint(safe(arrived.channel), "magenta"))
    parts.append(paint(f"{label:5}", style) if style else f"{label:5}")
    parts.append(_message(data, fields, paint, cut, coloured if ansi else safe))
    return [" ".join(parts), *(f"    {paint(line, 'dim')}" for line in _exception(fields))]


def coloured(text: str) -> str:
    """Text whose colours stay, reset at its end; every other control character is shown."""
    if "\x1b" not in text:
        return safe(text)
    parts = _COLOURS.split(text)
    return "".join(part if at % 2 else safe(part) for at, part in enumerate(parts)) + "\x1b[0m"


def _message(
    data: object, fields: Mapping[str, Any], paint: Paint, cut: int, shown: Callable[[str], str]
) -> str:
    if not fields:
        return _cut(safe(data if isinstance(data, str) else compact(data)), cut)
    used = {key_of(fields, names) for names in (MESSAGE_NAMES, TIME_NAMES, LEVEL_NAMES, LOGGER_NAMES)}
    used.add("exception")
    message, logger = first_of(fields, MESSAGE_NAMES), first_of(fields, LOGGER_NAMES)
    rest = {name: value for name, value in fields.items() if name not in used}
    parts = [paint(safe(_text(logger)), "cyan")] if logger is not None else []
    if message is not None:
        parts.append(shown(_cut(_text(message), cut)))
    if rest:
        said = " ".join(f"{name}={_text(value)}" for name, value in rest.items())
        parts.append(paint(_cut(safe(said), cut), "dim"))
    return " ".join(parts)


def _exception(fields: Mapping[str, Any]) -> list[str]:
    exception = fields.get("exception")
    text = exception.get("text") if isinstance(exception, dict) else exception
    return [safe(line) for line in text.split("\n")] if isinstance(text, str) and text else []


def _level(value: object) -> tuple[str, str]:
    """Its label and style. Numbers are those of Python's logging."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = LEVELS_BY_TEN[max(0, min(value // 10, 5))]
    if not isinstance(value, str):
        return "", ""
    known = LEVELS.get(value.lower())
    return _STYLES[known] if known is not None else (safe(value[:5]).upper(), "")


def _time(value: object, now: datetime) -> str:
    """A time as the clock says it in `now`'s zone; empty where it cannot be read."""
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value)
            return _clock(time if time.tzinfo is not None else time.replace(tzinfo=now.tzinfo), now)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) > MILLISECONDS_FROM else value
            return _clock(datetime.fromtimestamp(seconds, UTC), now)
    except (ValueError, OverflowError, OSError):
        pass
    return ""


def _clock(time: datetime, now: datetime) -> str:
    zone: tzinfo | None = now.tzinfo
    local = time.astimezone(zone)
    clock = f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
    return clock if local.date() == now.date() else f"{local:%Y-%m-%d} {clock}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else compact(value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most} more characters)"
