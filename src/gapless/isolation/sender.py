"""The sender of one WebSocket: what is sent through it waits here, and nobody waits for the client.

A message goes to the server at once while the socket has room. When it has none, messages wait in
order, and a task sends them as the socket takes them; the task is there only while something waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from enum import Enum
from typing import Any

from .outgoing import Outgoing, size_of
from .pressure import Bounds, IsolationCounters, Pressure
from .server import Begun, Direct, Server, says_gone
from .stalls import StallWatch

log = logging.getLogger("gapless")

Message = MutableMapping[str, Any]

SENDER = "gapless.sender"
"""The name in the scope's extensions under which whoever sends to many finds a connection's `Sender`."""

SLOW = 3008
"""The close code for a client that does not take what it is sent."""

WRITE_BYTES = 64 * 1024
"""Frames that wait are written in runs of about so many."""

_SENT = object()
"""What the first step of a `send` gives when it was the last: asked for in this way it costs half of what
catching a StopIteration does."""

TOLD_AFTER = 8
"""Messages of an endpoint that are dropped before it is told that its client is gone."""


class State(Enum):
    """How far a connection has come."""

    NEW = "new"
    """Not accepted: whatever is sent is the server's business."""
    OPEN = "open"
    CLOSING = "closing"
    """The application has closed it; what waits goes out before. So it stays until that returns."""
    GIVEN_UP = "given up"
    """Its client does not take what it is sent. It is told so as soon as it does."""
    OVER = "over"
    """Nothing more can be sent."""
    RETURNED = "returned"
    """The application has returned: what is sent now is the server's business again."""


class ClientGone(OSError):
    """An endpoint sends to a client that is gone (ASGI 2.4: `send` then raises an OSError)."""


