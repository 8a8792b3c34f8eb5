"""A coroutine that was begun in one task and goes on in another."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any


class Begun:
    """`step` is what the coroutine waits for. Awaiting this goes on with it, once."""

    __slots__ = ("_coroutine", "_step")

    def __init__(self, coroutine: Coroutine[Any, Any, None], step: Any) -> None:
        self._coroutine = coroutine
        self._step = step

    def __await__(self) -> Generator[Any, Any, None]:
        step = self._step
        while True:
            try:
                result = yield step
            except BaseException as error:
                try:
                    step = self._coroutine.throw(error)
                except StopIteration:
                    return
            else:
                try:
                    step = self._coroutine.send(result)
                except StopIteration:
                    return

    def close(self) -> None:
        """It is not to go on."""
        self._coroutine.close()
