"""An application of several workers whose classes share a store, named in the environment."""

from __future__ import annotations

import os

from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect

from gapless import ConnectionManager

app = FastAPI()
manager = ConnectionManager(store=os.environ["GAPLESS_TEST_STORE"], keeps=lambda channel: False)


@app.websocket("/ws")
async def endpoint(websocket: WebSocket) -> None:
    await manager.connect(websocket)
    manager.send_personal_message(str(os.getpid()), websocket)
    try:
        while True:
            await manager.broadcast(await websocket.receive_text())
    except WebSocketDisconnect:
        manager.disconnect(websocket)
