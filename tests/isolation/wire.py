"""A server that takes what it is sent when a test says so, and an application in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from gapless import IsolationCounters, NeverWait

from ..support.until import DEADLINE

ACCEPT = {"type": "websocket.accept"}


class Wire:
    """One connection as a server has it: a socket with or without room, and what has gone out."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.room.set()
        self.sent: list[Any] = []
        self.gone: Exception | None = None
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.held = 0
        self.aborted = False

    async def receive(self) -> Any:
        return await self.heard.get()

    async def send(self, message: Any) -> None:
        await self.room.wait()
        if self.gone is not None:
            raise self.gone
        if message["type"] == "websocket.send" and "text" not in message and "bytes" not in message:
            raise KeyError("text")
        self.sent.append(message)

    # -- as a transport

    def buffered(self) -> int:
        return self.held

    def abort(self) -> None:
        self.aborted = True

    def descriptor(self) -> int:
        return -1

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.sent if message["type"] == "websocket.send"]

    @property
    def closes(self) -> list[int]:
        return [message["code"] for message in self.sent if message["type"] == "websocket.close"]


def text(said: object) -> dict[str, Any]:
    return {"type": "websocket.send", "text": str(said)}


class Served:
    """An endpoint behind `NeverWait`; the test sends for it, as another task would."""

    def __init__(self, wire: Wire, **bounds: Any) -> None:
        self.wire = wire
        self.counters = IsolationCounters()
        self.end = asyncio.Event()
        self.ready = asyncio.Event()
        self.send: Callable[[Any], Any]
        self.receive: Callable[[], Any]
        self.app = NeverWait(self.endpoint, counters=self.counters, **bounds)
        self.task = asyncio.create_task(self.app({"type": "websocket"}, wire.receive, wire.send))

    async def endpoint(self, scope: Any, receive: Any, send: Any) -> None:
        self.send, self.receive = send, receive
        await send(ACCEPT)
        self.ready.set()
        await self.end.wait()

    async def finish(self) -> None:
        self.end.set()
        async with asyncio.timeout(DEADLINE):
            await self.task


async def open_one(wire: Wire, **bounds: Any) -> Served:
    served = Served(wire, **bounds)
    await served.ready.wait()
    return served
