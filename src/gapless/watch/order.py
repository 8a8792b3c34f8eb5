"""The order of a list that is told in pages, and the place in it where the next page begins.

A page begins behind the last row of the one before, by that row's value and name: rows that come or go
meanwhile move no other from page to page. A row whose own value moved may be met twice, or not at all.
"""

from __future__ import annotations

import base64
import binascii
import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

Value = str | float | None
"""What rows are sorted by; None where it is not known: such rows come last, whichever the order."""

Kinds = Mapping[str, type[str] | type[float]]
"""What a list can be sorted by, and whether that is text or a number."""


class Placed(NamedTuple):
    """What a row is sorted by, its name, which no other has, and what it is of."""

    value: Value
    name: str
    about: Any = None


@dataclass(frozen=True, slots=True)
class Order:
    """Sorted by what, which way, and behind which row. Rows alike are sorted by their names."""

    by: str
    descending: bool
    after: tuple[Value, str] | None = None

    @classmethod
    def read(cls, kinds: Kinds, by: str, descending: bool | None, cursor: str) -> Order:
        """As it was asked for; numbers begin with the largest unless `descending` says otherwise.

        Raises ValueError: there is no such order, or the cursor is of another one.
        """
        if by not in kinds:
            raise ValueError(f"sort is one of {', '.join(kinds)}")
        way = kinds[by] is float if descending is None else descending
        return cls(by, way, _place(cursor, by, way, kinds[by]) if cursor else None)

    def first(self, limit: int, rows: Iterable[tuple[Value, str, Any]]) -> list[Placed]:
        """Those that come first of these, so many of them, behind the place where the page begins.

        `rows` are as those that are returned; there may be very many of them.
        """
        if self.after is not None:
            begin = self._rank((*self.after, None))
            rows = (row for row in rows if self._rank(row) > begin)
        return [Placed(*row) for row in heapq.nsmallest(limit, rows, key=self._rank)]

    def cursor(self, last: Placed) -> str:
        """Where the page behind this row begins, for who asks for that one."""
        said = orjson.dumps([self.by, self.descending, last.value, last.name])
        return base64.urlsafe_b64encode(said).decode().rstrip("=")

    def _rank(self, row: tuple[Value, str, Any]) -> tuple[bool, Any, str]:
        value, name, _ = row
        if value is None:
            return True, 0, name
        if not self.descending:
            return False, value, name
        return False, _turned(value) if isinstance(value, str) else -value, name


_TURNED = bytes(range(255, -1, -1))


def _turned(text: str) -> bytes:
    """What comes before that of another text exactly when the text comes behind that one.

    UTF-8 is in the order of code points. The end comes behind every letter: "ab" before "a".
    """
    return text.encode("utf-8", "surrogatepass").translate(_TURNED) + b"\xff"


def _place(cursor: str, by: str, descending: bool, kind: type) -> tuple[Value, str]:
    """Raises ValueError."""
    try:
        said = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        said = None
    match said:
        case [str(begun), bool(way), value, str(name)] if (begun, way) == (by, descending):
            allowed = (str,) if kind is str else (int, float)
            if value is None or (isinstance(value, allowed) and not isinstance(value, bool)):
                return value, name
    raise ValueError("cursor is what the page before said, in the same order")
