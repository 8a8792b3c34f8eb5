"""The server under test: a hub with a channel for each need, and control over its misfortunes.

    python -m tests.conformance.server --ws gapless.transports.uvicorn:WebSocketProtocol

It prints its settings as one JSON line, serves on a free port of 127.0.0.1, and ends when its standard
input does, so that it never outlives the tests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from gapless import (
    ChannelOptions,
    ClientError,
    ConnectEvent,
    Disconnect,
    Grant,
    Hub,
    HubApp,
    Limits,
    MemoryBroker,
    PublishEvent,
    Replace,
    SubscribeEvent,
)
from gapless.auth.keys import StaticKeys
from gapless.auth.verifier import TokenRules, TokenVerifier
from gapless.hooks.events import MessageEvent, RpcEvent, SubscriptionGrant

from .wire import Wire

STREAM = ChannelOptions(history=100)
ROOM = ChannelOptions(history=100, presence=True, join_leave=True, client_publish=True)

CHANNELS = {
    "live:*": ChannelOptions(),
    "stream:*": STREAM,
    "log:*": ChannelOptions(history=2000),
    "tiny:*": ChannelOptions(history=10, ring=8),
    "cache:*": ChannelOptions(history=10, recovery="cache"),
    "autocache:*": ChannelOptions(history=10, recovery="cache", auto_cache_recover=True),
    "delta:*": ChannelOptions(history=100, delta=True, delta_publish=True),
    "delta-on-demand:*": ChannelOptions(history=100, delta=True),
    "tags:*": ChannelOptions(history=100, tags_filter=True),
    "room:*": ROOM,
    "censored:*": ROOM,
    "limited:*": STREAM,
    "guarded:*": STREAM,
    "greeted:*": STREAM,
    "$secret:*": ROOM,
}

# Short enough for expiries and pings to be seen within a few seconds.
LIMITS = Limits(ping_interval=3.0, pong_timeout=2.9, expiry_grace=2.5)


class ForgetfulBroker(MemoryBroker):
    """The memory broker, which can be made to begin a stream anew, as it does after a restart."""

    def forget(self, channel: str) -> None:
        if channel in self._streams:
            self._forget(channel)


async def connect(event: ConnectEvent) -> Grant:
    """Do what the client's data asks for: refuse it, greet it, subscribe it."""
    said = event.data or {}
    if "refuse" in said:
        raise Disconnect(said["refuse"], "refused by the hook")
    data = json.dumps({"greeting": f"hello {said['greet']}"}).encode() if "greet" in said else None
    return Grant(data=data, channels=tuple(said.get("channels", ())))


async def refuse(event: SubscribeEvent) -> bool:
    return False


async def greet(event: SubscribeEvent) -> SubscriptionGrant:
    return SubscriptionGrant(data={"greeting": f"welcome {event.data['greet']}"})


async def censor(event: PublishEvent) -> Replace:
    if event.data["text"] == "forbidden":
        raise ClientError("forbidden", code=1403)
    return Replace({"text": "****"})


async def echo(event: RpcEvent) -> Any:
    return {"user": event.client.user, "said": event.data}


async def fail(event: RpcEvent) -> Any:
    raise ClientError("as asked", code=1234)


def crash(event: RpcEvent) -> Any:
    raise RuntimeError("as asked")


class Application:
    """The hub behind its doors, its hooks, and the control endpoints."""

    def __init__(self, host: str, port: int) -> None:
        self.secret = secrets.token_urlsafe(32)
        self.key = secrets.token_urlsafe(32)
        self.broker = ForgetfulBroker(LIMITS)
        self.hub = Hub(self.broker, channels=CHANNELS, limits=LIMITS)
        self.sent: list[Any] = []
        self._address = (host, port)
        self._wires: dict[int, Wire] = {}
        self._opened = AsyncExitStack()
        self._add_hooks()
        verifier = TokenVerifier(TokenRules(StaticKeys(self.secret)), leeway=0.0)
        doors = HubApp(self.hub, token=self.key, tokens=verifier)
        controls: dict[str, Callable[[Any], Awaitable[Any]]] = {
            "publish": self._publish,
            "new-epoch": self._begin_anew,
            "sent": self._list_sent,
            "wire": self._add_wire,
            "wire/cut": self._cut_wire,
            "wire/mend": self._mend_wire,
        }
        routes = [
            Route(f"/control/{name}", _endpoint(control), methods=["POST"])
            for name, control in controls.items()
        ]
        self.asgi = Starlette(routes=[*routes, Mount("/", doors)], lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[None]:
        async with AsyncExitStack() as self._opened, self.hub:
            yield

    def _add_hooks(self) -> None:
        hub = self.hub
        hub.on_connect(connect)
        hub.on_subscribe("guarded:*")(refuse)
        hub.on_subscribe("greeted:*")(greet)
        hub.on_publish("censored:*")(censor)
        hub.on_rpc("echo")(echo)
        hub.on_rpc("fail")(fail)
        hub.on_rpc("crash")(crash)
        hub.on_message(self._remember)

    async def _remember(self, event: MessageEvent) -> None:
        self.sent.append(event.data)

    # -- controls

    async def _publish(self, said: Any) -> Any:
        """Publish `{"n": first}`, `{"n": first + 1}` …; with `pad`, that many bytes larger."""
        pad = {"pad": "x" * said["pad"]} if "pad" in said else {}
        numbers = range(said["first"], said["first"] + said["count"])
        receipts = [self.hub.publish(said["channel"], {"n": n, **pad}) for n in numbers]
        for receipt in receipts:
            await receipt
        return {}

    async def _begin_anew(self, said: Any) -> Any:
        """Forget the stream; with `first` and `count` publish into the new one before anybody notices."""
        self.broker.forget(said["channel"])
        return await self._publish(said) if "first" in said else {}

    async def _list_sent(self, said: Any) -> Any:
        return {"sent": self.sent}

    async def _add_wire(self, said: Any) -> Any:
        wire = Wire(*self._address)
        port = await self._opened.enter_async_context(wire.open())
        self._wires[port] = wire
        return {"port": port}

    async def _cut_wire(self, said: Any) -> Any:
        self._wires[said["port"]].cut()
        return {}

    async def _mend_wire(self, said: Any) -> Any:
        self._wires[said["port"]].mend()
        return {}


def _endpoint(control: Callable[[Any], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return JSONResponse(await control(await request.json()))

    return endpoint


async def serve(ws: str) -> None:
    """Serve until standard input ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        host, port = listening.getsockname()
        application = Application(host, port)
        config = uvicorn.Config(application.asgi, ws=ws, log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        settings = {"host": host, "port": port, "secret": application.secret, "key": application.key}
        print(json.dumps(settings), flush=True)  # the socket listens: whoever connects now waits

        async def until_left() -> None:
            await asyncio.to_thread(sys.stdin.read)
            server.should_exit = True

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(until_left())
            await server.serve([listening])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ws", default="auto", help="the WebSocket protocol, as uvicorn takes it")
    asyncio.run(serve(parser.parse_args().ws))
