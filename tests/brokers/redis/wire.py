"""The connection to a server that says what a test wants, in the place of redis-py's."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import hiredis
from redis.asyncio.connection import Connection


class Wire:
    """`say` answers, or raises where it is an exception; `writes` are the commands of each write."""

    def __init__(self) -> None:
        self.writes: list[list[list[bytes]]] = []
        self.broken: Exception | None = None
        self.is_open = True
        self._said: asyncio.Queue[Any] = asyncio.Queue()

    @property
    def connection(self) -> Connection:
        return cast("Connection", self)

    @property
    def commands(self) -> list[list[bytes]]:
        """All that were written."""
        return [command for write in self.writes for command in write]

    def say(self, *answers: Any) -> None:
        for answer in answers:
            self._said.put_nowait(answer)

    # -- what the broker asks of a connection

    async def send_packed_command(self, command: list[bytes], check_health: bool = True) -> None:
        if self.broken is not None:
            raise self.broken
        reader = hiredis.Reader()
        reader.feed(b"".join(command))
        self.writes.append(list(iter(reader.gets, False)))

    async def read_response(self, *, timeout: float, disconnect_on_error: bool) -> Any:
        said = await self._said.get()
        if isinstance(said, Exception):
            raise said
        return said

    async def disconnect(self, nowait: bool = False) -> None:
        self.is_open = False
