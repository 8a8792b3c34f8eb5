"""The fake outlet: a real outbox, and somebody who reads it as the test wants."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from gapless.core.outbox import Outbox


class FakeOutlet(Outbox):
    """Without a loop everything is read as it is written; with one, a frame a turn.

    `eager` takes what does not wait at once, as a socket with a large buffer does: then there is
    room again right after a push. `stall` stops the reading until `drain`; a test that only wants
    pushes to wait sets `room`. `late` is what was pushed behind the close, which is final.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        eager: bool = False,
        max_bytes: int = 1 << 20,
        max_frames: int = 4096,
    ) -> None:
        super().__init__(self._wake_up, max_bytes=max_bytes, max_frames=max_frames)
        self.frames: list[Any] = []
        """What was read, in its order."""
        self.late: list[Any] = []
        self.writes = 0
        """How often something was pushed."""
        self.accepts_replies = True
        self.eager = eager
        self.stalled = False
        self.dead = False
        """Was it cut off, or read to the end?"""
        self.on_frame: Callable[[Any], None] = self.frames.append
        self.on_room: Callable[[], None] = _nothing
        self.on_gone: Callable[[], None] = _nothing
        self._loop = loop
        self._pumping = False
        self._taken: deque[Any] = deque()

    def push(self, chunk: Sequence[Any], size: int) -> None:
        self.writes += 1
        if self.closing is not None:
            self.late.extend(chunk)
        elif self.eager and not self.stalled and not self.waiting:
            self._taken.extend(chunk)
            self.frames_sent += 1
            self._wake_up()
        else:
            super().push(chunk, size)
            if self._loop is None:
                self.room = not self.waiting

    def reply(self, frame: Any) -> bool:
        return super().reply(frame) and self.accepts_replies

    def abort(self) -> bool:
        self.dead = True
        self.clear()
        self.room = False
        self.on_gone()
        return True

    def stall(self) -> None:
        self.stalled = True

    def drain(self) -> None:
        self.stalled = False
        backlog = self.waiting and self.closing is None
        self._wake_up()
        if self._loop is None and backlog:
            self.room = True
            self.on_room()

    def _wake_up(self) -> None:
        if self.stalled or self.dead:
            return
        if self._loop is None:
            while (frame := self.take()) is not None:
                self.frames_sent += 1
                self.on_frame(frame)
        elif not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        if self.stalled or self.dead:
            return
        if self._taken:
            self.on_frame(self._taken.popleft())
        elif (frame := self.take()) is not None:
            self.on_frame(frame)
            if self.sent():
                self.on_room()
        elif self.closing is not None:
            self.dead = True
            self.on_gone()
            return
        else:
            return
        self._wake_up()


def _nothing() -> None:
    return None
