"""The hub that is attacked, in a process of its own: it publishes by itself and says how it is inside.

    python tests/attacks/victim.py serve gapless.transports.uvicorn:WebSocketProtocol

It is served as `gapless serve` does, by `gapless.run`, or by uvicorn with nothing but that protocol. Its
port, or its address, is the first line that it writes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psutil
import uvicorn

import gapless
from gapless import ChannelOptions, Hub, HubApp, Limits
from gapless.server.listening import listen
from gapless.server.serve import run, websocket_protocol

RATE = 200
"""Publications a second."""

LIMITS = Limits(
    stall_timeout=1.0, close_timeout=1.0, message_seconds=2.0, connect_timeout=2.0, body_seconds=2.0
)
"""Deadlines short enough for a test to see their end; the bounds are the usual ones."""

CHANNELS = {
    "room": ChannelOptions(history=10_000),
    "busy": ChannelOptions(history=100, history_bytes=8 << 20),
    "big": ChannelOptions(history=10_000, history_bytes=64 << 20),
    "names:*": ChannelOptions(history=10),
    "people": ChannelOptions(presence=True, join_leave=True),
}


class Inside:
    """What can only be seen from within."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._process = psutil.Process()
        self.published = 0
        self.longest = 0.0
        """Seconds that the loop was away for, at most, since this was last asked for."""
        self.publishing = False

    async def work(self) -> None:
        """Publish at the rate, and watch the clock; what is late is made up for."""
        clock = time.monotonic
        due = before = clock()
        while True:
            await asyncio.sleep(0.005)
            now = clock()
            self.longest = max(self.longest, now - before - 0.005)
            before = now
            if not self.publishing:
                due = now
                continue
            while due <= now:
                due += 1 / RATE
                self.published += 1
                self._hub.publish("room", {"n": self.published, "at": now})
                if not self.published % 4:
                    self._hub.publish("busy", {"filler": "x" * 16_000})

    def look(self) -> dict[str, Any]:
        node = self._hub.node
        longest, self.longest = self.longest, 0.0
        return {
            "published": self.published,
            "longest": longest,
            "rss": self._process.memory_info().rss,
            "descriptors": self._process.num_fds(),
            "sessions": len(node.roster),
            "subscriptions": sum(node.rings.subscribers().values()),
            "tasks": len(node.tasks.running),
            "present": len(node.members),
            "inbound": node.inbound.used,
            "rings": len(node.rings.all()),
            "counters": self._hub.counters.snapshot(),
            "ready": self._hub.lifecycle.unready() is None,
        }


def main() -> None:
    hub = Hub(channels=CHANNELS, limits=LIMITS)
    doors, inside = HubApp(hub, open_api=True), Inside(hub)
    working: list[asyncio.Task[None]] = []

    async def app(
        scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/inside/"):
            await doors(scope, receive, send)
            return
        if not working:
            working.append(asyncio.create_task(inside.work()))
        if scope["path"] != "/inside/look":
            inside.publishing = scope["path"] == "/inside/publish"
        body = json.dumps(inside.look()).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": body})

    server, ws = sys.argv[1:]
    if server == "run":
        gapless.run(app, port=0)
        return
    sockets = listen("127.0.0.1", 0)

    def started() -> None:
        os.write(1, b"%d\n" % sockets[0].getsockname()[1])

    if server == "uvicorn":
        started()  # it listens already, and whoever connects waits for it
        uvicorn.Server(uvicorn.Config(app, ws=ws, log_level="critical")).run(sockets)
        return
    run(
        app,
        sockets,
        drain=hub.drain,
        message_bytes=LIMITS.message_bytes,
        ws=websocket_protocol(ws),
        started=started,
    )


if __name__ == "__main__":
    main()
