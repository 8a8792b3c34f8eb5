"""What a broadcast gives back: it is sent already, and awaiting it gives others a turn."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any


class Sent(Coroutine[Any, Any, None]):
    """May be awaited, given to `create_task`, or forgotten: nothing is left undone without it.

    `pause`, when given, makes what awaiting it waits for. Without one this holds no state, and the same
    object serves everybody.
    """

    __slots__ = ("_begun", "_pause")

    def __init__(self, pause: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        self._pause = pause
        self._begun: Coroutine[Any, Any, None] | None = None

    def __await__(self) -> Generator[Any, Any, None]:
        return _nothing if self._pause is None else self._pause().__await__()

    def send(self, value: Any) -> Any:
        if self._pause is None:
            raise StopIteration
        if self._begun is None:
            self._begun = self._pause()
        return self._begun.send(value)

    def throw(
        self,
        typ: Any,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> Any:
        if self._begun is None:
            raise typ if val is None else val  # type: ignore[misc]
        return self._begun.throw(typ)

    def close(self) -> None:
        if self._begun is not None:
            self._begun.close()


_nothing: Any = iter(())
"""What awaits nothing: at its end, and so for ever."""

DONE = Sent()
"""Sent, and nothing to wait for."""
