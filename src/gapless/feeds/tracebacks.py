"""Python tracebacks in plain text: many lines, one row.

A traceback that follows a row of level warning or above becomes that row's exception; any other
becomes a row of its own. Rows below warning are therefore never held back.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import Enum, auto

from .lines import Verbatim, parse_rows
from .prefixes import Row

TRACEBACK_LINES = 200
"""A longer one is cut off there; its remaining lines are rows of their own."""
HOLD_SECONDS = 0.2
"""How long the owner of a `TracebackJoiner` waits for more before it calls `flush`."""

_BEGIN = "Traceback (most recent call last):"
_GROUP = "  + Exception Group Traceback (most recent call last):"
_FIRST = (_BEGIN[0], _GROUP[0])
_LINKS = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
_EXCEPTION = re.compile(r"([A-Za-z_][\w.]*)(?:: (.*))?", re.DOTALL)
_NAMED_GROUP = re.compile(r"\s*\| ([A-Za-z_][\w.]*Group): (.*)", re.DOTALL)
_MAY_OWN = {"warning", "error", "critical"}


class _State(Enum):
    OUTSIDE = auto()
    FRAMES = auto()  # between the first line and the one that names the exception
    NAMED = auto()  # it was named; a chained one may follow after a blank line
    BLANK = auto()
    LINKED = auto()  # "During handling of the above exception …" was read
    GROUPED = auto()  # an exception group: every line begins with a bar


class TracebackJoiner:
    """Lines of text → rows, with each traceback in one piece."""

    __slots__ = ("_lines", "_row", "_stamp", "_state")

    def __init__(self) -> None:
        self._row: Row | None = None  # held back: a traceback that comes next belongs to it
        self._lines: list[str] = []
        self._stamp: str | None = None
        self._state = _State.OUTSIDE

    @property
    def holding(self) -> bool:
        """Is something held back that `flush` would give?"""
        return self._row is not None or bool(self._lines)

    def feed(self, line: str, now: datetime | None = None, stamp: str | None = None) -> list[Row]:
        """The rows that are complete now. A blank line outside a traceback is none.

        `now` and `stamp` are those of `parse_rows`.
        """
        rows: list[Row] = []
        if self._state is not _State.OUTSIDE:
            if self._continues(line):
                self._lines.append(line)
                return self.flush() if len(self._lines) >= TRACEBACK_LINES else []
            rows = self.flush()
        if line[:1] in _FIRST and line.startswith((_BEGIN, _GROUP)):
            self._lines, self._stamp = [line], stamp
            self._state = _State.GROUPED if line.startswith(_GROUP) else _State.FRAMES
            return rows
        if self._row is not None:
            rows += self.flush()
        if not line or line.isspace():
            return rows
        found = parse_rows(line, now, stamp)
        rows = rows + found if rows else found
        level = rows[-1].get("level")
        if isinstance(level, str) and level in _MAY_OWN and "message" in rows[-1]:
            self._row = rows.pop()
        return rows

    def flush(self) -> list[Row]:
        """What is held back, as it is: nothing more of it came in time, or the stream ended."""
        row, lines = self._row, self._lines
        self._row, self._lines, self._state = None, [], _State.OUTSIDE
        if not lines:
            return [] if row is None else [row]
        while not lines[-1].strip():
            lines.pop()
        exception = _exception(lines)
        if isinstance(row, Verbatim):
            return [row.followed_by("exception", exception)]
        if row is None:
            time = {} if self._stamp is None else {"time": self._stamp}
            row = {**time, "level": "error", "message": exception["message"] or exception["type"] or lines[0]}
        return [row | {"exception": exception}]

    def _continues(self, line: str) -> bool:
        """Is this line part of the traceback? Moves on within it."""
        if self._state is _State.GROUPED:
            return line.lstrip().startswith(("|", "+"))
        if self._state is _State.FRAMES:
            if line and not line[0].isspace():
                self._state = _State.NAMED  # the line that names the exception
            return True
        if self._state is _State.NAMED and not line.strip():
            self._state = _State.BLANK
            return True
        if self._state is _State.BLANK and line.strip() in _LINKS:
            self._state = _State.LINKED
            return True
        if self._state is _State.LINKED and (not line.strip() or line.startswith(_BEGIN)):
            self._state = _State.FRAMES if line.strip() else _State.LINKED
            return True
        return False


def _exception(lines: list[str]) -> Row:
    """`type` and `message` as the traceback names them, empty where it was cut off before."""
    name = _EXCEPTION.fullmatch(lines[-1]) or next(filter(None, map(_NAMED_GROUP.fullmatch, lines)), None)
    kind, message = name.groups() if name is not None else ("", "")
    return {"type": kind, "message": message or "", "text": "\n".join(lines)}
