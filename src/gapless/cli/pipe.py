"""`gapless pipe`: stdin → publications."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Annotated

import typer

from ..client.publisher import Publisher
from ..feeds.splitting import LineSplitter
from ..feeds.tracebacks import HOLD_SECONDS
from .common import DEFAULT_URL, Token, Url, hub_at
from .feeding import Join, Rows, feed

CHUNK_BYTES = 64 * 1024
CHUNKS = 16
"""Read and not yet parsed; then reading waits."""


def pipe(
    channel: Annotated[str, typer.Argument(help="The channel to publish to.")],
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Do not pass the input on to stdout.")] = False,
    join: Join = True,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Publish every line of stdin, and pass it on: app 2>&1 | gapless pipe app.

    A JSON object stays what it is, key=value pairs become an object, other text becomes its message with
    time and level where they can be recognised. While the hub is away, 16 MiB are kept.
    """
    remote = hub_at(url, token)
    raise typer.Exit(asyncio.run(feed(remote, lambda publisher: _pipe(publisher, channel, quiet, join))))


async def _pipe(publisher: Publisher, channel: str, quiet: bool, join: bool) -> None:
    stdin = Stdin(asyncio.get_running_loop(), None if quiet else sys.stdout.fileno())
    splitter, rows = LineSplitter(), Rows(join=join)
    try:
        while chunk := await stdin.read(HOLD_SECONDS if rows.holding else None):
            for row in rows.feed(splitter.feed(chunk)) if chunk is not SILENCE else rows.flush():
                await publisher.offer(channel, row)
    finally:
        # Also when a signal or a closed pipe ends it: what was read is published.
        for row in [*rows.feed(splitter.end()), *rows.flush()]:
            await publisher.offer(channel, row)


SILENCE = b"silence"
"""What `Stdin.read` gives when nothing came in time; told apart by identity."""


class Stdin:
    """Reads stdin in a thread, and passes on what it reads to `copy_to`, if that is a file descriptor.

    The thread is a daemon, because nothing can end a read that waits for a terminal or a quiet pipe.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, copy_to: int | None) -> None:
        self._loop = loop
        self._copy_to = copy_to
        self._chunks: asyncio.Queue[bytes | OSError] = asyncio.Queue()
        self._room = threading.Semaphore(CHUNKS)
        threading.Thread(target=self._run, name="stdin", daemon=True).start()

    async def read(self, timeout: float | None) -> bytes:
        """The next piece; b"" at the end, SILENCE after `timeout` seconds without one.

        Raises:
            OSError: stdin cannot be read, or what was read not passed on.
        """
        try:
            async with asyncio.timeout(timeout):
                chunk = await self._chunks.get()
        except TimeoutError:
            return SILENCE
        self._room.release()
        if isinstance(chunk, OSError):
            raise chunk
        return chunk

    def _run(self) -> None:
        chunk: bytes | OSError = SILENCE
        while chunk and not isinstance(chunk, OSError):
            self._room.acquire()
            try:
                chunk = os.read(sys.stdin.fileno(), CHUNK_BYTES)
                if self._copy_to is not None:
                    _write_all(self._copy_to, chunk)
            except OSError as error:
                chunk = error
            try:
                self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)
            except RuntimeError:
                return  # the loop was closed: the program ends


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
