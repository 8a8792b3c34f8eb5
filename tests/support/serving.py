"""Servers for tests: uvicorn in the test's own loop, on a free port of the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

from gapless import ChannelOptions, Hub, HubApp, Limits

from .sockets import Client, connected, lazy
from .until import DEADLINE, until

PLAIN_ASGI = "websockets-sansio"
FAST_PATH = "gapless.transports.uvicorn:WebSocketProtocol"

PLAIN_HTTP = "httptools"
DIRECT_HTTP = "gapless.server.direct_http:DirectHttpProtocol"

NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no certificate. Who only speaks to the loopback in the clear gives it to httpx as `verify`,
which otherwise reads all roots there are for each client: 20 ms, more than most tests take."""


class Server(uvicorn.Server):
    """uvicorn without its hands on the signals, which are the test runner's, and without its pauses."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.enough = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.enough.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(DEADLINE):
                while self.server_state.connections or self.busy:
                    await asyncio.sleep(0.001)
        finally:
            for task in self.server_state.tasks:
                task.cancel()
            await self.lifespan.shutdown()

    @property
    def busy(self) -> int:
        """ASGI calls that have not returned."""
        return len(self.server_state.tasks)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    server: Server
    port: int

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def http(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def ws(self, path: str) -> str:
        return f"ws://{self.host}{path}"


@asynccontextmanager
async def serve(
    app: Any, *, ws: str = PLAIN_ASGI, on: str = "127.0.0.1", **options: Any
) -> AsyncIterator[Address]:
    """Serve an application on an address of this machine; `options` are uvicorn's.

    Fails when a connection or an ASGI call does not come to its end by itself.
    """
    # Said to be TCP, for asyncio else leaves Nagle's algorithm on, and answers wait for 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind((on, 0))
    listening.listen(2048)
    config = uvicorn.Config(
        app,
        ws=ws,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        **options,
    )
    server = Server(config)
    running = asyncio.create_task(server.serve([listening]))
    started = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait([running, started], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        yield Address(server, listening.getsockname()[1])
    finally:
        started.cancel()
        server.enough.set()
        await running
        listening.close()


class Doors:
    """A hub behind its doors, and a way through each of them."""

    def __init__(self, hub: Hub, address: Address, browser: httpx.AsyncClient) -> None:
        self.hub = hub
        self.address = address
        self.http = browser

    def client(self, query: str = "", **options: Any) -> contextlib.AbstractAsyncContextManager[Client]:
        """A connection to `/ws`. `options` are those of websockets' `connect`."""
        return connected(self.address.ws(f"/ws{query}"), **options)

    def lazy(self, query: str = "", **options: Any) -> contextlib.AbstractAsyncContextManager[Client]:
        """As `client`, but one that reads nothing until it is asked to."""
        return lazy(self.address.ws(f"/ws{query}"), **options)

    async def settled(self) -> None:
        """Returns when no client is connected and nothing of one is left."""
        await until(lambda: not self.hub.node.roster and not self.address.server.busy, "nothing is left")


@asynccontextmanager
async def doors(
    channels: Mapping[str, ChannelOptions] | None = None,
    *,
    limits: Limits | None = None,
    hub: Hub | None = None,
    ws: str = PLAIN_ASGI,
    server: Mapping[str, Any] | None = None,
    origins: Sequence[str] = (),
    **app: Any,
) -> AsyncIterator[Doors]:
    """A served hub. `app` goes to `HubApp`, `server` to uvicorn."""
    hub = hub or Hub(channels=channels, limits=limits)
    hub_app = HubApp(hub, origins=origins, **app)
    async with (
        serve(hub_app, ws=ws, **(server or {})) as address,
        httpx.AsyncClient(
            base_url=address.http(""), timeout=DEADLINE, trust_env=False, verify=NOBODY
        ) as browser,
    ):
        yield Doors(hub, address, browser)
