"""The publisher for asyncio: the same thread sends, and who publishes waits without holding a loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from ..protocol.encode import encode
from .outgoing import Entry, Overflow
from .publisher import BUFFER_BYTES, CLOSE_SECONDS, Publisher
from .receipt import Receipt, wake
from .ways import Publishes, Way

LOOK_SECONDS = 0.5
"""A cancelled `flush` gives its thread back within this time."""


class AsyncPublisher:
    """As `Publisher`, with coroutines where that one blocks. It belongs to no loop.

        async with AsyncPublisher("http://127.0.0.1:8765") as publisher:
            receipt = await publisher.publish("logs", {"message": "hello"})
            position = await receipt

    Raises:
        ConfigError: the address is none.
    """

    def __init__(
        self,
        target: str | Publishes | Way | None = None,
        *,
        token: str | None = None,
        overflow: Overflow | str = Overflow.BLOCK,
        max_bytes: int = BUFFER_BYTES,
        close_timeout: float = CLOSE_SECONDS,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self.publisher = Publisher(
            target,
            token=token,
            overflow=overflow,
            max_bytes=max_bytes,
            close_timeout=close_timeout,
            report=report,
        )
        """The one that sends; its counters are this one's too."""

    async def publish(self, channel: str, data: Any) -> Receipt:
        """Publish after everything before it in this channel; waits for room alone.

        Await the receipt for the position, or leave it.

        Raises:
            TypeError: JSON cannot carry the data.
            Overloaded: there is no room, and `overflow` is `raise`.
            ValueError: it was closed.
        """
        receipt = Receipt()
        await self.put(channel, [(encode(data), receipt)])
        return receipt

    async def put(self, channel: str, entries: Sequence[Entry]) -> None:
        """Several encoded publications at once. Raises as `publish`."""
        loop = asyncio.get_running_loop()
        while True:
            room: asyncio.Future[None] = loop.create_future()
            if self.publisher.try_put(channel, entries, lambda room=room: wake(loop, room)):  # type: ignore[misc]
                return
            await room

    async def flush(self, timeout: float | None = None) -> int:
        """Wait until everything was taken, at most `timeout` seconds. Gives how many still wait.

        Raises:
            NotTheHub: the address or the credential is wrong; waiting longer will not help.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LOOK_SECONDS if deadline is None else min(LOOK_SECONDS, deadline - time.monotonic())
            waiting = await asyncio.to_thread(self.publisher.flush, max(0.0, left))
            if not waiting or (deadline is not None and time.monotonic() >= deadline):
                return waiting

    async def close(self, timeout: float | None = None) -> int:
        """Send what waits for at most `timeout` seconds (`close_timeout`), and end. Gives what is left."""
        return await asyncio.to_thread(self.publisher.close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
