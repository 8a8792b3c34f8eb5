"""aiohttp's own server, with the loop over its WebSockets that its documentation shows."""

from __future__ import annotations

import asyncio
import socket

import orjson
from aiohttp import web

from ..opening import Door
from .runtime import Options, Server, run


class Aiohttp(Server):
    door = Door("/ws")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.active: set[web.WebSocketResponse] = set()

    async def start(self, listener: socket.socket) -> int:
        app = web.Application()
        app.router.add_get("/ws", self.handler)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.SockSite(runner, listener, backlog=4096).start()
        return int(listener.getsockname()[1])

    async def handler(self, request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(compress=False)
        await websocket.prepare(request)
        self.active.add(websocket)
        try:
            async for _ in websocket:
                pass
        finally:
            self.active.discard(websocket)
        return websocket

    async def publish(self, channel: str, data: dict[str, str]) -> None:
        text = orjson.dumps(data).decode()
        for websocket in list(self.active):
            try:
                await websocket.send_str(text)
            except ConnectionError:
                self.active.discard(websocket)
        await asyncio.sleep(0)


if __name__ == "__main__":
    run(Aiohttp)
