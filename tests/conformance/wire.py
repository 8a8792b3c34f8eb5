"""A TCP relay that can be cut: the network between a client and the server, failing on request."""

from __future__ import annotations

import asyncio

CHUNK_BYTES = 64 * 1024


class Wire:
    """Listens on a port of its own and passes every byte on, until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        """Begin to listen; returns the port."""
        self._server = await asyncio.start_server(self._pass_on, self._target[0], 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        """End all connections without a word to either side; those that come meanwhile end at once."""
        self._is_cut = True
        self._abort_all()

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut = False

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._abort_all()

    def _abort_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _pass_on(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self._writers.add(to_client)
        if self._is_cut:
            self._abort_all()
        from_server, to_server = await asyncio.open_connection(*self._target)
        self._writers.add(to_server)
        if to_client.is_closing():  # cut before it was through
            to_server.transport.abort()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(from_client, to_server))
                both.create_task(_pump(from_server, to_client))
        finally:
            for writer in (to_client, to_server):
                self._writers.discard(writer)
                writer.close()


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
