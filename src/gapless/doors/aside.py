"""Long bodies are read beside the loop: in a thread, one at a time, the others behind it in their order.

One thread more shares the interpreter with the loop; a dozen would leave it a twelfth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from ..errors import Overloaded

T = TypeVar("T")


class Aside:
    """`most` is how many bytes may wait and be read in all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._reading = asyncio.Lock()

    async def read(self, size: int, work: Callable[[], T]) -> T:
        """What `work` makes of a body of this size.

        Raises what `work` raises, or Overloaded: too much waits.
        """
        held = self._held + size
        if held > self._most and self._held:
            raise Overloaded(held, self._most)
        self._held = held
        try:
            async with self._reading:
                return await asyncio.to_thread(work)
        finally:
            self._held -= size
