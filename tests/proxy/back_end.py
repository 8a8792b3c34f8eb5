"""A back end behind real HTTP: it remembers what it was asked, and answers as the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from gapless import ChannelOptions, Limits
from gapless.protocol.centrifuge.codecs import Codec
from gapless.proxy.proxy import Endpoint, Proxies, Proxy

from ..support.centrifuge.stage import Stage, stage
from ..support.serving import serve


@dataclass(slots=True)
class Asked:
    """One call."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class Slow:
    """An answer that comes byte by byte, as long as the test waits."""

    piece: bytes = b" "


@dataclass(slots=True)
class BackEnd:
    """An ASGI application. `answers` are by path: an object, bytes, or (status, object or bytes)."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        assert scope["method"] == "POST"
        assert headers["content-type"] == "application/json"
        self.asked.append(Asked(scope["path"], headers, orjson.loads(body)))
        answer = self.answers[scope["path"]]
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        await send({"type": "http.response.start", "status": status, "headers": []})
        if isinstance(content, Slow):
            await self._trickle(receive, send, content)
            return
        raw = content if isinstance(content, bytes) else orjson.dumps(content)
        await send({"type": "http.response.body", "body": raw})

    async def _trickle(self, receive: Receive, send: Send, slow: Slow) -> None:
        left = asyncio.ensure_future(receive())
        while not left.done():
            await send({"type": "http.response.body", "body": slow.piece, "more_body": True})
            await asyncio.wait([left], timeout=0.005)
        await left

    def at(self, path: str, **how: Any) -> Endpoint:
        """An endpoint here. The deadline is long, for tests that do not mean it."""
        return Endpoint(self.url + path, **{"timeout": 10.0, **how})

    def last(self) -> Asked:
        return self.asked[-1]


@asynccontextmanager
async def back_end() -> AsyncIterator[BackEnd]:
    found = BackEnd()
    async with serve(found) as address:
        found.url = address.http("")
        yield found


@asynccontextmanager
async def proxied(
    codec: Codec,
    proxies: Proxies,
    channels: dict[str, ChannelOptions] | None = None,
    *,
    limits: Limits | None = None,
    **rules: Any,
) -> AsyncIterator[Stage]:
    """A hub whose decisions the back end makes."""
    proxy = Proxy(proxies)
    try:
        async with stage(codec, channels, limits=limits, **{"tokens": False, **rules}) as here:
            proxy.install(here.hub)
            yield here
    finally:
        await proxy.close()
