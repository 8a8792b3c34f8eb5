"""The application that projects have around the class they copied, with `ConnectionManager` in its place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect

from gapless import ConnectionManager

from ..support.serving import Address, serve
from ..support.sockets import Client, connected


def application(manager: ConnectionManager) -> FastAPI:
    """What the projects have around the class: an endpoint that reads until the client leaves."""
    app = FastAPI()

    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket) -> None:
        await manager.connect(websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            manager.disconnect(websocket)

    @app.websocket("/careless")
    async def careless(websocket: WebSocket) -> None:
        await manager.connect(websocket)
        while True:
            await websocket.receive_text()

    @app.websocket("/accepted")
    async def accepted(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("welcome")
        await manager.connect(websocket)
        await manager.connect(websocket)
        await websocket.receive_text()
        manager.disconnect(websocket)
        manager.disconnect(websocket)
        await websocket.send_text("still here")
        await websocket.receive_text()

    @app.post("/say/{n}")
    def say(n: int) -> str:
        manager.publish(message("app:events", n))
        return "said"

    return app


def message(channel: str, data: Any) -> dict[str, Any]:
    return {"channel": channel, "data": data}


@asynccontextmanager
async def served(manager: ConnectionManager) -> AsyncIterator[Address]:
    async with serve(application(manager)) as address:
        yield address


def client(address: Address, path: str = "/ws") -> AbstractAsyncContextManager[Client]:
    return connected(address.ws(path))
