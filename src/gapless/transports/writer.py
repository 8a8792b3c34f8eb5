"""The writer of one ASGI connection: the only one that calls `send`, in order, one at a time.

Used where the server offers nothing better. A completed `send` is progress; a socket that does
not move can only be detached, because ASGI has no abort.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from ..core.outbox import Outbox
from ..options import Limits

log = logging.getLogger("gapless")

Send = Callable[[Any], Awaitable[None]]

CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close frame."""


class Writer(Outbox):
    """An outbox with the task that empties it.

    `send_frame` sends one frame, `send_close` says goodbye. `on_room` is called when pushes may
    go on, `on_lost` once when the connection is found broken.
    """

    __slots__ = ("_send_close", "_send_frame", "_task", "_waiter", "gone", "on_lost", "on_room")

    def __init__(
        self,
        send_frame: Send,
        send_close: Callable[[int, str], Awaitable[None]],
        limits: Limits,
    ) -> None:
        super().__init__(self._wake_up, max_bytes=limits.reply_bytes, max_frames=limits.reply_frames)
        self._send_frame = send_frame
        self._send_close = send_close
        self._waiter: asyncio.Future[None] | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_room: Callable[[], None] = _nothing
        self.on_lost: Callable[[Exception], None] = _ignore
        self._task = asyncio.get_running_loop().create_task(self._run())

    def _wake_up(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _run(self) -> None:
        try:
            while True:
                frame = self.take()
                if frame is not None:
                    await self._send_frame(frame)
                    if self.sent():
                        self.on_room()
                elif self.closing is not None:
                    await self._send_close(*self.closing)
                    return
                else:
                    self._waiter = asyncio.get_running_loop().create_future()
                    await self._waiter
        except Exception as error:
            self.on_lost(error)
        finally:
            self.clear()
            self.room = False
            if not self.gone.done():
                self.gone.set_result(None)

    def abort(self) -> bool:
        """Detach: nothing more is sent, what waits is freed. The socket is the server's to close."""
        self.clear()
        self._task.cancel()
        return False

    async def finish(self) -> None:
        """Let a close go out, for a while; then end the task, whatever it is doing."""
        if self.closing is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=CLOSE_SECONDS)
        self._task.cancel()
        await asyncio.wait([self._task])


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
    name = type(error).__name__
    return name in ("ClientDisconnected", "WebSocketDisconnect", "ConnectionClosed", "ConnectionClosedError")
