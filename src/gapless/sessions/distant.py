"""A subscription that is read on another event loop than the hub's."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ..core.cursor import Lost
from ..model import Position, Publication
from ..node.intake import there
from ..node.node import Node
from .listener import Listener, LocalListener


class DistantListener(Listener):
    """One that is read on another loop than the hub's: a crossing of threads for each publication.

    `on_gap` is called where it is read. Giving up on the next publication costs nothing: what was on its
    way is what the next call gives.
    """

    def __init__(
        self,
        node: Node,
        channel: str,
        *,
        since: Position | None = None,
        history: int | None = 0,
        on_gap: Callable[[Lost], None] | None = None,
    ) -> None:
        self._intake = node.intake
        self._gaps: deque[Lost] = deque()
        self._on_gap = on_gap
        self._listener = LocalListener(
            node, channel, since=since, history=history, on_gap=self._gaps.append if on_gap else None
        )
        self._next: asyncio.Future[Publication | None] | None = None
        self.position = self._listener.position

    async def __aenter__(self) -> Self:
        await there(self._intake, self._listener.__aenter__())
        self.position = self._listener.position
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._next is not None:
            self._next.cancel()
        if self._intake.loop is not None:
            await there(self._intake, self._leave())

    async def _leave(self) -> None:
        self._listener.end()

    async def __anext__(self) -> Publication:
        if self._next is None:
            self._next = asyncio.ensure_future(there(self._intake, self._take()))
        await asyncio.wait([self._next])
        taken, self._next = self._next, None
        while self._gaps and self._on_gap is not None:
            self._on_gap(self._gaps.popleft())
        publication = taken.result()
        if publication is None:
            raise StopAsyncIteration
        if publication.offset:
            self.position = publication.position
        return publication

    async def _take(self) -> Publication | None:
        return await anext(self._listener, None)
