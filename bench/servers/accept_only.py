"""The least an ASGI application can do: accept, and wait for the end. Publishes nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..opening import Door
from .runtime import Server, run
from .under_uvicorn import serve

Event = MutableMapping[str, Any]


async def accept(
    scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
) -> None:
    """The application."""
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


class AcceptOnly(Server):
    door = Door("/ws", resume="/ws")

    async def start(self, listener: socket.socket) -> int:
        return await serve(accept, listener, self.options)

    async def publish(self, channel: str, data: dict[str, str]) -> None:
        await asyncio.sleep(0)


if __name__ == "__main__":
    run(AcceptOnly)
