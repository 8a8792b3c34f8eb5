"""Values of the application, as the JSON that is published.

What JSON has is written at once, by `orjson`, as are times, dates, UUIDs, enums, dataclasses and the
numbers and arrays of numpy. Everything else is looked at only then:

    Pydantic's models         as `model_dump(mode="json")`
    msgspec.Struct            as `msgspec.to_builtins`
    attrs                     an object of its attributes
    Decimal, pathlib's paths  a string
    set, frozenset            a list, sorted where that can be
    tuples with names         a list
    other mappings            an object
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from math import isfinite
from pathlib import PurePath
from typing import Any
from uuid import UUID

import orjson

Default = Callable[[Any], Any]
"""Gives something that JSON has for something that it does not have. Raises TypeError for the rest."""

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY

_DEPTH = 254
"""So many objects and arrays within each other are as many as `orjson` writes."""

_REMEDY = "convert it, or give Hub(default=…) a function that does"

_LEAVES = (str, int, type(None), date, time, UUID)
"""Of these none holds a float."""

_HARMLESS = frozenset(_LEAVES) | {bool, datetime}

_UNKNOWN = object()


def encode(data: Any, default: Default | None = None) -> bytes:
    """`data` as JSON bytes without raw newlines; `default` is asked for what is not in the list above.

    Raises:
        TypeError: JSON cannot hold it. The message says what is in the way, and where in `data`.
    """
    try:
        # As `trimmed`, without a call: it is kept, in history for long.
        payload = b"%b" % orjson.dumps(data, _known if default is None else _asking(default), _OPTIONS)
    except (TypeError, ValueError, RecursionError) as error:
        raise _refusal(_found(data, default) or str(error)) from None
    # orjson writes null for NaN and the infinities.
    if payload.find(b"null") >= 0 and _holds_no_number(data, default):
        raise _refusal(_fault(data, default) or "a number is none")
    return payload


def trimmed(made: bytes) -> bytes:
    """The same bytes in as much memory as they need, for whoever keeps them.

    What orjson gives holds on to what it wrote into: 4 KiB at least, 128 KiB for a text of 16.
    """
    return b"%b" % made


def _refusal(fault: str) -> TypeError:
    return TypeError(f"data cannot be published as JSON: {fault}")


# -- what JSON does not have


def _asking(default: Default) -> Default:
    def convert(value: Any) -> Any:
        found = _converted(value)
        return default(value) if found is _UNKNOWN else found

    return convert


def _known(value: Any) -> Any:
    found = _converted(value)
    if found is _UNKNOWN:
        raise TypeError
    return found


def _converted(value: Any) -> Any:
    kind = type(value)
    if hasattr(kind, "__pydantic_serializer__") and hasattr(kind, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(kind, "__struct_fields__"):
        return sys.modules["msgspec"].to_builtins(value)
    if hasattr(kind, "__attrs_attrs__"):
        return {each.name: getattr(value, each.name) for each in kind.__attrs_attrs__}
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else float(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return _sorted(value)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, float):
        return float(value)
    return _converted_numpy(value)


def _converted_numpy(value: Any) -> Any:
    """What orjson does not take as it is: arrays of other kinds, or not in one piece."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, (numpy.ndarray, numpy.generic)):
        return _UNKNOWN
    plain = value.tolist()
    return _UNKNOWN if plain is value else plain


def _sorted(values: set[Any] | frozenset[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return list(values)


# -- what is in the way


def _holds_no_number(data: Any, default: Default | None) -> bool:
    """Is there a float in it that is no number? Quickly, for most have none."""
    waiting = [data]
    for value in waiting:
        kind = type(value)
        if kind in _HARMLESS:
            continue
        if kind is dict:
            waiting.extend(value.values())
        elif kind is list or kind is tuple:
            waiting.extend(value)
        elif isinstance(value, float):
            if not isfinite(value):
                return True
        elif (parts := _parts(value, "")) is not None:
            waiting.extend(part for _, part in parts)
        elif isinstance(value, Enum):
            waiting.append(value.value)
        elif not isinstance(value, _LEAVES):
            opened = _opened(value, default)
            if opened is not _UNKNOWN:
                waiting.append(opened)
    return False


def _opened(value: Any, default: Default | None) -> Any:
    """What is written in its place; nothing known: it is written as it is, or cannot be."""
    converted = _converted(value)
    if converted is not _UNKNOWN or default is None or _is_written(value):
        return converted
    return default(value)


def _is_written(value: Any) -> bool:
    try:
        orjson.dumps(value, None, _OPTIONS)
    except (TypeError, ValueError):
        return False
    return True


def _found(data: Any, default: Default | None) -> str | None:
    try:
        return _fault(data, default)
    except RecursionError:  # whoever called us has used up most of what the interpreter allows
        return f"data is nested deeper than {_DEPTH}, or contains itself"


def _fault(value: Any, default: Default | None, place: str = "data", depth: int = 0) -> str | None:
    """The first thing in a value that JSON cannot hold, where it is, and what helps; None: there is none."""
    if depth > _DEPTH:
        return f"{place[:80]}… is nested deeper than {_DEPTH}, or contains itself"
    if isinstance(value, str):
        return (
            None if _is_text(value) else f"{place} holds half of a surrogate pair, as of an emoji cut in two"
        )
    if isinstance(value, float):
        return None if isfinite(value) else f"{place} is {value}, and JSON has no such number: publish None"
    if isinstance(value, Enum):
        return _fault(value.value, default, place, depth)
    if isinstance(value, int):
        fits = -(2**63) <= value < 2**64
        return None if fits else f"{place} is a number of more than 64 bits: publish it as a string"
    if isinstance(value, dict):
        for key in value:
            if not _is_key(key):
                return f"{place} has a key of the type {_name(key)}: {str(key)[:40]!a}"
    parts = _parts(value, place)
    if parts is not None:
        found = (_fault(part, default, where, depth + 1) for where, part in parts)
        return next((fault for fault in found if fault is not None), None)
    return _fault_of_other(value, default, place, depth)


def _fault_of_other(value: Any, default: Default | None, place: str, depth: int) -> str | None:
    try:
        opened = _opened(value, default)
    except TypeError as error:
        return f"{place} is of the type {_name(value)}, and default says: {error}"
    if opened is not _UNKNOWN:
        return _fault(opened, default, place, depth + 1)
    return None if _is_written(value) else f"{place} is of the type {_name(value)}: {_REMEDY}"


def _parts(value: Any, place: str) -> Iterator[tuple[str, Any]] | None:
    """What is in it, and where; None: it is in one piece, as far as is known here."""
    if isinstance(value, dict):
        return ((place + _step(key), part) for key, part in value.items())
    if isinstance(value, list) or type(value) is tuple:
        return ((f"{place}[{at}]", part) for at, part in enumerate(value))
    if is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in fields(value) if not field.name.startswith("_"))
        return ((f"{place}.{name}", getattr(value, name)) for name in names)
    return None


def _step(key: Any) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{str(key)[:40]!a}]"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_key(key: Any) -> bool:
    return isfinite(key) if isinstance(key, float) else _is_written({key: None})


def _name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
