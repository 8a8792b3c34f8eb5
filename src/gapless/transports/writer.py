"""The writer of one ASGI connection: the only one that calls `send`, in order, one at a time.

Used where the server offers nothing better. A completed `send` is progress; a socket that does
not move can only be detached, because ASGI has no abort.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from typing import Any, cast

from ..core.outbox import Outbox
from ..options import Limits

log = logging.getLogger("gapless")

SendFrame = Callable[[Any], Awaitable[None]]

CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close frame."""

SLOWEST = 32 * 1024
"""Bytes a second. A server tells of a frame when all of it was taken; a client that takes so many a
second is slow, and does not stall."""


class Writer(Outbox):
    """An outbox, and a task that empties it while there is something in it.

    `send_frame` sends one frame, `send_close` says goodbye. `on_room` is called when pushes may
    go on, `on_lost` once when the connection is found broken. With `eager` (see `flows`) a push
    into an empty outbox is sent at once, and only what does not fit needs the task.
    """

    __slots__ = (
        "_before",
        "_closed",
        "_deadline",
        "_due",
        "_eager",
        "_loop",
        "_send_close",
        "_send_frame",
        "_sending",
        "_task",
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
    ) -> None:
        super().__init__(self._wake_up, max_bytes=limits.reply_bytes, max_frames=limits.reply_frames)
        self._send_frame = send_frame
        self._send_close = send_close
        self._eager = eager
        self._sending = False
        self._before = 0
        self._due = 0.0
        self._unfinished: Unfinished | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._deadline: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self.on_room: Callable[[], None] = _nothing
        self.on_lost: Callable[[Exception], None] = _ignore

    def push(self, chunk: Sequence[Any], size: int) -> None:
        if not self._eager or self._busy or self._frames or self.closing is not None:
            super().push(chunk, size)
            return
        send_frame = self._send_frame
        for at, frame in enumerate(chunk):
            # What `flows` knows are coroutines.
            sending = cast("Coroutine[Any, Any, None]", send_frame(frame))
            try:
                step = sending.send(None)
            except StopIteration:
                self.progressed += 1
            except Exception as error:
                self._broken(error)
                return
            else:
                # The socket is full. The task waits for this frame, and sends the rest.
                self._before = len(chunk[at - 1]) if at else self._before
                self._expect(len(frame))
                self._unfinished = Unfinished(sending, step)
                super().push(chunk[at + 1 :], size)
                return
        self._before = len(chunk[-1])

    def _expect(self, size: int) -> None:
        """A frame is under way. Servers wait with one for what is left of the one before it."""
        self._due = self._loop.time() + (self._before + size) / SLOWEST
        self._before = size

    def _broken(self, error: Exception) -> None:
        self._give_up()
        self.on_lost(error)

    def _give_up(self) -> None:
        """Nothing more is sent."""
        self.clear()
        self.room = False
        if self._task is not None:
            self._task.cancel()
        else:
            self._end()

    def _wake_up(self) -> None:
        if self._task is None and not self.gone.done():
            self._task = self._loop.create_task(self._run())
            self._task.add_done_callback(self._ran)

    async def _run(self) -> None:
        """Send what is there, and what comes meanwhile."""
        while (sending := self._next()) is not None:
            self._sending = True
            await sending
            self._sending = False
            if self.sent():
                self.on_room()
        if self.closing is not None:
            await self._send_close(*self.closing)
            self._closed = True

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._task = None
        self._sending = False
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self.on_lost(error)
        if task.cancelled() or error is not None or self._closed:
            self._end()
        elif self._unfinished is not None or super().waiting:
            self._wake_up()  # it came after the task's last look

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self.clear()
        self.room = False
        if not self.gone.done():
            self.gone.set_result(None)

    def _next(self) -> Awaitable[None] | None:
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            return unfinished
        frame = self.take()
        if frame is None:
            return None
        self._expect(len(frame))
        return self._send_frame(frame)

    @property
    def _busy(self) -> bool:
        return self._sending or self._unfinished is not None

    @property
    def waiting(self) -> bool:
        """As in `Outlet`; a frame under way counts when even a slow client would have taken it."""
        if self._busy:
            return self._loop.time() >= self._due
        return super().waiting

    def clear(self) -> None:
        super().clear()
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            unfinished.close()

    def close(self, code: int, reason: str) -> None:
        if self.closing is None:
            # A close cannot pass a socket that takes nothing: what does not go out in time never will.
            self._deadline = self._loop.call_later(CLOSE_SECONDS, self._give_up)
        super().close(code, reason)

    def abort(self) -> bool:
        """Detach: nothing more is sent, what waits is freed. The socket is the server's to close."""
        self._give_up()
        return False

    async def finish(self) -> None:
        """Let a close go out, for a while; then end, whatever is under way."""
        if self.closing is not None and not self.gone.done():
            await asyncio.wait([self.gone], timeout=CLOSE_SECONDS)
        self._give_up()
        await self.gone


class Unfinished:
    """A coroutine that was begun here and goes on in whichever task awaits this."""

    __slots__ = ("_coroutine", "_step")

    def __init__(self, coroutine: Coroutine[Any, Any, None], step: Any) -> None:
        self._coroutine = coroutine
        self._step = step

    def __await__(self) -> Generator[Any, Any, None]:
        step = self._step
        while True:
            try:
                result = yield step
            except BaseException as error:
                try:
                    step = self._coroutine.throw(error)
                except StopIteration:
                    return
            else:
                try:
                    step = self._coroutine.send(result)
                except StopIteration:
                    return

    def close(self) -> None:
        self._coroutine.close()


def flows(send: Any) -> bool:
    """Is this `send` known to wait for nothing but the socket, so that it may be begun anywhere?

    It is for uvicorn's, also behind the wrappers that Starlette puts around it. Other servers
    may use what belongs to the task they are called in; there the writer's own task sends.
    """
    while inspect.isfunction(send) and send.__closure__ is not None and "send" in send.__code__.co_freevars:
        send = send.__closure__[send.__code__.co_freevars.index("send")].cell_contents
    server = type(getattr(send, "__self__", None)).__module__
    return server.startswith("uvicorn.") or server == f"{__package__}.uvicorn"


def _nothing() -> None:
    return None


def _ignore(error: Exception) -> None:
    return None


def log_lost(error: Exception, counters: Any) -> None:
    """A send failed. That a client left is everyday; anything else is logged once and counted."""
    if not isinstance(error, OSError) and not _says_closed(error):
        counters.session_errors += 1
        log.error("a connection ended because of an error", exc_info=error)


def _says_closed(error: Exception) -> bool:
    # What servers raise when the peer is gone has no common class: uvicorn's is an OSError,
    # hypercorn and Starlette raise a RuntimeError of their own after the close.
    # It says so itself where it closed because of a bad frame, and we have not read that yet.
    if isinstance(error, RuntimeError) and "after sending 'websocket.close'" in str(error):
        return True
    name = type(error).__name__
    return name in ("ClientDisconnected", "WebSocketDisconnect", "ConnectionClosed", "ConnectionClosedError")
