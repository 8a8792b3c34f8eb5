"""JSON from strangers: strictly RFC 8259 in UTF-8, bounded, and passed on byte for byte.

`orjson` refuses what the grammar and UTF-8 refuse (NaN, BOM, lone surrogates, numbers that
overflow); the standard library's scanner then finds what it lets through (duplicate keys, long
integers) and where each value begins and ends. What a program wrote without blanks, as browsers do,
needs no second look: `orjson` would write it the same, so nothing was lost by reading it.
Everything raises `Malformed` and nothing else.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import orjson

_PLAIN = json.JSONDecoder()
_UNREAD = json.JSONDecoder(parse_int=str)  # numbers of any length, for whoever only wants their source
_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_HALF = "half of a surrogate pair (an emoji cut in two)"
_TWICE = "a key that stands twice in one object"
_BRACKETS = bytes.maketrans(b"[{}]", b"(())")
_DIGITS = 20  # of the largest integers that `orjson` reads as such
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{}]"))


class Malformed(ValueError):
    """Not strict JSON, or beyond a bound. The text is a short reason that repeats nothing of the input."""


class Raw(Protocol):
    """One value inside a checked text: parsed, and as the bytes it was written in."""

    value: object

    @property
    def raw(self) -> bytes:
        """The source of this value, without raw newlines."""
        ...

    def fields(self) -> Mapping[str, Raw]:
        """The members of this value. Raises Malformed: it is no object, or a key stands twice in it."""
        ...

    def items(self) -> Sequence[Raw]:
        """The elements of this value. Raises Malformed when it is not an array."""
        ...


class Compact:
    """A `Raw` of a text that `orjson` would write the same: its source is written when it is asked for."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    @property
    def raw(self) -> bytes:
        return orjson.dumps(self.value)

    def fields(self) -> dict[str, Compact]:
        if type(self.value) is not dict:
            raise Malformed("not an object")
        return {name: Compact(member) for name, member in self.value.items()}

    def items(self) -> list[Compact]:
        if type(self.value) is not list:
            raise Malformed("not an array")
        return [Compact(element) for element in self.value]


class Slice:
    """A `Raw` of any text, from `start` to `end`."""

    __slots__ = ("_end", "_start", "_text", "value")

    def __init__(self, value: object, text: str, start: int, end: int) -> None:
        self.value = value
        self._text = text
        self._start = start
        self._end = end

    @property
    def raw(self) -> bytes:
        return one_line(self._text[self._start : self._end].encode())

    def fields(self) -> dict[str, Slice]:
        pairs = _members(self._text, self._start, _PLAIN)
        if len(dict(pairs)) != len(pairs):
            raise Malformed(_TWICE)
        return dict(pairs)

    def items(self) -> list[Slice]:
        return _items(self._text, self._start)

    def replaced(self, by: str) -> str:
        """The whole text, with `by` in the place of this value."""
        return self._text[: self._start] + by + self._text[self._end :]


def parse(raw: bytes | str, *, depth: int = 64, members: int = 1000, digits: int = 20) -> object:
    """The value of one JSON document.

    `depth` bounds nesting, `members` the members of one object, `digits` the digits of one
    whole number. Integers stay exact, whatever their size.

    Raises:
        Malformed: it is not that, or not strict: see the module.
    """
    text, value = _checked(raw, depth)
    if _is_compact(text, value, members, digits):
        return value
    return _scan(text, 0, _decoder(members, digits))[0]


def fields(
    raw: bytes | str,
    *,
    depth: int = 64,
    members: int = 1000,
    digits: int = 20,
    payloads: Collection[str] = (),
) -> Mapping[str, Raw]:
    """The members of one JSON object, each parsed and with its source. Otherwise like `parse`.

    Within those that `payloads` names a key may stand twice, as in `payload`.
    """
    text, value = _checked(raw, depth)
    if _is_compact(text, value, members, digits):
        return Compact(value).fields()
    decoder, loose = _decoder(members, digits), _decoder(members, digits, twice=True)
    found: dict[str, Slice] = decoder.object_pairs_hook(_members(text, 0, decoder, loose, payloads))
    return found


def loose_fields(text: str) -> dict[str, Slice]:
    """The members of what `fields` refused, if they can be told apart: to find out where the fault lies.

    Good for nothing else. Raises Malformed when they cannot.
    """
    try:
        return dict(_members(text, 0, _PLAIN))
    except (ValueError, IndexError, RecursionError):
        raise Malformed("not valid JSON") from None


def payload(raw: bytes | str, *, depth: int = 64, members: int = 1000, digits: int = 20) -> bytes:
    """One JSON document as it may be embedded: checked like `parse`, unchanged but for raw newlines.

    A key may stand twice in an object: what an application means by that is its own.
    """
    text, value = _checked(raw, depth)
    if not _is_compact(text, value, members, digits):
        _scan(text, 0, _decoder(members, digits, twice=True))
    return one_line(raw.encode() if isinstance(raw, str) else bytes(raw)).strip()


