"""The writer of one ASGI connection: the only one that calls `send`, in order, one at a time.

Used where the server offers nothing better. Where its transport can be found, what the client takes
is seen and a socket that does not move is cut off; elsewhere a completed `send` is progress, and such
a socket can only be detached, because ASGI has no abort.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import Enum
from typing import Any, cast

from ..core.counters import Counters
from ..core.outbox import Outbox
from ..isolation.server import Begun, Transport, says_gone
from ..options import Limits
from ..server.sockets import bytes_taken, cut_off

log = logging.getLogger("gapless")

SendFrame = Callable[[Any], Awaitable[None]]


class Phase(Enum):
    """How far a writer is."""

    IDLE = "nothing is under way; the task, if there is one, is about to look for more"
    SENDING = "a frame is under way"
    SAID_GOODBYE = "the close was sent"
    GONE = "nothing is sent any more"


_MOVES = {
    Phase.IDLE: {Phase.SENDING, Phase.SAID_GOODBYE, Phase.GONE},
    Phase.SENDING: {Phase.IDLE, Phase.GONE},
    Phase.SAID_GOODBYE: {Phase.GONE},
    Phase.GONE: set[Phase](),
}


class Writer(Outbox):
    """An outbox, and a task that empties it while there is something in it.

    `send_frame` sends one frame, `send_close` says goodbye. `on_room` is called when pushes may
    go on, `on_lost` once when the connection is found broken. With `eager` (see `flows`) a push
    into an empty outbox is sent at once, and only what does not fit needs the task. `transport` is
    the server's, where it can be found.
    """

    __slots__ = (
        "_before",
        "_deadline",
        "_due",
        "_eager",
        "_limits",
        "_loop",
        "_phase",
        "_send_close",
        "_send_frame",
        "_task",
        "_transport",
        "_unfinished",
        "gone",
        "on_lost",
        "on_room",
    )

    def __init__(
        self,
        send_frame: SendFrame,
        send_close: Callable[[int, str], Awaitable[None]],
        limits: Limits,
        *,
        eager: bool = False,
        transport: Transport | None = None,
    ) -> None:
        super().__init__(self._wake_up, max_bytes=limits.reply_bytes, max_frames=limits.reply_frames)
        self._limits = limits
        self._send_frame = send_frame
        self._send_close = send_close
        self._eager = eager
        self._transport = transport
        self._phase = Phase.IDLE
        self._before = 0
        self._due = 0.0
        self._unfinished: Begun[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self.on_room: Callable[[], None] = _nothing
        self.on_lost: Callable[[Exception], None] = _ignore

    # -- the session's side

    def push(self, chunk: Sequence[Any], size: int) -> None:
        if not self._eager or self._phase is not Phase.IDLE or self._frames or self.closing is not None:
            super().push(chunk, size)
            return
        send_frame = self._send_frame
        for at, frame in enumerate(chunk):
            # What `flows` knows are coroutines.
            sending = cast("Coroutine[Any, Any, None]", send_frame(frame))
            try:
                step = sending.send(None)
            except StopIteration:
                self.frames_sent += 1
            except Exception as error:
                self._give_up()
                self.on_lost(error)
                return
            else:
                # The socket is full. The task waits for this frame, and sends the rest.
                self._before = len(chunk[at - 1]) if at else self._before
                self._unfinished = Begun(sending, step)
                self._begin(len(frame))
                super().push(chunk[at + 1 :], size)
                return
        self._before = len(chunk[-1])

    @property
    def waiting(self) -> bool:
        """As in `Outlet`; a frame under way counts when even a slow client would have taken it."""
        if self._phase is Phase.SENDING:
            return self._transport is not None or self._loop.time() >= self._due
        return self._phase is not Phase.GONE and super().waiting

    @property
    def progressed(self) -> int:
        """A number that grows whenever the client takes something."""
        taken = bytes_taken(self._transport.descriptor()) if self._transport is not None else None
        return self.frames_sent if taken is None else taken

    def close(self, code: int, reason: str) -> None:
        if self.closing is None:
            # A close cannot pass a socket that takes nothing: what does not go out in time never will.
            self._deadline = self._loop.call_later(self._limits.close_timeout, self.abort)
        super().close(code, reason)

    def abort(self) -> bool:
        """Nothing more is sent, what waits is freed; the socket is closed here, or left to the server."""
        self._give_up()
        if self._transport is None:
            return False
        cut_off(self._transport.descriptor(), self._transport.abort)
        return True

    async def finish(self) -> None:
        """Let a close go out, for a while; then end, whatever is under way."""
        if self.closing is not None and not self.gone.done():
            await asyncio.wait([self.gone], timeout=self._limits.close_timeout)
        self._give_up()
        await self.gone

    # -- the task

    def _wake_up(self) -> None:
        if self._task is None and self._phase is not Phase.GONE:
            self._task = self._loop.create_task(self._run())
            self._task.add_done_callback(self._ran)

    async def _run(self) -> None:
        """Send what is there, and what comes meanwhile."""
        while (sending := self._next()) is not None:
            await sending
            self._move(Phase.IDLE)
            if self.sent():
                self.on_room()
        if self.closing is not None:
            await self._send_close(*self.closing)
            self._move(Phase.SAID_GOODBYE)

    def _next(self) -> Awaitable[None] | None:
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            return unfinished
        frame = self.take()
        if frame is None:
            return None
        self._begin(len(frame))
        return self._send_frame(frame)

    def _begin(self, size: int) -> None:
        """A frame is under way. Servers wait with one for what is left of the one before it."""
        self._due = self._loop.time() + (self._before + size) / self._limits.slowest_rate
        self._before = size
        self._move(Phase.SENDING)

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self.on_lost(error)
        if task.cancelled() or error is not None or self._phase is Phase.SAID_GOODBYE:
            self._end()
        elif self._unfinished is not None or self._frames or self.closing is not None:
            self._wake_up()  # it came after the task's last look

    def _give_up(self) -> None:
        """Nothing more is sent."""
        self.clear()
        self.room = False
        if self._task is None or not self._task.cancel():
            self._end()  # there is no task, or it has ended in this turn

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self.clear()
        self.room = False
        if self._phase is not Phase.GONE:
            self._move(Phase.GONE)
            self.gone.set_result(None)

    def _move(self, phase: Phase) -> None:
        assert phase in _MOVES[self._phase], f"from {self._phase} to {phase}"  # noqa: S101
        self._phase = phase

    def clear(self) -> None:
        super().clear()
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            unfinished.close()


def flows() -> bool:
    """Does the server that called this application wait for nothing but the socket when it sends?

    Then a `send` may be begun anywhere, and finished in another task. It is so for uvicorn, which
    runs the task that this is asked in. Other servers may use what belongs to the task they are
    called in, and so may a middleware that runs the application in a task of its own; there the
    writer's own task sends.
    """
    task = asyncio.current_task()
    frame = getattr(task.get_coro(), "cr_frame", None) if task is not None else None
    runs = "" if frame is None else str(frame.f_globals.get("__name__"))
    return runs.startswith(("uvicorn.", f"{__package__}."))


def _nothing() -> None:
    return None


def _ignore(error: Exception) -> None:
    return None


def log_lost(error: Exception, counters: Counters) -> None:
    """A send failed. That a client left is everyday; anything else is logged once and counted."""
    if not says_gone(error):
        counters.session_errors += 1
        log.error("a connection ended because of an error", exc_info=error)
