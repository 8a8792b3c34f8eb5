"""A real hub, mounted in an application below a path, for the pages that ask the server itself."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from gapless import ChannelOptions, Hub, HubApp

from ..support.until import DEADLINE

ELEMENT = """<!doctype html><title>somebody's page</title>
<script type="module" src="/live/static/element.js"></script>
<gapless-log src="/live" channel="logs" query="level>=warning" style="height: 300px"></gapless-log>"""


class RealHub:
    """Serves under `/live`, and a page with the element at `/`, while it is entered."""

    def __init__(self) -> None:
        keeps = ChannelOptions(history=50_000, history_bytes=64 * 1024 * 1024)
        self.hub = Hub(channels={"*": keeps, "now": ChannelOptions()})
        app = Starlette(
            routes=[Route("/", self._page), Mount("/live", HubApp(self.hub, open_api=True))],
            lifespan=self.hub.lifespan,
        )
        protocol = "gapless.transports.uvicorn:WebSocketProtocol"
        self._server = uvicorn.Server(uvicorn.Config(app, ws=protocol, log_config=None))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="real hub", daemon=True)

    async def _page(self, request: Request) -> HTMLResponse:
        return HTMLResponse(ELEMENT)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._listener.getsockname()
        return host, port

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.address[1]}/"

    @property
    def url(self) -> str:
        return f"{self.root}live/"

    def publish(self, channel: str, *data: Any) -> None:
        """And wait until the broker has it."""
        for receipt in [self.hub.publish(channel, each) for each in data]:
            receipt.result(DEADLINE)

    def clear(self, channel: str) -> None:
        """Have what the channel keeps expire."""
        loop = self.hub.node.tasks.loop
        asyncio.run_coroutine_threadsafe(self.hub.remove_history(channel), loop).result(DEADLINE)

    def _serve(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.01)
        self._started.set()
        await serving

    def __enter__(self) -> RealHub:
        self._thread.start()
        assert self._started.wait(DEADLINE)
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = True
        self._thread.join(DEADLINE)
