"""`websockets.broadcast`: the library's own way to send one message to many connections."""

from __future__ import annotations

import asyncio
import socket

import orjson
from websockets.asyncio.server import ServerConnection, broadcast, serve

from ..opening import Door
from .runtime import Options, Server, run


class WebsocketsBroadcast(Server):
    door = Door("/")
    bounded = False  # "There's no backpressure", as its documentation says

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.connections: set[ServerConnection] = set()

    async def start(self, listener: socket.socket) -> int:
        await serve(self.handler, sock=listener, compression=None, ping_interval=None, backlog=4096)
        return int(listener.getsockname()[1])

    async def handler(self, connection: ServerConnection) -> None:
        self.connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            self.connections.discard(connection)

    async def publish(self, channel: str, data: dict[str, str]) -> None:
        broadcast(self.connections, orjson.dumps(data), text=True)
        await asyncio.sleep(0)


if __name__ == "__main__":
    run(WebsocketsBroadcast)
