"""The flow of one connection: what its outlet takes, and when.

Room, pace and stall are decided here, for all that share the outlet. Nothing is queued: whoever has
no room lags, and is asked again when there is some.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from ..core.channel import Channel
from ..core.log import View
from ..core.outbox import Outlet
from ..errors import Disconnect
from ..node.node import Node


class Reader(Protocol):
    """What shares an outlet with others of its kind: a subscription."""

    view: View
    channel: Channel | None

    @property
    def pending(self) -> bool:
        """Has it something in its ring that it did not write yet?"""

    def next_chunk(self) -> tuple[Any, int] | None:
        """Move on; what is to be written for that, with its size. None: nothing, for now."""

    def lag(self) -> None:
        """There is no room for it now."""


class Flow:
    """What lies between the subscriptions of one connection, `readers`, and its outlet.

    `pace` is how many seconds it rests, at least, whenever its readers have caught up: what is more than one
    push goes on as soon as there is room, so that a pace is no bound of speed. `closed` says how it ended.
    """

    __slots__ = (
        "_moved",
        "_moved_at",
        "_node",
        "_promised",
        "_rest",
        "_waiters",
        "closed",
        "outlet",
        "pace",
        "readers",
        "resting",
    )

    def __init__(self, node: Node, outlet: Outlet, readers: Mapping[str, Reader], *, pace: float) -> None:
        self._node = node
        self.outlet = outlet
        self.readers = readers
        self.pace = pace
        self.resting = False
        """Does it wait because its client asked for a slower pace?"""
        self.closed: Disconnect | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] | None = None
        self._promised: asyncio.Future[None] | None = None
        """Who was told that there is room, and did not run yet: a channel that never rests must not
        take it away, time after time, from somebody who reads history."""
        self._moved = 0
        self._moved_at = node.tasks.loop.time()

    @property
    def room(self) -> bool:
        """May a push be written now?"""
        return self.outlet.room and not self.resting and self._promised is None

    def push(self, chunk: Any, size: int, *, rests: bool = True) -> None:
        """Write joined frames of so many bytes; only when there is room.

        Who has caught up then rests for its pace, unless it is known that more follows.
        """
        counters = self._node.counters
        counters.writes += 1
        counters.pushed_bytes += size
        self.outlet.push(chunk, size)
        # Pushing may have found the connection broken, and then nothing shall wait for its rest.
        if self.pace and rests and self.closed is None and not self._is_behind:
            self.resting = True
            self._rest = self._node.tasks.loop.call_later(self.pace, self._rested)

    def flush(self) -> None:
        """Write what the readers have, in one push of at most `Limits.flush_bytes`, if there is room."""
        chunks: list[tuple[Any, int]] = []
        size = 0
        view: View | None = None
        for reader in list(self.readers.values()):
            room = self.room
            if not room or size >= self._node.limits.flush_bytes:
                if reader.channel is not None and reader.pending:
                    reader.lag()
                    if room:
                        # It has its turn in the next one: a socket that takes all this never drains.
                        self._node.flush.mark(reader.channel)
                continue
            chunk = reader.next_chunk()
            if chunk is not None:
                chunks.append(chunk)
                size += chunk[1]
                view = reader.view
        if self.closed is not None or view is None:
            return  # one of them ended the connection, and nothing follows its last word; or there is none
        if len(chunks) == 1:
            self.push(*chunks[0])
        else:
            self.push(view.concat([chunk for chunk, _ in chunks]), size)

    def on_room(self) -> None:
        """The outlet has room again: history goes on first, then what lags."""
        if self.closed is not None or not self.room:
            return
        while self._waiters:
            waiter = self._waiters.pop(0)
            if not waiter.done():
                # One at a time: whoever wakes may write a page; what room is left then is looked
                # at again right after it ran.
                self._promised = waiter
                waiter.set_result(None)
                self._node.tasks.loop.call_soon(self.on_room)
                return
        self.flush()

    def _rested(self) -> None:
        self.resting = False
        if self.outlet.room:
            self.on_room()

    @property
    def _is_behind(self) -> bool:
        return any(reader.pending for reader in self.readers.values())

    def wake(self) -> bool:
        """Rest no longer, for who rests on loses its place; is there room?"""
        if self._rest is not None:
            self._rest.cancel()
        self.resting = False
        return self.room

    async def until_room(self) -> None:
        """Wait until a push can be written. Raises Disconnect when the connection ends meanwhile."""
        while not self.room:
            self.check_open()
            waiter: asyncio.Future[None] = self._node.tasks.loop.create_future()
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                if self._promised is waiter:
                    self._promised = None
        self.check_open()

    def check_open(self) -> None:
        """Raises Disconnect when the connection has ended.

        Each time another one: a traceback hangs on what is raised, and on that all that the frames of
        who waited hold, a page of history too. `closed` would keep it, and they keep that.
        """
        if self.closed is not None:
            raise Disconnect(self.closed.code, self.closed.reason)

    def is_stalled(self, now: float) -> bool:
        """Did the client accept nothing for `Limits.stall_timeout`, although something waits for it?

        To be asked about once a second, with the loop's time.
        """
        if not self.outlet.waiting:
            self._moved_at = now
            return False
        moved = self.outlet.progressed
        if moved > self._moved:  # what was taken is never given back: a smaller number tells nothing
            self._moved, self._moved_at = moved, now
            return False
        return now - self._moved_at >= self._node.limits.stall_timeout

    def end(self, disconnect: Disconnect) -> None:
        """Nothing is pushed after this, and whoever waits for room learns why."""
        self.closed = Disconnect(disconnect.code, disconnect.reason)  # as in `check_open`
        if self._rest is not None:
            self._rest.cancel()
        for waiter in self._waiters or ():
            if not waiter.done():
                waiter.set_result(None)
        self._waiters = None
