"""JSON that may be long, read in a thread: beside it the event loop has its turns.

Neither `orjson` nor the standard library's scanner of arrays leaves the interpreter to another thread
before it is done. What is here calls functions in Python in between, and is several times as slow.
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from json import decoder as slowly
from json import scanner
from typing import Any

import orjson

from .strict import Malformed, TooMany, items_at, skip


def elements(raw: bytes, *, most: int = sys.maxsize) -> list[bytes]:
    """The elements of a JSON array as they were written, one line each; none is checked by itself.

    It may be long: the interpreter is left to other threads now and then.

    Raises:
        Malformed: not an array, or its elements cannot be told apart.
        TooMany: an array of more than `most` elements.
    """
    text = _decoded(raw)
    try:
        at = skip(text, 0)
        found, at = items_at(text, at, _patient(dense=_is_dense(text), values=False), most)
        if text[at:].strip(" \t\n\r"):
            raise Malformed("not valid JSON: something stands behind the array")
    except TooMany:
        raise
    except (ValueError, IndexError, RecursionError) as error:
        raise error if isinstance(error, Malformed) else Malformed("not valid JSON") from None
    return [element.raw for element in found]


def parse(raw: bytes) -> object:
    """The value of a JSON document of any length, as orjson has it but for half surrogate pairs.

    The interpreter is left to other threads now and then, which orjson and the standard library's
    scanner of arrays do not. Raises Malformed.
    """
    text = _decoded(raw)
    try:
        at = skip(text, 0)
        value, at = _patient(dense=_is_dense(text), values=True).raw_decode(text, at)
    except (ValueError, IndexError, RecursionError):
        raise Malformed("not valid JSON") from None
    if text[at:].strip(" \t\n\r"):
        raise Malformed("not valid JSON: something stands behind it")
    return value


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Malformed("not valid UTF-8") from None


DENSE = 131_072
"""Arrays, without as many objects among them, that the standard library's scanner may read without a pause:
at most 30 ms."""


def _is_dense(text: str) -> bool:
    return text.count("[") > DENSE + text.count("{")


@lru_cache(maxsize=4)
def _patient(*, dense: bool, values: bool) -> json.JSONDecoder:
    """A decoder that calls functions in Python, between which other threads have their turns.

    `dense` is for what would keep them waiting all the same, and takes ten times as long. Without
    `values` only the structure is read.
    """

    def number(text: str) -> object:
        return orjson.loads(text) if values else None

    def json_object(pairs: list[tuple[str, Any]]) -> object:
        return dict(pairs) if values else None

    def constant(_: str) -> object:
        raise Malformed("not valid JSON")

    found = json.JSONDecoder(
        object_pairs_hook=json_object, parse_int=number, parse_float=number, parse_constant=constant
    )
    if dense:
        # The scanner in Python, which the standard library has for where that in C is missing.
        found.parse_array = slowly.JSONArray  # type: ignore[attr-defined]
        found.parse_object = slowly.JSONObject  # type: ignore[attr-defined]
        found.scan_once = scanner.py_make_scanner(found)  # type: ignore[attr-defined]
    return found
