"""One in-process subscriber: `async for publication in feed`, with the guarantees of every other."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ..core.channel import Channel
from ..core.cursor import Cursor, Lost, State
from ..errors import Missed
from ..model import Position, Publication
from ..node.node import Node
from .catchup import Catchup

PAGE_BYTES = 256 * 1024


class Listener(ABC):
    """A subscription of this process. Made by `hub.subscribe`, used with `async with`.

    Iterating yields each publication once, in order, until the block is left or the hub closes.
    When continuity is broken, `on_gap` is called with what is lost, or, without one, `Missed` is
    raised in its place; iterating again goes on behind it. `position` is that of the last
    publication handed out; resume there with `since`.
    """

    position: Position

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def __aiter__(self) -> Self:
        return self

    @abstractmethod
    async def __anext__(self) -> Publication:
        """The next publication, as soon as there is one.

        Raises:
            Missed: publications are gone, and no `on_gap` was given.
            BrokerError: the history could not be read; calling again tries again.
        """


class LocalListener(Listener):
    """One that is read on the hub's own loop."""

    resting = False

    def __init__(
        self,
        node: Node,
        channel: str,
        *,
        since: Position | None = None,
        history: int | None = 0,
        on_gap: Callable[[Lost], None] | None = None,
    ) -> None:
        self.cursor = Cursor()
        self._node = node
        self._name = channel
        self._since = since
        self._history = history
        self._on_gap = on_gap
        self._channel: Channel | None = None
        self._catchup: Catchup | None = None
        self._ready: deque[Publication] = deque()
        self._lost: Lost | None = None
        """What could not be begun with; told to who iterates."""
        self._wake: asyncio.Future[None] | None = None
        self.position = since or Position(0, "")

    async def __aenter__(self) -> Self:
        if self._node.intake.loop is not asyncio.get_running_loop():
            raise RuntimeError("this is not the hub's event loop: call hub.subscribe on the loop that reads")
        channel = await self._node.rings.join(self._name)
        try:
            channel.add(self)
            self._channel = channel
            self._node.listeners.add(self)
            await self._place(channel)
        except BaseException:
            self.end()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Leave the channel. What was taken from it already is still handed out."""
        self.cursor.close()
        self._node.listeners.discard(self)
        if self._channel is not None:
            self._node.rings.leave(self._channel, self)
            self._channel = None
        self._wake_up()

    async def _place(self, channel: Channel) -> None:
        cursor = self.cursor
        self._catchup = Catchup(self._node, channel, cursor, max_bytes=PAGE_BYTES)
        if not channel.options.history or (self._since is None and self._history == 0):
            self._catchup.at_head()
        else:
            cursor.come(channel.ring)
            _, self._lost = await self._catchup.place(self._since, self._history)
        self.position = self._since or Position(cursor.offset, cursor.epoch)

    # -- the fan-out's side

    def deliver(self) -> None:
        if self._wake is not None:
            self._wake_up()
        elif self._channel is not None and self.cursor.state is State.LIVE:
            self._channel.mark_lagging(self)

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # -- the reader's side

    async def __anext__(self) -> Publication:
        if self._lost is not None:
            lost, self._lost = self._lost, None
            self._lose(lost)
        while not self._ready:
            channel = self._channel
            if channel is None:
                raise StopAsyncIteration
            if self.cursor.state is State.READING:
                await self._read()
            elif self.cursor.index == channel.ring.head:
                channel.caught_up(self)
                self._wake = asyncio.get_running_loop().create_future()
                try:
                    await self._wake
                finally:
                    self._wake = None
            else:
                self._take(channel)
        publication = self._ready.popleft()
        if publication.offset:
            self.position = publication.position
        return publication

    def _take(self, channel: Channel) -> None:
        cursor, ring = self.cursor, channel.ring
        behind = cursor.is_behind(ring)
        lost: Lost | None = None
        if channel.options.on_gap == "latest" and (behind or cursor.state is State.LAGGING):
            lost = cursor.jump(ring)
        elif behind and channel.options.history:
            channel.fell_behind(self)
            return
        elif behind:
            lost = cursor.skip(ring)
        if lost is not None:
            self._lose(lost)
        for entry in ring.entries(cursor.index):
            cursor.advance(cursor.index + 1, entry.offset, not entry.offset)
            if entry.publication is not None:
                self._ready.append(entry.publication)

    async def _read(self) -> None:
        """Take the next page of history, if the ring does not go on from here."""
        assert self._catchup is not None  # noqa: S101 - made on entering, as is what can be behind
        async for _, fresh, lost in self._catchup:
            self._ready.extend(fresh)
            if lost is not None:
                self._lose(lost)
            return

    def _lose(self, lost: Lost) -> None:
        self._node.counters.gaps += 1
        self._node.counters.unnumbered_lost += lost.missed
        if self._channel is not None:
            self._channel.gaps += 1
        if self._on_gap is None:
            raise Missed(self._name, lost.first, lost.last, lost.reason.value, lost.missed)
        self._on_gap(lost)
