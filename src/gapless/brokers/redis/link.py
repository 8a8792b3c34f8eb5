"""One connection to one server that many share: calls go out as they come, answers come in order.

redis-py makes the connection, speaks the protocol and knows the errors. It lends a connection to
one caller at a time, though, and a hub has thousands of publications under way. Here nobody waits
for a turn: what was called in one turn of the loop leaves in one write. Nobody's leaving disturbs
the others either, for an answer that nobody waits for any more is still taken from the wire.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import hiredis
from redis.asyncio.connection import Connection
from redis.exceptions import RedisError, ResponseError

from ...errors import BrokerError

Argument: TypeAlias = str | bytes | int

DEADLINE_SECONDS = 5.0
"""An answer that takes longer does not come: the connection is given up."""

WRITE_BYTES = 1 << 20
"""Written at once; the rest after Redis took it."""

ANSWERS_AT_ONCE = 128
"""Answers handled before the loop has a turn."""


class Call(Protocol):
    """Who waits for an answer. Exactly one of the two is called, once."""

    def answer(self, reply: Any) -> None: ...

    def fail(self, error: Exception) -> None:
        """A ResponseError: Redis refused. Anything else: whether it was done is unknown."""


class Awaited:
    """A call that a coroutine waits for; it may stop waiting at any time."""

    __slots__ = ("future",)

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self.future = future

    def answer(self, reply: Any) -> None:
        if not self.future.done():
            self.future.set_result(reply)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)
            self.future.exception()  # whoever waited may be gone; then nobody else need be told


class Marker:
    """Nothing that is sent: a place between calls, told of when all before it were answered."""

    __slots__ = ("_reached",)

    def __init__(self, reached: Callable[[], None]) -> None:
        self._reached = reached

    def answer(self, reply: Any) -> None:
        self._reached()

    def fail(self, error: Exception) -> None:
        self._reached()


class Link:
    """An open connection, until it fails or is closed; `ended` then holds why.

    An answer that is one of the `fatal` errors ends it, after whoever called was told.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        fatal: tuple[type[ResponseError], ...] = (),
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self.failure: BrokerError | None = None
        self._connection = connection
        self._fatal = fatal
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Exception] = self._loop.create_future()
        self._out: list[bytes] = []
        self._wake = asyncio.Event()
        self._calls: deque[tuple[Call, float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks = [self._loop.create_task(self._write()), self._loop.create_task(self._read())]

    def __len__(self) -> int:
        """Calls without an answer."""
        return len(self._calls)

    def send(self, call: Call, *command: Argument) -> None:
        """Call Redis. Calls keep their order; never blocks, and tells `call` of every failure."""
        if self.failure is not None:
            call.fail(self.failure)
            return
        self._out.append(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stub lacks "…"
        self._expect(call)
        self._wake.set()

    def mark(self, reached: Callable[[], None]) -> None:
        """Call `reached` when all that was sent before has its answer, or failed."""
        if self.failure is not None or not self._calls:
            reached()
        else:
            self._expect(Marker(reached))

    def _expect(self, call: Call) -> None:
        now = self._loop.time()
        self._calls.append((call, now))
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._deadline, self._look)

    def call(self, *command: Argument) -> asyncio.Future[Any]:
        """Its answer. Raises ResponseError when Redis refuses, BrokerError when it is unknown."""
        future = self._loop.create_future()
        self.send(Awaited(future), *command)
        return future

    def _look(self) -> None:
        """Is the oldest call older than may be?"""
        self._timer = None
        if self._calls:
            edge = self._calls[0][1] + self._deadline
            if edge <= self._loop.time():
                self.fail(TimeoutError(f"no answer within {self._deadline:g} seconds"))
            else:
                self._timer = self._loop.call_at(edge, self._look)

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            out, self._out = self._out, []
            try:
                for some in _portions(out):
                    await self._connection.send_packed_command(some, check_health=False)
            except (RedisError, OSError) as error:
                self.fail(error)
                return

    async def _read(self) -> None:
        read, calls = self._connection.read_response, self._calls
        taken = 0
        while True:
            reply: Any
            try:
                reply = await read(timeout=math.inf, disconnect_on_error=False)
                refusal = None
            except ResponseError as error:
                reply, refusal = None, error
            except (RedisError, OSError) as error:
                self.fail(error)
                return
            if not calls:
                self.fail(ConnectionError("an answer that nobody asked for"))
                return
            call, _ = calls.popleft()
            if refusal is None:
                call.answer(reply)
            else:
                call.fail(refusal)
                if isinstance(refusal, self._fatal):
                    self.fail(refusal)
                    return
            while calls and isinstance(calls[0][0], Marker):
                calls.popleft()[0].answer(None)
            taken += 1
            if taken % ANSWERS_AT_ONCE == 0:
                await asyncio.sleep(0)

    def fail(self, error: Exception) -> None:
        """Give the connection up; whatever is under way may or may not have been done."""
        if self.failure is not None:
            return
        self.failure = BrokerError(f"Redis is away: {str(error) or type(error).__name__}")
        self.failure.__cause__ = error
        if self._timer is not None:
            self._timer.cancel()
        while self._calls:
            self._calls.popleft()[0].fail(self.failure)
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self.ended.set_result(error)

    async def finish(self, seconds: float) -> None:
        """Wait for the answers under way, at most so long."""
        if self._calls and self.failure is None:
            reached = asyncio.Event()
            self.mark(reached.set)
            try:
                async with asyncio.timeout(seconds):
                    await reached.wait()
            except TimeoutError:
                pass  # what has no answer then is told so by closing

    async def close(self) -> None:
        self.fail(ConnectionError("the connection was closed"))
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await disconnect(self._connection)


async def disconnect(connection: Connection) -> None:
    """Close a connection, whatever state it is in."""
    try:
        await connection.disconnect(nowait=True)
    except (RedisError, OSError):
        pass  # it is gone, which is all that was wanted


def _portions(out: Sequence[bytes]) -> list[list[bytes]]:
    """Joined commands, none much larger than WRITE_BYTES: the loop has turns between them."""
    portions: list[list[bytes]] = []
    size = WRITE_BYTES
    for packed in out:
        if size >= WRITE_BYTES:
            portions.append([])
            size = 0
        portions[-1].append(packed)
        size += len(packed)
    return [[b"".join(portion)] for portion in portions]
