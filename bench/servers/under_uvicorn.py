"""Any ASGI application under one and the same uvicorn."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn

from gapless.server.serve import settle

from .runtime import Options

_tasks: set[asyncio.Task[None]] = set()


async def serve(
    app: Any, listener: socket.socket, options: Options, *, settled: bool = True, http: str = "httptools"
) -> int:
    """Run `app` in this loop; returns the port once it accepts connections.

    No compression, no access log, no pings: none of them is what is measured. The garbage collector
    is set as `gapless serve` sets it, for every application alike unless it is not `settled`. `http` is
    uvicorn's HTTP protocol.
    """
    config = uvicorn.Config(
        app,
        ws=options.ws,
        http=http,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        access_log=False,
        log_level="warning",
        backlog=4096,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    _tasks.add(task)
    while not server.started:
        if task.done():
            task.result()
            raise RuntimeError("uvicorn ended while it was starting")
        await asyncio.sleep(0.01)
    if settled:
        settle()
    return int(listener.getsockname()[1])
