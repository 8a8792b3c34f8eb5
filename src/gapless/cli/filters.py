"""Which publications `gapless tail` shows, and how a template shows them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..client.reader import Arrived
from ..core.levels import LEVELS
from ..core.records import LEVEL_NAMES, TIME_NAMES, first_of
from .terminal import WrongUsage, safe

ORDER = ("trace", "debug", "info", "notice", "success", "warning", "error", "critical")

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_PLACE = re.compile(r"\{([\w.@-]+)\}")


@dataclass(frozen=True, slots=True)
class Filter:
    """All of these must hold; what is not given holds."""

    level: int = 0
    """The least place in `ORDER`."""
    patterns: tuple[re.Pattern[str], ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    since: datetime | None = None
    """Aware; a publication that tells no time of its own is not older than anything."""

    @property
    def active(self) -> bool:
        """Does it leave anything out?"""
        return self != Filter()

    def takes(self, arrived: Arrived) -> bool:
        """Is it to be shown?"""
        data = arrived.data
        fields = data if isinstance(data, dict) else {}
        return (
            (not self.level or _level(fields) >= self.level)
            and all(path_of(fields, name) == value for name, value in self.where)
            and (self.since is None or not _is_older(fields, self.since))
            and (not self.patterns or _holds(data, self.patterns))
        )


def filter_from(
    level: str | None, grep: Sequence[str], where: Sequence[str], since: datetime | None
) -> Filter:
    """What the options say. Raises WrongUsage."""
    least = 0
    if level is not None:
        named = LEVELS.get(level.lower())
        if named is None:
            raise WrongUsage(f"--level is one of {', '.join(ORDER)}, not {level!r}")
        least = ORDER.index(named)
    try:
        patterns = tuple(re.compile(pattern) for pattern in grep)
    except re.error as error:
        raise WrongUsage(f"--grep is a regular expression: {error}") from None
    pairs = []
    for one in where:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise WrongUsage(f"--where is FIELD=VALUE, not {one!r}")
        pairs.append((name, value))
    return Filter(least, patterns, tuple(pairs), since)


def duration(text: str) -> timedelta | None:
    """`90s`, `10m`, `1h30m`, `7d`; None when it is no duration."""
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def filled(template: str, arrived: Arrived) -> str:
    """A template with `{channel}`, `{offset}`, `{data}` and `{any.field}` filled in, or left empty."""
    fields = arrived.data if isinstance(arrived.data, dict) else {}
    own = {"channel": arrived.channel, "offset": str(arrived.offset), "epoch": arrived.epoch}

    def value(place: re.Match[str]) -> str:
        name = place[1]
        if name == "data":
            return _text(arrived.data)
        found = path_of(fields, name)
        return found if found is not None else own.get(name, "")

    return safe(_PLACE.sub(value, template))


def path_of(fields: Mapping[str, Any], path: str) -> str | None:
    """What a field holds, as text: `level`, or `fields.user.id` of objects in objects."""
    if path in fields:
        return _text(fields[path])
    found: Any = fields
    for name in path.split("."):
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return _text(found)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _level(fields: Mapping[str, Any]) -> int:
    value = first_of(fields, LEVEL_NAMES)
    if isinstance(value, int) and not isinstance(value, bool):
        value = ("trace", "debug", "info", "warning", "error", "critical")[max(0, min(value // 10, 5))]
    named = LEVELS.get(value.lower()) if isinstance(value, str) else None
    return -1 if named is None else ORDER.index(named)


def _is_older(fields: Mapping[str, Any], since: datetime) -> bool:
    value = first_of(fields, TIME_NAMES)
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value)
            return (time if time.tzinfo is not None else time.replace(tzinfo=since.tzinfo)) < since
        if isinstance(value, int | float) and not isinstance(value, bool):
            return (value / 1000 if abs(value) > 1e11 else value) < since.timestamp()
    except (ValueError, OverflowError):
        pass
    return False


def _holds(data: object, patterns: Sequence[re.Pattern[str]]) -> bool:
    text = _text(data)
    return all(pattern.search(text) for pattern in patterns)
