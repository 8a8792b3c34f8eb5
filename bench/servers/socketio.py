"""python-socketio, its ASGI application under the same uvicorn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import socketio  # type: ignore[import-untyped]

from ..opening import Door
from .runtime import Options, Server, run
from .under_uvicorn import serve


class SocketIO(Server):
    # "40" asks for the default namespace; the answer begins in the same way and holds the session's id.
    door = Door("/socket.io/?EIO=4&transport=websocket&room={channel}", words=("40",), ready='40{"sid"')
    bounded = False  # every client has an unbounded queue

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        # The generator answers no pings; an hour is longer than any run.
        self.io = socketio.AsyncServer(
            async_mode="asgi", ping_interval=3600, cors_allowed_origins="*", monitor_clients=False
        )
        self.io.on("connect", self.connected)

    async def start(self, listener: socket.socket) -> int:
        return await serve(socketio.ASGIApp(self.io), listener, self.options)

    async def connected(self, sid: str, environ: Mapping[str, Any]) -> None:
        await self.io.enter_room(sid, parse_qs(environ["QUERY_STRING"])["room"][0])

    async def publish(self, channel: str, data: dict[str, str]) -> None:
        await self.io.emit("message", data, room=channel)
        await asyncio.sleep(0)


if __name__ == "__main__":
    run(SocketIO)