class Sender:
    """Stands between an application and the server, for one connection.

    `receive` and `send` are for the application in the place of the server's. Those in `on_end` are
    called once, when nothing can be sent any more or its client was given up.
    """

    __slots__ = (
        "_bounds",
        "_bytes",
        "_counters",
        "_cut",
        "_done",
        "_frames",
        "_half",
        "_has_room",
        "_held",
        "_owner",
        "_pressure",
        "_queue",
        "_receive",
        "_room",
        "_send",
        "_server",
        "_size",
        "_taken",
        "_task",
        "_unheard",
        "_watch",
        "direct",
        "on_end",
        "slow",
        "state",
    )

    def __init__(
        self,
        receive: Callable[[], Awaitable[Message]],
        server: Server,
        bounds: Bounds,
        counters: IsolationCounters,
        pressure: Pressure,
    ) -> None:
        self._receive = receive
        self._server = server
        self._send = server.send
        self._has_room = server.has_room
        self._frames = server.direct
        self._bounds = bounds
        self._half = bounds.queue_bytes // 2
        self._counters = counters
        self._pressure = pressure
        self._owner = asyncio.current_task()
        self.state = State.NEW
        self.direct = False
        """May a message go to the server at once?"""
        self.slow = False
        """As `Pressure` asks: nobody waits for it until it has caught up."""
        self.on_end: dict[object, Callable[[], None]] = {}
        self._queue: deque[tuple[Message, int, Outgoing | None]] = deque()
        self._bytes = 0
        self._held: Begun[None] | None = None
        self._size = 0
        """Of the message under way."""
        self._task: asyncio.Task[None] | None = None
        self._done: asyncio.Future[None] | None = None
        self._room: asyncio.Event | None = None
        self._unheard = 0
        self._taken = 0
        self._watch = StallWatch(bounds.stall_timeout, server.transport)
        self._cut: asyncio.TimerHandle | None = None

    # -- the application's side

    async def receive(self) -> Message:
        """As the server's. A client that was given up has left with 3008."""
        self._unheard = 0
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            if self._cut is not None:  # it was given up
                message = {"type": "websocket.disconnect", "code": SLOW, "reason": "slow"}
            self._leave()
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """As the server's, but it never waits for the client.

        Dropped without a word when the client is gone or was given up; an endpoint that goes on
        sending to its own client without listening gets an OSError.
        """
        # While there is room the server's own `send` does not wait, and nothing is put around it:
        # another coroutine would be half of what all this costs.
        if self.direct and message["type"] == "websocket.send" and self._has_room():
            return self._send(message)
        return self._send_in_turn(message)

    def _begin(self, message: Message) -> None:
        sending: Any = self._send(message)
        try:
            step = next(sending.__await__(), _SENT)
        except Exception as error:
            self._refuse(error)
            return
        if step is not _SENT:
            self._hold(sending, step, message)

    def _refuse(self, error: Exception) -> None:
        """A message was not taken: because its client is gone, or because of what is wrong with it."""
        if not says_gone(error):
            raise error
        self._leave()
        self._drop()

    def put(self, outgoing: Outgoing) -> None:
        """`send` for who sends to many: what goes wrong ends this connection, and is no concern of theirs."""
        if not self.direct:
            if self.state is State.OPEN:
                self._enqueue(outgoing.message, outgoing.size, outgoing)
            else:
                self._counters.dropped += 1
            return
        try:
            if self._frames is None:
                sending: Any = self._send(outgoing.message)
                step = next(sending.__await__(), _SENT)
                if step is not _SENT:
                    self._hold(sending, step, outgoing.message)
            elif self._has_room():
                self._frames.write(outgoing.frame)
            else:
                self._enqueue(outgoing.message, outgoing.size, outgoing)
        except Exception as error:
            self._fail(error)

    async def _send_in_turn(self, message: Message) -> None:
        kind, state = message["type"], self.state
        if self.direct and kind == "websocket.send":
            self._begin(message)
        elif state is State.NEW or state is State.RETURNED:
            await self._send(message)
            if kind == "websocket.accept":
                self.open()
        elif state is State.OPEN and kind == "websocket.send":
            await self._until_room(size_of(message))
            if self.state is not State.OPEN:
                self._drop()
                return
            self._enqueue(message, size_of(message))
            if self._pressure.due:
                await self._pressure.relieve()
        elif state is State.OPEN and kind == "websocket.close":
            await self._close(message)
        elif state is State.OPEN:
            await self._send(message)  # which says what is wrong with it
        elif state is State.CLOSING:
            raise RuntimeError(f"Unexpected ASGI message {kind!r}, after sending 'websocket.close'.")
        else:
            self._drop()

    def open(self) -> None:
        """It was accepted: from now on nobody waits for it."""
        self.state = State.OPEN
        self.direct = self._server.eager
        self._counters.connections += 1
        self._server.bound_send_buffer()

    async def _close(self, message: Message) -> None:
        self.state = State.CLOSING
        self.direct = False
        self._queue.append((message, 0, None))
        self._wake_up()
        if asyncio.current_task() is self._owner:
            # What an endpoint closes it has done with: it may return next, and then the server
            # closes the socket whatever waits.
            await self._until_done()

    async def _until_room(self, size: int) -> None:
        """An endpoint that sends its own client more than may wait goes at that client's pace."""
        while (
            self._queue
            and self._bytes + size > self._bounds.queue_bytes
            and self.state is State.OPEN
            and asyncio.current_task() is self._owner
        ):
            if self._room is None:
                self._room = asyncio.Event()
            await self._room.wait()

    @property
    def queued_bytes(self) -> int:
        """What waits, beside the message under way."""
        return self._bytes

    async def finish(self) -> None:
        """The application has returned: what waits goes out, as long as the client takes it."""
        try:
            await self._until_done()
        finally:
            self._end()
            self.state = State.RETURNED

    async def _until_done(self) -> None:
        if self._task is not None:
            if self._done is None:
                self._done = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._done)

    def _drop(self) -> None:
        self._counters.dropped += 1
        if asyncio.current_task() is self._owner:
            self._unheard += 1
            if self._unheard > TOLD_AFTER:
                raise ClientGone("the client is gone, and nothing of this is sent")

    # -- what waits

    def _hold(self, sending: Coroutine[Any, Any, None], step: Any, message: Message) -> None:
        """The socket is full: the task waits for this message, and sends those behind it."""
        self._held = Begun(sending, step)
        self._size = size_of(message)
        self.direct = False
        self._wake_up()

    def _enqueue(self, message: Message, size: int, outgoing: Outgoing | None = None) -> None:
        if self._queue and self._bytes + size > self._bounds.queue_bytes:
            self._counters.overflowed += 1
            self._give_up()
            self._counters.dropped += 1
            return
        self._queue.append((message, size, outgoing))
        self._bytes += size
        if self._bytes > self._half:
            self._pressure.rise(self, high=self._bytes > self._half + self._half // 2)
        self.direct = False
        self._wake_up()

    def _next(self) -> Awaitable[None] | None:
        """What the task waits for next; None when nothing waits."""
        held, self._held = self._held, None
        if held is not None:
            return held
        if not self._queue:
            return None
        message, self._size, outgoing = self._queue.popleft()
        sending: Awaitable[None]
        if self._frames is not None and outgoing is not None:
            sending = self._write(self._frames, self._run_of_frames(outgoing))
        else:
            sending = self._send(message)
        self._bytes -= self._size
        if self._bytes <= self._half:
            self._ease()
        return sending

    def _run_of_frames(self, first: Outgoing) -> bytes:
        """The frames that wait behind one another, as many as make one good write."""
        frames = [first.frame]
        while self._size < WRITE_BYTES and self._queue:
            _, size, outgoing = self._queue[0]
            if outgoing is None:
                break
            self._queue.popleft()
            self._size += size
            frames.append(outgoing.frame)
        return b"".join(frames)

    async def _write(self, direct: Direct, frames: bytes) -> None:
        await direct.until_room()
        direct.write(frames)

    def _ease(self) -> None:
        self._pressure.ease(self)
        room, self._room = self._room, None
        if room is not None:
            room.set()

    def _clear(self) -> None:
        self._queue.clear()
        self._bytes = 0
        self._ease()

    # -- the task

    def _wake_up(self) -> None:
        if self._task is not None:
            return
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ran)
        self._watch.begin(self._taken, self._progress, self._stall)

    async def _run(self) -> None:
        while (sending := self._next()) is not None:
            await sending
            self._taken += 1

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            self._leave()
        elif isinstance(error, Exception):
            self._fail(error)
        elif error is not None:
            self._leave()
        elif self._queue:
            self._wake_up()  # it came after the task's last look
            return
        elif self.state is State.OPEN:
            self.slow = False
            self.direct = self._server.eager
        else:
            self._leave()  # the close went out
        if self._done is not None and not self._done.done():
            self._done.set_result(None)
        self._done = None

    # -- the end

    def _progress(self) -> tuple[int, int] | None:
        """As `StallWatch` asks."""
        waits = self._task is not None and self.state is not State.GIVEN_UP
        return (self._taken, self._size) if waits else None

    def _stall(self) -> None:
        self._counters.stalled += 1
        self._give_up()

    def _give_up(self) -> None:
        """Nothing more is sent but the message under way, and a goodbye when that was taken."""
        self.state = State.GIVEN_UP
        self.direct = False
        self._clear()
        self._queue.append(({"type": "websocket.close", "code": SLOW, "reason": "slow"}, 0, None))
        self._cut = asyncio.get_running_loop().call_later(self._bounds.thaw_timeout, self._cut_off)
        self._tell_end()

    def _cut_off(self) -> None:
        if self.state is State.GIVEN_UP:
            self._counters.cut += 1
            self._leave()
            if self._server.transport is not None:
                self._server.transport.abort()

    def _fail(self, error: Exception) -> None:
        """A send failed. That a client left is everyday; anything else is logged and counted."""
        if not says_gone(error):
            self._counters.errors += 1
            log.error("a connection ended because of an error", exc_info=error)
        self._leave()

    def _leave(self) -> None:
        """Nothing can be sent any more. Idempotent."""
        self._end()
        self._tell_end()

    def _end(self) -> None:
        if self.state is State.NEW or self.state is State.RETURNED:
            return
        if self.state is not State.CLOSING:
            self.state = State.OVER
        self.direct = False
        self._clear()
        held, self._held = self._held, None
        if held is not None:
            held.close()
        self._watch.end()
        if self._cut is not None:
            self._cut.cancel()
        if self._task is not None:
            self._task.cancel()

    def _tell_end(self) -> None:
        while self.on_end:
            _, on_end = self.on_end.popitem()
            on_end()
