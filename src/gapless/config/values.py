"""What the sections of a configuration are made of: tables that know their options, durations, lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import ErrorDetails

from .formats import Keys, closest

Problem = tuple[Keys, str]
"""The option that something is wrong with, by the keys that lead to it, and what."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECRET = re.compile(r"secret|token|key|header", re.IGNORECASE)


class Section(BaseModel):
    """A table of the file. `elsewhere` answers for options that others have and this one does not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    elsewhere: ClassVar[Mapping[str, str]] = {}


def seconds(value: object) -> object:
    """`"60s"`, `"1h30m"`, `"500ms"` as a number of seconds; a number is one already.

    Raises:
        ValueError: a text that is neither.
    """
    if not isinstance(value, str):
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    text = value.strip()
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return float(sum(float(number) * _UNITS[unit] for number, unit in parts))
    try:
        return float(text)
    except ValueError:
        raise ValueError('a duration is a number of seconds, or as in "60s", "1h30m", "500ms"') from None


def _words(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Seconds = Annotated[float, BeforeValidator(seconds), Field(ge=0.0, allow_inf_nan=False)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


def described(section: type[Section], path: Keys, error: ErrorDetails) -> Problem:
    """What pydantic found wrong in the section at `path`, as a problem."""
    keys = tuple(str(part) for part in error["loc"])
    at = path + keys
    if error["type"] == "extra_forbidden":
        name, inner = keys[-1], _section_at(section, keys[:-1])
        known = inner.model_fields if inner is not None else ()
        hint = inner.elsewhere.get(name, "") if inner is not None else ""
        return at, f"there is no option {name!r} here" + (f": {hint}" if hint else closest(name, known))
    if error["type"] == "missing":
        return at, f"{keys[-1]} is missing"
    if error["type"] in ("model_type", "model_attributes_type"):
        return at, f"[{'.'.join(at)}] is a table of options{_shown(at, error['input'])}"
    said = error["ctx"]["error"] if error["type"] == "value_error" else error["msg"]
    message = str(said)[:1].lower() + str(said)[1:]
    return at, f"{'.'.join(keys) or '.'.join(path)}: {message}{_shown(at, error['input'])}"


def _shown(at: Keys, value: Any) -> str:
    """`, not …` with the value, unless it may be a secret or is too long for a line."""
    text = repr(value)
    may_show = not any(map(_SECRET.search, at[-2:])) or isinstance(value, bool)
    return f", not {text}" if may_show and len(text) <= 60 and not isinstance(value, dict) else ""


def _section_at(section: type[Section], keys: Iterable[str]) -> type[Section] | None:
    """The section that these keys lead to, through tables, optional tables and lists of tables."""
    found: type[Section] | None = section
    for key in keys:
        if key.isdigit() or found is None:
            continue
        option = found.model_fields.get(key)
        inner = list(_sections(option.annotation)) if option is not None else []
        found = inner[0] if inner else None
    return found


def _sections(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _sections(argument)
