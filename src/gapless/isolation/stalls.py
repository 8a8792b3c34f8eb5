"""Whether one client stands still: it is looked at from time to time while something waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .server import Transport

LOOKS = 4
"""How often in a `stall_timeout` it is looked at whether a client moves."""

SLOWEST_BYTES = 32 * 1024
"""A second. Where only a completed `send` is seen, a client that takes so many is slow and does not stall."""


class StallWatch:
    """Calls `on_stall`, once, when a client took no byte for `stall_timeout` seconds.

    `progress` says how many messages it has taken so far and how large the one under way is; None
    when nothing waits for it any more, or it was given up, and there is no more to watch.
    """

    __slots__ = ("_on_stall", "_pause", "_progress", "_seen", "_still", "_timer", "_transport")

    def __init__(
        self,
        stall_timeout: float,
        transport: Transport | None,
        progress: Callable[[], tuple[int, int] | None],
        on_stall: Callable[[], None],
    ) -> None:
        self._pause = stall_timeout / LOOKS
        self._transport = transport
        self._progress = progress
        self._on_stall = on_stall
        self._seen = (0, 0)
        self._still = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, taken: int) -> None:
        """Something waits now, and it has taken so many messages. It may be watched already."""
        if self._timer is None:
            self._still = 0
            self._seen = taken, self._buffered()
            self._look_again()

    def end(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        progress = self._progress()
        if progress is None:
            return
        taken, under_way = progress
        buffered = self._buffered()
        # Looks are counted, not seconds: while the process itself stood still nobody could move.
        moves = taken != self._seen[0] or buffered < self._seen[1]
        self._still = 0 if moves else self._still + 1
        self._seen = taken, buffered
        allowed = LOOKS
        if self._transport is None:
            allowed += int(under_way / SLOWEST_BYTES / self._pause)
        if self._still >= allowed:
            self._on_stall()
        else:
            self._look_again()

    def _look_again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._pause, self._look)

    def _buffered(self) -> int:
        return 0 if self._transport is None else self._transport.buffered()