class TooMany(ValueError):
    """More than may be; the rest was not read."""


def elements(raw: bytes, *, depth: int = 64, most: int = sys.maxsize) -> list[bytes]:
    """The elements of a JSON array as they were written, one line each; of anything else itself.

    Raises:
        Malformed: not JSON, or nested deeper than `depth`, the array not counted.
        TooMany: an array of more than `most` elements.
    """
    text, _ = _checked(raw, depth + 1)
    if text[_skip(text, 0)] == "[":
        return [element.raw for element in _items(text, 0, _UNREAD, most)]
    if is_deeper(text, depth):
        raise Malformed(f"nested deeper than {depth}")
    return [one_line(raw).strip()]


def one_line(raw: bytes) -> bytes:
    """A JSON document without its raw newlines, which can only be whitespace."""
    return raw.translate(None, b"\n\r") if b"\n" in raw or b"\r" in raw else raw


def _checked(raw: bytes | str, depth: int) -> tuple[str, object]:
    """The text, and what `orjson` reads in it: of keys that stand twice the last, long integers as floats."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        fault = _HALF if "surrogate" in error.msg else "not valid JSON"
        raise Malformed(f"{fault} at character {error.pos}") from None
    text = raw if isinstance(raw, str) else raw.decode()
    if is_deeper(text, depth):
        raise Malformed(f"nested deeper than {depth}")
    return text, value


def _is_compact(text: str, value: object, members: int, digits: int) -> bool:
    """Would `orjson` write this value so? Then reading it lost nothing; and nothing in it is too large."""
    if digits < _DIGITS or text.count('":') > members:  # each member has one, and some strings
        return False
    try:
        return orjson.dumps(value).decode() == text
    except orjson.JSONEncodeError:  # it reads deeper than it writes
        return False


def is_deeper(text: str, depth: int) -> bool:
    """Is this valid JSON nested deeper than `depth`?"""
    # Nesting needs two brackets for each level.
    if len(text) <= 2 * depth or text.count("[") + text.count("{") <= depth:
        return False
    pairs = _STRING.sub("", text).encode().translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(depth):
        # One pass takes the innermost pairs away, and with them exactly one level.
        pairs = pairs.replace(b"()", b"")
        if not pairs:
            return False
    return True


@lru_cache(maxsize=16)
def _decoder(members: int, digits: int, *, twice: bool = False) -> json.JSONDecoder:
    """`twice` lets a key stand twice in one object."""

    def whole_number(text: str) -> int:
        if len(text) > digits and len(text.lstrip("-")) > digits:
            raise Malformed(f"a number of more than {digits} digits")
        return int(text)

    def json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(pairs) > members:
            raise Malformed(f"an object of more than {members} members")
        found = dict(pairs)
        if len(found) != len(pairs) and not twice:
            raise Malformed(_TWICE)
        return found

    return json.JSONDecoder(object_pairs_hook=json_object, parse_int=whole_number)


def _scan(text: str, at: int, decoder: json.JSONDecoder) -> tuple[object, int]:
    """The value that begins at or after `at`, and where it ends."""
    try:
        return decoder.raw_decode(text, _skip(text, at))
    except RecursionError:  # a `depth` beyond what the interpreter allows
        raise Malformed("nested too deep") from None


def _members(
    text: str,
    at: int,
    decoder: json.JSONDecoder,
    loose: json.JSONDecoder = _PLAIN,
    payloads: Collection[str] = (),
) -> list[tuple[str, Slice]]:
    """The members of the object that begins at or after `at`; those that are payloads are read by `loose`.

    In a text that is not known to be valid JSON, also ValueError, IndexError or RecursionError.
    """
    at = _skip(text, at)
    if text[at] != "{":
        raise Malformed("not an object")
    found: list[tuple[str, Slice]] = []
    at = _skip(text, at + 1)
    while text[at] != "}":
        if text[at] != '"':
            raise Malformed("a key that is no string")
        key, at = _PLAIN.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)  # over the colon
        value, end = _scan(text, start, loose if key in payloads else decoder)
        found.append((key, Slice(value, text, start, end)))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _items(text: str, at: int, decoder: json.JSONDecoder = _PLAIN, most: int = sys.maxsize) -> list[Slice]:
    """The elements of the array that begins at or after `at`, in a text that is known to be valid."""
    at = _skip(text, at)
    if text[at] != "[":
        raise Malformed("not an array")
    found: list[Slice] = []
    at = _skip(text, at + 1)
    while text[at] != "]":
        if len(found) >= most:
            raise TooMany(f"an array of more than {most} elements")
        value, end = _scan(text, at, decoder)
        found.append(Slice(value, text, at, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    """The place of the next character that is not whitespace."""
    if text[at] > " ":
        return at
    match = _SPACE.match(text, at)
    return at if match is None else match.end()
