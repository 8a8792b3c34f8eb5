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
from typing import Any, NamedTuple, Protocol

import orjson

from ..options import Limits
from .encode import trimmed

_PLAIN = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_HALF = "half of a surrogate pair (an emoji cut in two)"
_TWICE = "a key that stands twice in one object"
_BRACKETS = bytes.maketrans(b"[{}]", b"(())")
_DIGITS = 20  # of the largest integers that `orjson` reads as such
_REWRITTEN = 65_536  # characters; what is longer is not written only to look at it
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{}]"))


class Malformed(ValueError):
    """Not strict JSON, or beyond a bound. The text is a short reason that repeats nothing of the input."""


class TooMany(ValueError):
    """More than may be; the rest was not read."""


class Bounds(NamedTuple):
    """How much a text may hold: what it costs to read is many times its length."""

    depth: int = 64
    """Nesting."""
    members: int = 1000
    """Of one object."""
    digits: int = 20
    """Of one whole number."""
    containers: int = sys.maxsize
    """Objects and arrays in all."""

    @classmethod
    def of(cls, limits: Limits, containers: int = sys.maxsize, *, around: int = 0) -> Bounds:
        """Those of JSON from outside with `around` levels around it, which are none of its own.

        Fewer than none: it lies in a text so far in that these levels are counted already.
        """
        return cls(limits.json_depth + around, limits.json_members, limits.json_digits, containers)


USUAL = Bounds()
"""Of those who say nothing else."""


class Raw(Protocol):
    """One value inside a checked text: parsed, and as the bytes it was written in."""

    value: object

    @property
    def raw(self) -> bytes:
        """The source of this value, without raw newlines."""
        ...

    def fields(self) -> Mapping[str, Raw]:
        """The members of this value. Raises Malformed: it is no object, or a key stands twice in it.

        They are found once: who did that in a thread has them at hand on the loop.
        """
        ...

    def items(self) -> Sequence[Raw]:
        """The elements of this value, found once. Raises Malformed when it is not an array."""
        ...


