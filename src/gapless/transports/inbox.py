"""Messages of one client that arrive by callback or by request: handled one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import Disconnect
from ..hub import Hub

if TYPE_CHECKING:
    from .conversation import Talk


class Inbox:
    """Keeps the order; holds a task only while there is something to handle."""

    __slots__ = ("_hub", "_on_empty", "_talk", "_task", "_waiting", "held")

    def __init__(
        self, hub: Hub, talk: Talk, *, held: bool = False, on_empty: Callable[[], None] | None = None
    ) -> None:
        self._hub = hub
        self._talk = talk
        self._on_empty = on_empty
        self._waiting: list[str | bytes] | None = None
        self._task: asyncio.Task[None] | None = None
        self.held = held
        """Messages wait until `release`: the beginning of the conversation is not over."""

    def __len__(self) -> int:
        return len(self._waiting) if self._waiting is not None else 0

    def put(self, message: str | bytes) -> None:
        if self._talk.closed is not None:
            return
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(message)
        self._work()

    def release(self) -> None:
        self.held = False
        self._work()

    def forsake(self) -> None:
        """Nobody wants to know any more when it is empty; whoever did may go."""
        self._on_empty = None

    def _work(self) -> None:
        if self._waiting and self._task is None and not self.held:
            self._task = self._hub.node.tasks.spawn(self._handle())

    async def _handle(self) -> None:
        talk = self._talk
        try:
            while self._waiting and talk.closed is None:
                await talk.handle(self._waiting.pop(0))
        except Disconnect as disconnect:
            talk.close(disconnect)
        except Exception:
            talk.close(Disconnect(3004))
            raise
        finally:
            self._task = None
            self._waiting = None
            if self._on_empty is not None:
                self._on_empty()
