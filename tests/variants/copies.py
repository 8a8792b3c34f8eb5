"""Seven classes in the shapes that people have, each in the application that people have around it.

Every one is made twice: as it is (`freed=False`), and with the one line changed that the table in
`docs/howto/connection-manager.md` names. What clients see must be the same.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

import gapless

MiB = 1024 * 1024
LARGE, LARGE_BYTES = 4, 900_000
"""Messages that fill what any kernel holds; daphne takes none above 1 MiB."""

NEVER = 3600.0
"""A `stall_timeout` that no test lives to see: who waits for a client waits for ever."""
SOON = 1.5


def limits(stall_timeout: float) -> gapless.Limits:
    return gapless.Limits(stall_timeout=stall_timeout, server_payload_bytes=16 * MiB)


def isolation(stall_timeout: float) -> dict[str, Any]:
    return {"stall_timeout": stall_timeout, "queue_bytes": 16 * MiB}


def chat(freed: bool, stall_timeout: float = NEVER) -> FastAPI:
    """The chat of many tutorials: text to one and to all."""

    class ConnectionManager:
        def __init__(self) -> None:
            self.active_connections: list[WebSocket] = []

        async def connect(self, websocket: WebSocket) -> None:
            await websocket.accept()
            self.active_connections.append(websocket)

        def disconnect(self, websocket: WebSocket) -> None:
            self.active_connections.remove(websocket)

        async def send_personal_message(self, message: str, websocket: WebSocket) -> None:
            await websocket.send_text(message)

        async def broadcast(self, message: str) -> None:
            for connection in self.active_connections:
                await connection.send_text(message)

    app = FastAPI()
    manager: Any = gapless.ConnectionManager(limits=limits(stall_timeout)) if freed else ConnectionManager()

    @app.websocket("/ws/{client_id}")
    async def endpoint(websocket: WebSocket, client_id: int) -> None:
        await manager.connect(websocket)
        try:
            while True:
                data = await websocket.receive_text()
                await manager.send_personal_message(f"You wrote: {data}", websocket)
                await manager.broadcast(f"Client #{client_id} says: {data}")
        except WebSocketDisconnect:
            manager.disconnect(websocket)
            await manager.broadcast(f"Client #{client_id} left the chat")

    return app


def broadcaster(freed: bool, stall_timeout: float = NEVER) -> FastAPI:
    """JSON to everybody, with `send_json`, and a count of who is there."""

    class ConnectionManager:
        def __init__(self) -> None:
            self.active_connections: list[WebSocket] = []

        async def connect(self, websocket: WebSocket) -> None:
            await websocket.accept()
            self.active_connections.append(websocket)

        async def disconnect(self, websocket: WebSocket) -> None:
            if websocket in self.active_connections:
                self.active_connections.remove(websocket)

        async def send_json(self, data: dict[str, Any], websocket: WebSocket) -> None:
            await websocket.send_json(data)

        async def broadcast_json(self, data: dict[str, Any]) -> None:
            for connection in self.active_connections:
                await connection.send_json(data)

    app = FastAPI()
    manager: Any = gapless.ConnectionManager(limits=limits(stall_timeout)) if freed else ConnectionManager()

    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket) -> None:
        await manager.connect(websocket)
        await manager.send_json({"type": "welcome", "online": len(manager.active_connections)}, websocket)
        try:
            while True:
                data = await websocket.receive_json()
                await manager.broadcast_json({"type": "update", "data": data})
        except WebSocketDisconnect:
            await manager.disconnect(websocket)
            await manager.broadcast_json({"type": "left", "online": len(manager.active_connections)})

    return app


def replay(freed: bool, stall_timeout: float = NEVER) -> FastAPI:
    """Logs and events of a worker, the newest of them again to who comes."""

    class ConnectionManager:
        def __init__(self) -> None:
            self.active: list[WebSocket] = []
            self.log_buffer: deque[dict[str, Any]] = deque(maxlen=200)

        async def connect(self, websocket: WebSocket) -> None:
            await websocket.accept()
            self.active.append(websocket)
            if self.log_buffer:
                await websocket.send_json({"channel": "app:history", "data": list(self.log_buffer)})

        def disconnect(self, websocket: WebSocket) -> None:
            if websocket in self.active:
                self.active.remove(websocket)

        async def broadcast(self, message: dict[str, Any]) -> None:
            if message["channel"].endswith((":logs", ":events")):
                self.log_buffer.append(message)
            gone = []
            for websocket in self.active:
                try:
                    await websocket.send_json(message)
                except Exception:
                    gone.append(websocket)
            for websocket in gone:
                self.disconnect(websocket)

    app = FastAPI()
    manager: Any = gapless.ConnectionManager(limits=limits(stall_timeout)) if freed else ConnectionManager()
    app.state.manager = manager

    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket) -> None:
        await manager.connect(websocket)
        try:
            while True:
                said = await websocket.receive_text()
                await manager.broadcast({"channel": "app:logs", "data": said})
        except WebSocketDisconnect:
            manager.disconnect(websocket)

    @app.websocket("/last")
    async def last(websocket: WebSocket) -> None:
        await manager.connect(websocket)
        for _ in range(LARGE):
            await manager.broadcast({"channel": "app:stats", "data": "x" * LARGE_BYTES})
        await websocket.send_text("in between")
        await manager.broadcast({"channel": "app:stats", "data": "the last word"})
        manager.disconnect(websocket)
        await websocket.close()

    return app


def users(freed: bool, stall_timeout: float = NEVER) -> FastAPI:
    """One connection for each user, spoken to by its id."""

    class ConnectionManager:
        def __init__(self) -> None:
            self.active_connections: dict[str, WebSocket] = {}

        async def connect(self, websocket: WebSocket, user_id: str) -> None:
            await websocket.accept()
            self.active_connections[user_id] = websocket

        def disconnect(self, user_id: str) -> None:
            self.active_connections.pop(user_id, None)

        async def send_to_user(self, user_id: str, message: dict[str, Any]) -> None:
            if user_id in self.active_connections:
                await self.active_connections[user_id].send_json(message)

        async def broadcast(self, message: dict[str, Any]) -> None:
            for connection in list(self.active_connections.values()):
                await connection.send_json(message)

    app = FastAPI()
    manager = ConnectionManager()
    if freed:
        app.add_middleware(gapless.NeverWait, **isolation(stall_timeout))

    @app.websocket("/ws/{user_id}")
    async def endpoint(websocket: WebSocket, user_id: str) -> None:
        await manager.connect(websocket, user_id)
        try:
            while True:
                data = await websocket.receive_json()
                message = {"from": user_id, "text": data["text"]}
                if data.get("to"):
                    await manager.send_to_user(data["to"], message)
                else:
                    await manager.broadcast(message)
        except WebSocketDisconnect:
            manager.disconnect(user_id)

    return app


def rooms(freed: bool, stall_timeout: float = NEVER) -> FastAPI:
    """Text to everybody in a room."""

    class RoomManager:
        def __init__(self) -> None:
            self.rooms: dict[str, list[WebSocket]] = defaultdict(list)

        async def connect(self, websocket: WebSocket, room: str) -> None:
            await websocket.accept()
            self.rooms[room].append(websocket)

        def disconnect(self, websocket: WebSocket, room: str) -> None:
            self.rooms[room].remove(websocket)
            if not self.rooms[room]:
                del self.rooms[room]

        async def broadcast(self, message: str, room: str) -> None:
            for connection in self.rooms[room]:
                await connection.send_text(message)

    app = FastAPI()
    manager: Any = gapless.Rooms(limits=limits(stall_timeout)) if freed else RoomManager()
    app.state.manager = kept = gapless.Rooms(history=200, limits=limits(stall_timeout))

    @app.websocket("/ws/{room}/{name}")
    async def endpoint(websocket: WebSocket, room: str, name: str) -> None:
        await manager.connect(websocket, room)
        try:
            while True:
                said = await websocket.receive_text()
                await manager.broadcast(f"{name}: {said}", room)
        except WebSocketDisconnect:
            manager.disconnect(websocket, room)
            await manager.broadcast(f"{name} left", room)

    @app.websocket("/kept/{room}")
    async def keeping(websocket: WebSocket, room: str) -> None:
        await kept.connect(websocket, room)
        try:
            while True:
                await kept.broadcast(await websocket.receive_text(), room)
        except WebSocketDisconnect:
            kept.disconnect(websocket)

    @app.websocket("/last")
    async def last(websocket: WebSocket) -> None:
        await kept.connect(websocket, "last")
        for _ in range(LARGE):
            await kept.send("x" * LARGE_BYTES, to="last")
        await websocket.send_text("in between")
        await kept.broadcast("the last word", "last")
        kept.disconnect(websocket)
        await websocket.close()

    return app


def rooms_with_json(freed: bool, stall_timeout: float = NEVER) -> FastAPI:
    """JSON to the rooms that a connection joins and leaves by asking."""

    class RoomConnectionManager:
        def __init__(self) -> None:
            self.rooms: dict[str, set[WebSocket]] = {}

        def join(self, room_id: str, websocket: WebSocket) -> None:
            self.rooms.setdefault(room_id, set()).add(websocket)

        def leave(self, room_id: str, websocket: WebSocket) -> None:
            self.rooms.get(room_id, set()).discard(websocket)

        def leave_all(self, websocket: WebSocket) -> None:
            for members in self.rooms.values():
                members.discard(websocket)

        async def broadcast_to_room(self, room_id: str, message: dict[str, Any]) -> None:
            for websocket in list(self.rooms.get(room_id, ())):
                await websocket.send_text(json.dumps(message))

    app = FastAPI()
    manager = RoomConnectionManager()
    if freed:
        app.add_middleware(gapless.NeverWait, **isolation(stall_timeout))

    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                asked = await websocket.receive_json()
                room = asked["room"]
                if asked["type"] == "join":
                    manager.join(room, websocket)
                    await websocket.send_json({"type": "joined", "room": room})
                elif asked["type"] == "leave":
                    manager.leave(room, websocket)
                    await websocket.send_json({"type": "left", "room": room})
                else:
                    await manager.broadcast_to_room(
                        room, {"type": "message", "room": room, "text": asked["text"]}
                    )
        except WebSocketDisconnect:
            manager.leave_all(websocket)

    return app


def listener(freed: bool, stall_timeout: float = NEVER) -> FastAPI:
    """Another name, a lock around what is shared, and a task that passes on what a broker brings."""

    class WebSocketHub:
        def __init__(self) -> None:
            self._clients: set[WebSocket] = set()
            self._lock = asyncio.Lock()
            self._pubsub: asyncio.Queue[str] = asyncio.Queue()
            self._task: asyncio.Task[None] | None = None

        async def register(self, websocket: WebSocket) -> None:
            await websocket.accept()
            async with self._lock:
                self._clients.add(websocket)
                if self._task is None:
                    self._task = asyncio.create_task(self._listen())

        async def unregister(self, websocket: WebSocket) -> None:
            async with self._lock:
                self._clients.discard(websocket)

        def publish(self, message: str) -> None:
            self._pubsub.put_nowait(message)

        async def _listen(self) -> None:
            while True:
                message = await self._pubsub.get()
                async with self._lock:
                    await asyncio.gather(*(client.send_text(message) for client in self._clients))

    app = FastAPI()
    hub = WebSocketHub()
    app.state.manager = hub
    app.state.counters = gapless.IsolationCounters()
    if freed:
        app.add_middleware(gapless.NeverWait, counters=app.state.counters, **isolation(stall_timeout))

    @app.websocket("/feed")
    async def endpoint(websocket: WebSocket) -> None:
        await hub.register(websocket)
        try:
            async for text in websocket.iter_text():
                hub.publish(text)
        finally:
            await hub.unregister(websocket)

    @app.websocket("/last")
    async def last(websocket: WebSocket) -> None:
        await websocket.accept()
        for _ in range(LARGE):
            await websocket.send_text("x" * LARGE_BYTES)
        await websocket.send_text("in between")
        await websocket.send_text("the last word")
        await websocket.close()

    return app


COPIES: dict[str, Callable[..., FastAPI]] = {
    made.__name__: made for made in (chat, broadcaster, replay, users, rooms, rooms_with_json, listener)
}
