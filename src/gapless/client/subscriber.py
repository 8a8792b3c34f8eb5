"""Reads channels of a hub elsewhere over a WebSocket, and comes back after every cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from ..errors import ConfigError, Disconnect
from .backoff import Backoff
from .reader import Failed, Happening, Reader
from .remote import Refused, Remote, Unreachable

HEARTBEAT_SECONDS = 20.0
"""A word this often keeps proxies and the hub from taking a quiet reader for a dead one."""
FRAME_BYTES = 8 * 1024 * 1024
"""The largest frame that is taken; a hub's own are far smaller."""
SETTLED_SECONDS = 5.0
"""A connection that lasted this long counts as a success: waiting starts over."""


@dataclass(frozen=True, slots=True)
class Away:
    """The connection is gone; the next attempt comes after `delay` seconds."""

    reason: str
    delay: float


@dataclass(frozen=True, slots=True)
class Back:
    """Connected again after `Away`. What was missed, and what of it is lost, follows."""


class Subscriber:
    """An endless reader.

    The first connection has to work; from then on it comes back by itself, for ever, and resumes
    where it was.
    """

    def __init__(self, remote: Remote, reader: Reader, *, backoff: Backoff | None = None) -> None:
        self._remote = remote
        self._reader = reader
        self._backoff = backoff or Backoff()

    async def frames(self) -> AsyncGenerator[list[Happening | Away | Back], None]:
        """What happened, together as far as it came together. Close it with `aclose`.

        Raises:
            Unreachable: the first connection failed.
            Refused: the hub will not have this reader, now or later.
            NotPlain: the other side is something else.
        """
        known = False
        while True:
            connected_at: float | None = None
            try:
                async with self._connection() as connection:
                    connected_at = asyncio.get_running_loop().time()
                    yield [*([Back()] if known else []), *self._reader.connected()]
                    known = True
                    async for text in connection:
                        happened = self._reader.feed(text)
                        _raise_refusals(happened)
                        yield [*happened]
                    # The iteration ends without an exception after a normal closure.
                    raise _closed(connection)
            except Unreachable as problem:
                if not known:
                    raise
                reason = str(problem)
            if connected_at and asyncio.get_running_loop().time() - connected_at > SETTLED_SECONDS:
                self._backoff.reset()
            delay = self._backoff.next()
            yield [Away(reason, delay)]
            await asyncio.sleep(delay)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[ClientConnection]:
        """One connection with its heartbeat. Every way to lose it becomes Unreachable or Refused."""
        connection = await self._connect()
        heartbeat = asyncio.create_task(_heartbeat(connection))
        try:
            yield connection
        except ConnectionClosed:
            raise _closed(connection) from None
        finally:
            heartbeat.cancel()
            await connection.close()

    async def _connect(self) -> ClientConnection:
        try:
            return await connect(
                self._remote.websocket(self._reader.query()),
                additional_headers=self._remote.headers,
                compression=None,
                max_size=FRAME_BYTES,
                close_timeout=1.0,
                proxy=None if self._remote.loopback else True,
            )
        except InvalidStatus as refusal:
            raise _refused(self._remote, refusal) from None
        except InvalidURI as error:
            raise ConfigError(str(error)) from None
        except (OSError, TimeoutError, EOFError, InvalidHandshake) as error:
            raise self._remote.unreachable(error) from None


async def _heartbeat(connection: ClientConnection) -> None:
    try:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await connection.send('{"type":"ping"}')
    except ConnectionClosed:
        pass  # whoever reads from it sees the same


def _closed(connection: ClientConnection) -> Unreachable | Refused:
    code = connection.close_code
    if code is None or code == 1006:
        return Unreachable("the connection was lost")
    said = f"{code} {connection.close_reason or ''}".strip()
    if code >= 3000 and not Disconnect(code).reconnect:
        return Refused(f"the hub closed the connection for good: {said}")
    return Unreachable(f"the connection was closed: {said}")


def _raise_refusals(happened: list[Happening]) -> None:
    for event in happened:
        if not isinstance(event, Failed):
            continue
        where = f"{event.channel}: " if event.channel is not None else ""
        if event.code in (100, 111) or 2500 <= event.code < 3000:
            raise Unreachable(f"{where}{event.message}")  # temporary: a new connection asks again
        raise Refused(f"{where}error {event.code}: {event.message}")


def _refused(remote: Remote, refusal: InvalidStatus) -> Unreachable | Refused:
    status = refusal.response.status_code
    if status == 429 or status >= 500:
        return Unreachable(f"{remote.url} answers {status}: it is full, or stopping")
    return remote.no_entry() if status in (401, 403) else remote.not_a_hub(status)
