"""How far the rows of a file have gone to the hub, which a restart goes on from.

A file yields the same rows again from the same place, but for what waited there for more of a traceback.
So places are known only where nothing waits (see `Mark`), and behind one rows are counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from .files import Mark

T = TypeVar("T")


class Reached(NamedTuple):
    """So many rows behind the marks have gone. No marks: there was no file."""

    marks: Sequence[Mark]
    rows: int = 0


class Sent:
    """Rows of one file, numbered as it yields them. Its owner holds a lock.

    It stands in the place of a receipt, so that a batch says whose rows are in it.
    """

    __slots__ = ("_before", "_ends", "_gone", "_yielded")

    def __init__(self, reached: Reached) -> None:
        self._before = self._gone = reached.rows
        self._yielded = 0
        self._ends: deque[tuple[int, Sequence[Mark]]] = deque([(0, reached.marks)])

    def new(self, rows: list[T]) -> list[T]:
        """The file yielded these rows: those of them that have not gone in an earlier life."""
        known = max(0, self._before - self._yielded)
        self._yielded += len(rows)
        return rows[known:]

    def mark(self, marks: Sequence[Mark]) -> None:
        """All that the file yielded until now came from before these."""
        self._ends.append((self._yielded, marks))

    def go(self) -> None:
        """One more is on its way: the hub has it, or it is kept to be sent again."""
        self._gone += 1

    def settle(self, outcome: object) -> None:
        """How it ended makes no difference: taken or refused, it is not sent again."""

    @property
    def reached(self) -> Reached:
        """Where a restart goes on."""
        ends = self._ends
        while len(ends) > 1 and ends[1][0] <= self._gone:
            ends.popleft()
        number, marks = ends[0]
        return Reached(marks, self._gone - number)
