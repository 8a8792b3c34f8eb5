"""A list that is appended to at one end and trimmed at the other, with cheap slices anywhere.

A deque would do but for its slices, which walk from an end: a page out of the middle of a long
history must cost what the page holds, not what lies before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar, cast

T = TypeVar("T")

_COMPACT_ABOVE = 64


class Window(Generic[T]):
    """Items by position, 0 being the oldest that is still there."""

    __slots__ = ("_items", "_start")

    def __init__(self) -> None:
        self._items: list[T | None] = []
        self._start = 0

    def __len__(self) -> int:
        return len(self._items) - self._start

    def __getitem__(self, position: int) -> T:
        if not 0 <= position < len(self):
            raise IndexError(f"position {position} of {len(self)}")
        return cast(T, self._items[self._start + position])

    def __iter__(self) -> Iterator[T]:
        return iter(self.slice(0, len(self)))

    def slice(self, begin: int, end: int) -> list[T]:
        """The items from `begin` up to, not including, `end`; as many of them as exist."""
        return cast("list[T]", self._items[self._start + max(begin, 0) : self._start + max(end, 0)])

    def append(self, item: T) -> None:
        """Add at the end."""
        self._items.append(item)

    def extend(self, items: Iterable[T]) -> None:
        """Add them at the end, in order."""
        self._items.extend(items)

    def popleft(self) -> T:
        """Remove and return the oldest. Raises IndexError when empty."""
        items, start = self._items, self._start
        if start == len(items):
            raise IndexError("nothing is there")
        item, items[start] = items[start], None
        self._start = start + 1
        if start >= _COMPACT_ABOVE:
            self._compact()
        return item  # type: ignore[return-value] # None is only before the start

    def drop(self, count: int) -> list[T]:
        """Remove and return the oldest so many, or as many as there are."""
        dropped = self.slice(0, count)
        end = self._start + len(dropped)
        self._items[self._start : end] = [None] * len(dropped)
        self._start = end
        self._compact()
        return dropped

    def _compact(self) -> None:
        # Moving the rest down costs as much as was popped since the last time: amortised, nothing.
        if self._start > _COMPACT_ABOVE and self._start * 2 > len(self._items):
            del self._items[: self._start]
            self._start = 0

    def clear(self) -> None:
        """Give up all of them."""
        self._items.clear()
        self._start = 0
