"""A TCP relay that can be cut: the network between a client and the server, failing on request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..support.streams import Streams

CHUNK_BYTES = 64 * 1024


class Wire:
    """Listens on a port of its own and passes every byte on, until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._is_cut = False
        self._streams = Streams(self._pass_on)
        self._onward: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """Listens within it, on the port that it gives."""
        async with self._streams as streams:
            yield streams.port

    def cut(self) -> None:
        """End all connections without a word to either side; those that come meanwhile end at once."""
        self._is_cut = True
        self._abort_all()

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut = False

    def _abort_all(self) -> None:
        self._streams.cut()
        for writer in self._onward:
            writer.transport.abort()

    async def _pass_on(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        if self._is_cut:
            to_client.transport.abort()
        from_server, to_server = await asyncio.open_connection(*self._target)
        self._onward.add(to_server)
        if to_client.is_closing():  # cut before it was through
            to_server.transport.abort()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(from_client, to_server))
                both.create_task(_pump(from_server, to_client))
        finally:
            self._onward.discard(to_server)
            to_server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on until the source ends or either side is gone; then the other side's end is said too."""
    try:
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass  # cut, or reset by a peer: what this relay is for
    if not writer.is_closing():
        writer.close()
