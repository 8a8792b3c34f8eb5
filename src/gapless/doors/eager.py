"""The first step of something awaited: what need not wait is there at once, and needs no deadline.

A deadline costs more than the rest of reading a body that has arrived, as nearly every one has.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Eager(Generic[T]):
    """A coroutine of asyncio that has taken its first step, in the task that will await it.

    Awaiting this goes on from there, or gives at once what is there already. Raises what the coroutine
    raises, when it is awaited.
    """

    __slots__ = ("_coroutine", "_error", "_first", "_result", "done")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._error: Exception | None = None
        self._result: T | None = None
        self.done = False
        """Did it come to its end without waiting?"""
        try:
            self._first = coroutine.send(None)
        except StopIteration as end:
            self._result, self.done = end.value, True
        except Exception as error:
            self._error, self.done = error, True

    def __await__(self) -> Generator[Any, Any, T]:
        if self._error is not None:
            raise self._error
        if self.done:
            return self._result  # type: ignore[return-value] # it is there
        return (yield from _Rest(self._coroutine, self._first))


class _Rest(Generator[Any, Any, T]):
    """All steps of a coroutine, of which the first was taken already."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], first: Any) -> None:
        self._coroutine = coroutine
        self._first = [first]

    def send(self, value: Any) -> Any:
        return self._first.pop() if self._first else self._coroutine.send(value)

    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any:
        return self._coroutine.throw(kind if value is None else value)

    def close(self) -> None:
        self._coroutine.close()