class Compact:
    """A `Raw` of a short text that `orjson` would write the same; its source is written when asked for."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    @property
    def raw(self) -> bytes:
        return trimmed(orjson.dumps(self.value))

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

    __slots__ = ("_end", "_fields", "_items", "_start", "_text", "value")

    def __init__(self, value: object, text: str, start: int, end: int) -> None:
        self.value = value
        self._text = text
        self._start = start
        self._end = end
        self._fields: dict[str, Slice] | None = None
        self._items: list[Slice] | None = None

    @property
    def raw(self) -> bytes:
        return one_line(self._text[self._start : self._end].encode())

    def fields(self) -> dict[str, Slice]:
        if self._fields is None:
            pairs = _members(self._text, self._start, _PLAIN)
            found = dict(pairs)
            if len(found) != len(pairs):
                raise Malformed(_TWICE)
            self._fields = found
        return self._fields

    def items(self) -> list[Slice]:
        if self._items is None:
            self._items = items_at(self._text, self._start)[0]
        return self._items

    def replaced(self, by: str) -> str:
        """The whole text, with `by` in the place of this value."""
        return self._text[: self._start] + by + self._text[self._end :]


def parse(raw: bytes | str, bounds: Bounds = USUAL) -> object:
    """The value of one JSON document. Integers stay exact, whatever their size.

    Raises:
        Malformed: it is not that, or not strict: see the module.
    """
    text, value = _checked(raw, bounds)
    if _is_compact(text, value, bounds):
        return value
    return _scan(text, 0, _decoder(bounds, _has_long_numbers(text, bounds.digits), False))[0]


def fields(raw: bytes | str, bounds: Bounds = USUAL, *, payloads: Collection[str] = ()) -> Mapping[str, Raw]:
    """The members of one JSON object, each parsed and with its source. Otherwise like `parse`.

    Within those that `payloads` names a key may stand twice, as in `payload`.
    """
    text, value = _checked(raw, bounds)
    if _is_compact(text, value, bounds):
        return Compact(value).fields()
    exact = _has_long_numbers(text, bounds.digits)
    decoder, loose = _decoder(bounds, exact, False), _decoder(bounds, exact, True)
    # One more than there may be is enough to know.
    pairs = _members(text, 0, decoder, loose, payloads, most=bounds.members + 1)
    found: dict[str, Slice] = decoder.object_pairs_hook(pairs)
    return found


def loose_fields(text: str, bounds: Bounds = USUAL) -> dict[str, Slice]:
    """The members of what `fields` refused, if they can be told apart: to find out where the fault lies.

    Of more members than may be the first, and of a text with more objects and arrays only those before the
    first of these. Good for nothing else. Raises Malformed when they cannot be told apart.
    """
    try:
        shallow = holds_more(text, bounds.containers)
        return dict(_members(text, 0, _PLAIN, most=bounds.members, shallow=shallow))
    except (ValueError, IndexError, RecursionError):
        raise Malformed("not valid JSON") from None


def payload(raw: bytes | str, bounds: Bounds = USUAL) -> bytes:
    """One JSON document as it may be embedded: checked like `parse`, unchanged but for raw newlines.

    A key may stand twice in an object: what an application means by that is its own.
    """
    text, value = _checked(raw, bounds)
    if not _is_compact(text, value, bounds):
        _scan(text, 0, _decoder(bounds, _has_long_numbers(text, bounds.digits), True))
    return one_line(raw.encode() if isinstance(raw, str) else bytes(raw)).strip()


def one_line(raw: bytes) -> bytes:
    """A JSON document without its raw newlines, which can only be whitespace."""
    return raw.translate(None, b"\n\r") if b"\n" in raw or b"\r" in raw else raw


def _checked(raw: bytes | str, bounds: Bounds) -> tuple[str, object]:
    """The text, and what `orjson` reads in it: of keys that stand twice the last, long integers as floats."""
    if holds_more(raw, bounds.containers):
        raise Malformed(f"more than {bounds.containers} objects and arrays")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        fault = _HALF if "surrogate" in error.msg else "not valid JSON"
        raise Malformed(f"{fault} at character {error.pos}") from None
    text = raw if isinstance(raw, str) else raw.decode()
    if is_deeper(text, bounds.depth):
        raise Malformed(f"nested deeper than {bounds.depth}")
    return text, value


def _is_compact(text: str, value: object, bounds: Bounds) -> bool:
    """Would `orjson` write this value so? Then reading it lost nothing; and nothing in it is too large."""
    # Each member has a colon behind a quotation mark, and so have some strings.
    if len(text) > _REWRITTEN or bounds.digits < _DIGITS or text.count('":') > bounds.members:
        return False
    try:
        return orjson.dumps(value).decode() == text
    except orjson.JSONEncodeError:  # it reads deeper than it writes
        return False


def holds_more(raw: bytes | str, containers: int) -> bool:
    """Does this open more objects and arrays? Brackets within strings do not."""
    if len(raw) <= containers or _brackets(raw) <= containers:
        return False
    text = raw if isinstance(raw, str) else raw.decode(errors="replace")
    return _brackets(_STRING.sub("", text)) > containers


def _brackets(raw: bytes | str) -> int:
    return raw.count("[") + raw.count("{") if isinstance(raw, str) else raw.count(b"[") + raw.count(b"{")


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


SHORT = 1024
"""Characters that are read number by number, whatever is in them."""


@lru_cache(maxsize=16)
def _long_number(digits: int) -> re.Pattern[str]:
    return re.compile(f"[0-9]{{{digits + 1}}}")


def _has_long_numbers(text: str, digits: int) -> bool:
    """May a number of more digits be in it? Where none is, nobody has to look at each of many."""
    return len(text) <= SHORT or _long_number(digits).search(text) is not None


@lru_cache(maxsize=32)
def _decoder(bounds: Bounds, exact: bool, twice: bool) -> json.JSONDecoder:
    """`exact` looks at the digits of each number, `twice` lets a key stand twice in one object."""
    members, digits = bounds.members, bounds.digits

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

    return json.JSONDecoder(object_pairs_hook=json_object, parse_int=whole_number if exact else None)


def _scan(text: str, at: int, decoder: json.JSONDecoder) -> tuple[object, int]:
    """The value that begins at or after `at`, and where it ends."""
    try:
        return decoder.raw_decode(text, skip(text, at))
    except RecursionError:  # a `depth` beyond what the interpreter allows
        raise Malformed("nested too deep") from None


def _members(
    text: str,
    at: int,
    decoder: json.JSONDecoder,
    loose: json.JSONDecoder = _PLAIN,
    payloads: Collection[str] = (),
    *,
    most: int = sys.maxsize,
    shallow: bool = False,
) -> list[tuple[str, Slice]]:
    """The first `most` members of the object that begins at or after `at`; payloads are read by `loose`.

    `shallow` ends before the first that holds others. In a text that is not known to be valid JSON, also
    ValueError, IndexError or RecursionError.
    """
    at = skip(text, at)
    if text[at] != "{":
        raise Malformed("not an object")
    found: list[tuple[str, Slice]] = []
    at = skip(text, at + 1)
    while text[at] != "}" and len(found) < most:
        if text[at] != '"':
            raise Malformed("a key that is no string")
        key, at = _PLAIN.raw_decode(text, at)
        start = skip(text, skip(text, at) + 1)  # over the colon
        if shallow and text[start] in "[{":
            break
        value, end = _scan(text, start, loose if key in payloads else decoder)
        found.append((key, Slice(value, text, start, end)))
        at = skip(text, end)
        if text[at] == ",":
            at = skip(text, at + 1)
    return found


def items_at(
    text: str, at: int, decoder: json.JSONDecoder = _PLAIN, most: int = sys.maxsize
) -> tuple[list[Slice], int]:
    """The elements of the array that begins at or after `at`, and where it ends.

    In a text that is not known to be valid JSON, also ValueError, IndexError or RecursionError.
    """
    at = skip(text, at)
    if text[at] != "[":
        raise Malformed("not an array")
    found: list[Slice] = []
    at = skip(text, at + 1)
    while text[at] != "]":
        if len(found) >= most:
            raise TooMany(f"an array of more than {most} elements")
        value, end = _scan(text, at, decoder)
        found.append(Slice(value, text, at, end))
        at = skip(text, end)
        if text[at] == ",":
            at = skip(text, at + 1)
            if text[at] == "]":
                raise Malformed("not valid JSON: a comma before the end of an array")
        elif text[at] != "]":
            raise Malformed("not valid JSON: elements without a comma between them")
    return found, at + 1


def skip(text: str, at: int) -> int:
    """The place of the next character that is not whitespace."""
    if text[at] > " ":
        return at
    match = _SPACE.match(text, at)
    return at if match is None else match.end()
