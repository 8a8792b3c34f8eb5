"""The class that very many projects copy, under FastAPI and uvicorn."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from ..opening import Door
from .runtime import Options, Server, run
from .under_uvicorn import serve


class ConnectionManager:
    """As it is copied, except that the history has a bound."""

    def __init__(self) -> None:
        self.active: list[WebSocket] = []
        self.history: deque[Any] = deque(maxlen=100)

    async def connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.active.append(websocket)
        await websocket.send_json({"type": "history", "data": list(self.history)})

    def disconnect(self, websocket: WebSocket) -> None:
        if websocket in self.active:
            self.active.remove(websocket)

    async def broadcast(self, message: Any) -> None:
        self.history.append(message)
        for websocket in list(self.active):
            try:
                await websocket.send_json(message)
            except Exception:
                self.disconnect(websocket)


class Naive(Server):
    door = Door("/ws", ready='"type":"history"', resume="/ws")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.manager = ConnectionManager()

    async def start(self, listener: socket.socket) -> int:
        app = FastAPI()
        app.add_api_websocket_route("/ws", self.endpoint)
        return await serve(app, listener, self.options)

    async def endpoint(self, websocket: WebSocket) -> None:
        await self.manager.connect(websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            self.manager.disconnect(websocket)

    async def publish(self, channel: str, data: dict[str, str]) -> None:
        await self.manager.broadcast(data)
        await asyncio.sleep(0)  # sends that find room do not give the loop a turn


if __name__ == "__main__":
    run(Naive)
