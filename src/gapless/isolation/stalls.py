"""Whether one client stands still: it is looked at from time to time while something waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .server import Transport

LOOKS = 4
"""How often in a `stall_timeout` it is looked at whether a client moves."""

SLOWEST_BYTES = 32 * 1024
"""A second. Where only a completed `send` is seen, a client that takes so many is slow and does not stall."""


Progress = Callable[[], tuple[int, int] | None]
"""How many messages a client has taken so far, and how large the one under way is; None when nothing
waits for it any more, or it was given up, and there is no more to watch."""


class StallWatch:
    """Looks whether a client takes anything within `stall_timeout` seconds.

    It knows nobody but while it looks: a circle would leave every connection to the garbage collector.
    """

    __slots__ = ("_pause", "_seen", "_still", "_timer", "_transport")

    def __init__(self, stall_timeout: float, transport: Transport | None) -> None:
        self._pause = stall_timeout / LOOKS
        self._transport = transport
        self._seen = (0, 0)
        self._still = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, taken: int, progress: Progress, on_stall: Callable[[], None]) -> None:
        """Something waits, and it has taken so many messages; `on_stall` is called once if it stalls.

        It may be watched already: that goes on.
        """
        if self._timer is None:
            self._still = 0
            self._seen = taken, self._buffered()
            self._look_again(progress, on_stall)

    def end(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, progress: Progress, on_stall: Callable[[], None]) -> None:
        self._timer = None
        now = progress()
        if now is None:
            return
        taken, under_way = now
        buffered = self._buffered()
        # Looks are counted, not seconds: while the process itself stood still nobody could move.
        moves = taken != self._seen[0] or buffered < self._seen[1]
        self._still = 0 if moves else self._still + 1
        self._seen = taken, buffered
        allowed = LOOKS
        if self._transport is None:
            allowed += int(under_way / SLOWEST_BYTES / self._pause)
        if self._still >= allowed:
            on_stall()
        else:
            self._look_again(progress, on_stall)

    def _look_again(self, progress: Progress, on_stall: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._pause, self._look, progress, on_stall)

    def _buffered(self) -> int:
        return 0 if self._transport is None else self._transport.buffered()
