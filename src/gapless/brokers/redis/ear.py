"""One connection on which a server notifies: what is subscribed there, and what comes.

What comes is handed on at once and nothing waits here, so it is never behind a client: while the
process is busy the bytes stay in the socket and then with Redis, which cuts the connection above
its own limit (`client-output-buffer-limit pubsub`); every ring is then repaired from history.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter, deque
from collections.abc import Callable, Sequence

import hiredis
from redis.asyncio.connection import Connection
from redis.exceptions import AskError, RedisError, ResponseError

from ...errors import BrokerError
from .link import DEADLINE_SECONDS, disconnect

log = logging.getLogger("gapless")

SLICE_SECONDS = 0.004
"""How long notifications hold the loop before flushes, handshakes and pings have a turn."""

CLOCK_EVERY = 16
"""Notifications between looks at the clock."""

NAMES_AT_ONCE = 500
"""Channels named in one SUBSCRIBE."""


class Ear:
    """An open subscription connection, until it fails or is closed; `ended` then holds why.

    `heard(name, message)` is called for every message, `moved(name)` when the server itself ended
    or refused a subscription because its slot goes to another server.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        sharded: bool,
        heard: Callable[[str, bytes], None],
        moved: Callable[[str], None],
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self.failure: BrokerError | None = None
        self._connection = connection
        self._heard, self._moved = heard, moved
        self._deadline = deadline
        # All names of one SSUBSCRIBE have to lie in one slot.
        self._at_once = 1 if sharded else NAMES_AT_ONCE
        self._verbs = (b"SSUBSCRIBE", b"SUNSUBSCRIBE") if sharded else (b"SUBSCRIBE", b"UNSUBSCRIBE")
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Exception] = self._loop.create_future()
        self.subscribed: set[str] = set()
        self._unconfirmed: dict[str, list[asyncio.Future[None]]] = {}
        self._ending: Counter[str] = Counter()
        self._asked: deque[tuple[bytes, str]] = deque()
        self._out: list[bytes] = []
        self._wake = asyncio.Event()
        self._tasks = [self._loop.create_task(self._write()), self._loop.create_task(self._read())]

    async def subscribe(self, names: Sequence[str]) -> None:
        """Returns when the server notifies of them all. Raises BrokerError."""
        if self.failure is not None:
            raise self.failure
        self.subscribed.update(names)
        futures = []
        for name in names:
            future = self._loop.create_future()
            self._unconfirmed.setdefault(name, []).append(future)
            futures.append(future)
        self._send(self._verbs[0], names)
        try:
            async with asyncio.timeout(self._deadline):
                for future in futures:
                    await future
        except TimeoutError:
            error = TimeoutError(f"no answer to a subscription within {self._deadline:g} seconds")
            self.fail(error)
            raise self.failure or error from None

    def unsubscribe(self, names: Sequence[str]) -> None:
        """What comes until the server has read this is still heard."""
        if self.failure is None:
            self.subscribed.difference_update(names)
            self._ending.update(names)
            self._send(self._verbs[1], names)

    def _send(self, verb: bytes, names: Sequence[str]) -> None:
        for at in range(0, len(names), self._at_once):
            some = names[at : at + self._at_once]
            if self._at_once == 1:
                self._asked.append((verb, some[0]))
            self._out.append(hiredis.pack_command((verb, *some)))  # type: ignore[arg-type]  # as in Link
        self._wake.set()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            out, self._out = self._out, []
            try:
                await self._connection.send_packed_command(out, check_health=False)
            except (RedisError, OSError) as error:
                self.fail(error)
                return

    async def _read(self) -> None:
        read, heard, clock = self._connection.read_response, self._heard, self._loop.time
        taken, deadline = 0, clock() + SLICE_SECONDS
        while True:
            try:
                kind, name, value = await read(timeout=math.inf, disconnect_on_error=False)
            except ResponseError as error:
                self._refused(error)
                if self.failure is not None:
                    return
                continue
            except (RedisError, OSError, ValueError, TypeError) as error:
                self.fail(error)
                return
            if kind in (b"message", b"smessage"):
                try:
                    heard(name.decode(), value)
                except Exception as error:  # else nothing would be heard any more, and nobody told
                    log.exception("a notification of Redis could not be handled")
                    self.fail(error)
                    return
            elif kind in (b"subscribe", b"ssubscribe"):
                self._confirmed(name.decode())
            elif name is not None:
                self._ended(name.decode())
            taken += 1
            if taken % CLOCK_EVERY == 0 and clock() >= deadline:
                await asyncio.sleep(0)
                deadline = clock() + SLICE_SECONDS

    def _confirmed(self, name: str) -> None:
        if self._asked and self._asked[0] == (self._verbs[0], name):
            self._asked.popleft()
        futures = self._unconfirmed.get(name)
        if futures:
            future = futures.pop(0)
            if not futures:
                del self._unconfirmed[name]
            if not future.done():
                future.set_result(None)

    def _ended(self, name: str) -> None:
        if self._asked and self._asked[0] == (self._verbs[1], name):
            self._asked.popleft()
        if self._ending[name] > 1:
            self._ending[name] -= 1
        elif self._ending.pop(name, 0) == 0:
            self.subscribed.discard(name)
            self._moved(name)

    def _refused(self, error: ResponseError) -> None:
        """Which name was refused is not said, but answers come in order."""
        if not isinstance(error, AskError):  # of which MovedError is one
            self.fail(error)
        elif self._asked:
            verb, name = self._asked.popleft()
            if verb == self._verbs[0]:
                self.subscribed.discard(name)
                for future in self._unconfirmed.pop(name, []):
                    if not future.done():
                        future.set_exception(BrokerError(f"the slot of this channel moved: {error}"))
                        future.exception()
                self._moved(name)

    def fail(self, error: Exception) -> None:
        """Give the connection up: from here on nothing is heard."""
        if self.failure is not None:
            return
        self.failure = BrokerError(f"Redis does not notify: {str(error) or type(error).__name__}")
        self.failure.__cause__ = error
        for futures in self._unconfirmed.values():
            for future in futures:
                if not future.done():
                    future.set_exception(self.failure)
                    future.exception()  # whoever waited may be gone
        self._unconfirmed.clear()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self.ended.set_result(error)

    async def close(self) -> None:
        self.fail(ConnectionError("the connection was closed"))
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await disconnect(self._connection)
