"""This hub, under uvicorn: with its usual WebSocket implementation, or with the hub's own."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterable, Awaitable
from typing import Any

from gapless import ChannelOptions, Hub, HubApp, Limits, Publication

from ..message import message
from ..opening import Door
from .centrifuge_door import DOOR, PING_SECONDS
from .runtime import Options, Server, run
from .under_uvicorn import serve

_BURST = 100  # publications of one producer between two awaited receipts


def _store(kind: str) -> str:
    """The URL of an empty store; a file is gone with the process."""
    if kind == "redis":
        return os.environ["GAPLESS_BENCH_REDIS"]
    if kind == "sqlite":
        directory = tempfile.mkdtemp(prefix="gapless-bench-")
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        return f"sqlite:///{directory}/hub.db"
    return "memory://"


class GaplessHub(Server):
    receipts = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.hub = Hub(
            _store(options.store),
            channels={"*": ChannelOptions(history=options.history)},
            limits=Limits(ping_interval=PING_SECONDS),
        )
        self.door = DOOR if options.door == "centrifuge" else _plain_door(options.query)

    async def start(self, listener: socket.socket) -> int:
        return await serve(HubApp(self.hub), listener, self.options)

    def publish(self, channel: str, data: dict[str, str]) -> Awaitable[object]:
        return self.hub.publish(channel, data)

    async def position(self, channel: str) -> str:
        return str(await self.hub.publish(channel, {}))

    async def local(self, origin: str, subscribers: int, seconds: float, size: int) -> dict[str, Any]:
        """Publish to subscribers in this process until `seconds` have passed, then until all have come."""
        produce = self._from_thread if origin == "thread" else self._from_loop
        async with contextlib.AsyncExitStack() as stack:
            feeds = [await stack.enter_async_context(self.hub.subscribe("local")) for _ in range(subscribers)]
            readers = [asyncio.create_task(_read(feed)) for feed in feeds]
            start = time.monotonic_ns()
            done = await produce(start + int(seconds * 1e9), size)
            # The last one tells the readers to stop; it is not counted.
            await self.hub.publish("local", {"end": done})
            async with asyncio.timeout(30):
                counts = await asyncio.gather(*readers)
        if any(count != done for count in counts):
            raise RuntimeError(f"of {done} publications the subscribers got {counts}")
        return {"publications": done, "start_ns": start, "end_ns": time.monotonic_ns()}

    async def _from_loop(self, end: int, size: int) -> int:
        done = 0
        while time.monotonic_ns() < end:
            for _ in range(_BURST):
                receipt = self.hub.publish("local", message(size))
            await receipt
            done += _BURST
        return done

    async def _from_thread(self, end: int, size: int) -> int:
        def produce() -> int:
            done = 0
            while time.monotonic_ns() < end:
                for _ in range(_BURST):
                    receipt = self.hub.publish("local", message(size))
                receipt.result(10)
                done += _BURST
            return done

        return await asyncio.to_thread(produce)


def _plain_door(query: str) -> Door:
    return Door(
        path="/ws?channel={channel}&history=0" + query,
        ready='"more":false',
        resume="/ws?channel={channel}&since={channel}@{epoch}:{offset}" + query,
    )


async def _read(feed: AsyncIterable[Publication]) -> int:
    """Count until the publication that says that it was the last."""
    count = 0
    async for publication in feed:
        if publication.payload.startswith(b'{"end"'):
            break
        count += 1
    return count


if __name__ == "__main__":
    run(GaplessHub)
