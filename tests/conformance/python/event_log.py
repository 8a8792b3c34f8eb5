"""What a client or a subscription has said, in order, and waits for what it will say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ...support.until import DEADLINE


class EventLog:
    """Stands in for the client's event handlers: every `on_…` is remembered."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self._changed = asyncio.Event()

    def __getattr__(self, name: str) -> Callable[[Any], Awaitable[None]]:
        if not name.startswith("on_"):
            raise AttributeError(name)

        async def remember(context: Any) -> None:
            self.events.append((name.removeprefix("on_"), context))
            self._changed.set()

        return remember

    def all(self, name: str) -> list[Any]:
        """The contexts of all events of a name so far."""
        return [context for event, context in self.events if event == name]

    async def next(self, name: str, count: int = 1) -> list[Any]:
        """The contexts of the first `count` events of a name, however long they take."""
        await self.until(f"{count} x {name}", lambda: len(self.all(name)) >= count)
        return self.all(name)[:count]

    async def gone(self, code: int) -> str:
        """Wait until the connection, or the subscription, was lost with this code; returns the reason.

        Versions differ in how they say that a connection was lost and will be made anew.
        """

        def found() -> list[str]:
            names = ("connecting", "disconnected", "subscribing", "unsubscribed")
            return [c.reason for name, c in self.events if name in names and getattr(c, "code", None) == code]

        await self.until(f"the code {code}", lambda: bool(found()))
        return found()[0]

    async def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait until it holds; it is looked at after each event.

        Raises:
            TimeoutError: it did not within the deadline; the message says what came instead.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            came = ", ".join(f"{name} {context}" for name, context in self.events[-20:])
            raise TimeoutError(f"waited {DEADLINE} s for: {what}; came: {came or 'nothing'}") from None
