"""Awaited broadcasts of a class that projects copy, of the drop-in, and of the copy behind `NeverWait`."""

from __future__ import annotations

import json
import socket
from collections.abc import Awaitable
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

import gapless

from ..opening import Door
from .runtime import Options, Server, run
from .under_uvicorn import serve


class Copied:
    """As it is copied where somebody thought of encoding a message once."""

    def __init__(self) -> None:
        self.active: list[WebSocket] = []

    async def connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.active.append(websocket)

    def disconnect(self, websocket: WebSocket) -> None:
        if websocket in self.active:
            self.active.remove(websocket)

    async def broadcast(self, message: Any) -> None:
        text = json.dumps(message)
        for websocket in list(self.active):
            await websocket.send_text(text)


class Manager(Server):
    door = Door("/ws", ready='"ready"', resume="")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.manager: Any = gapless.ConnectionManager() if options.manager == "drop_in" else Copied()

    async def start(self, listener: socket.socket) -> int:
        app = FastAPI()
        app.add_api_websocket_route("/ws", self.endpoint)
        if self.options.manager == "middleware":
            app.add_middleware(gapless.NeverWait)
        return await serve(app, listener, self.options)

    async def endpoint(self, websocket: WebSocket) -> None:
        await self.manager.connect(websocket)
        await websocket.send_text('"ready"')
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            self.manager.disconnect(websocket)

    def publish(self, channel: str, data: dict[str, str]) -> Awaitable[object]:
        sent: Awaitable[object] = self.manager.broadcast(data)
        return sent


if __name__ == "__main__":
    run(Manager)
