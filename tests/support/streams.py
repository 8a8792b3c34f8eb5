"""A TCP server on loopback in the loop of a test, whose end leaves no connection open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from .until import turns

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Streams:
    """`async with Streams(serve) as server:` and connect to `server.port`.

    Each connection is served in a task, and closed when that is done. At the end all of them are
    aborted and their tasks cancelled, also those that were accepted in the same moment: what a loop that
    is gone holds open, a garbage collection finds in a later test.
    """

    def __init__(self, serve: Serve, port: int = 0) -> None:
        self._serve = serve
        self._port = port
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None, "it was not begun"
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        # Not closed at once: the loop tells of a connection only some turns after it has accepted it, and
        # Python 3.11 forgets one whose server was closed meanwhile.
        for listening in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        await turns()
        self._server.close()
        for task in self._tasks:
            task.cancel()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await turns()  # a transport lets go of its socket in the turn after
        await self._server.wait_closed()

    def cut(self) -> None:
        """End every connection without a word."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A plain function: what it notes is noted in the turn in which the connection is there.
        self._writers.append(writer)
        task = asyncio.ensure_future(self._attend(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side went away
        finally:
            writer.close()
