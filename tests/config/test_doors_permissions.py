"""What a configuration's namespaces let clients do, told by the error codes that clients get."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

from gapless import Hub
from gapless.auth.issue import issue_connection_token
from gapless.config.doors import doors
from gapless.config.settings import Settings, load
from gapless.proxy.proxy import Proxy

from ..support.until import DEADLINE

SECRET = "8f2c1d9a4b7e6053f1a2c3d4e5b69788a0b1c2d3e4f5a6b7"

CONFIG = f"""
[client]
allow_anonymous_connect_without_token = true
[client.token]
hmac_secret_key = "{SECRET}"
[channel.without_namespace]
presence = true
history_size = 10
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
"""

Configured = Callable[[str], Settings]

OK, DENIED = 0, 103
WEBSOCKET = {
    "type": "websocket",
    "scheme": "ws",
    "path": "/connection/websocket",
    "raw_path": b"/connection/websocket",
    "root_path": "",
    "query_string": b"",
    "headers": [(b"host", b"localhost")],
    "client": ("127.0.0.1", 1),
    "server": ("127.0.0.1", 2),
    "subprotocols": [],
    "extensions": {},
}

pytestmark = pytest.mark.anyio


class Call:
    """One ASGI call that is under way: what the server says to the application, and what it answers."""

    def __init__(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        self._down: asyncio.Queue[Message] = asyncio.Queue()
        self._up: asyncio.Queue[Message] = asyncio.Queue()
        self._task = asyncio.ensure_future(app({"asgi": {}, **scope}, self._down.get, self._up.put))

    def say(self, kind: str, **more: object) -> None:
        self._down.put_nowait({"type": kind, **more})

    async def hear(self, kind: str) -> Message:
        """The next message, which has to be of this kind."""
        async with asyncio.timeout(DEADLINE):
            message = await self._up.get()
        assert message["type"] == kind, message
        return message

    async def end(self) -> None:
        async with asyncio.timeout(DEADLINE):
            await self._task


class Asking:
    """A client that is asked what it may do."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._id = 0

    async def __call__(self, command: str, **request: object) -> int:
        """The code of the answer, 0 when it is none of an error."""
        self._id += 1
        self._call.say("websocket.receive", text=json.dumps({"id": self._id, command: request}))
        while True:
            frame = await self._call.hear("websocket.send")
            for line in frame["text"].splitlines():
                reply: dict[str, Any] = json.loads(line)
                if reply.get("id") == self._id:
                    return int(reply.get("error", {}).get("code", 0))

    async def verbs(self, channel: str) -> list[int]:
        """May it publish, read the history, see who is there?"""
        return [
            await self("publish", channel=channel, data=1),
            await self("history", channel=channel, limit=1),
            await self("presence", channel=channel),
        ]


@asynccontextmanager
async def asking(settings: Settings, user: str) -> AsyncIterator[Asking]:
    """A client with a token for this user, or without one, of an application that ends with it."""
    app = doors(settings, Hub(channels=settings.channels))
    life = Call(app, {"type": "lifespan"})
    life.say("lifespan.startup")
    await life.hear("lifespan.startup.complete")
    socket = Call(app, WEBSOCKET)
    socket.say("websocket.connect")
    await socket.hear("websocket.accept")
    ask = Asking(socket)
    assert await ask("connect", token=issue_connection_token(SECRET, user) if user else "") == OK
    yield ask
    socket.say("websocket.disconnect", code=1000)
    await socket.end()
    life.say("lifespan.shutdown")
    await life.hear("lifespan.shutdown.complete")
    await life.end()


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    """Settings from the file with something more in it."""

    def configure(more: str) -> Settings:
        file = tmp_path / "gapless.toml"
        file.write_text(CONFIG + more)
        return load(file)

    return configure


def allow(whom: str) -> str:
    return "".join(f"allow_{verb}_for_{whom} = true\n" for verb in ("publish", "history", "presence"))


async def test_what_is_not_allowed_is_denied(configured: Configured) -> None:
    async with asking(configured(""), "ann") as ask:
        assert await ask("subscribe", channel="news") == OK
        assert await ask.verbs("news") == [DENIED] * 3


async def test_what_subscribers_may_do_others_may_not(configured: Configured) -> None:
    async with asking(configured(allow("subscriber")), "ann") as ask:
        assert await ask.verbs("news") == [DENIED] * 3
        assert await ask("subscribe", channel="news") == OK
        assert await ask.verbs("news") == [OK] * 3


async def test_what_clients_may_do_needs_no_subscription(configured: Configured) -> None:
    async with asking(configured(allow("client")), "ann") as ask:
        assert await ask.verbs("news") == [OK] * 3


async def test_clients_without_a_user_need_leave_of_their_own(configured: Configured) -> None:
    async with asking(configured(allow("client")), "") as ask:
        assert await ask("subscribe", channel="news") == OK
        assert await ask.verbs("news") == [DENIED] * 3


async def test_and_may_have_it(configured: Configured) -> None:
    async with asking(configured(allow("client") + allow("anonymous")), "") as ask:
        assert await ask.verbs("news") == [OK] * 3


async def test_the_server_gives_the_connections_to_its_back_ends_back_when_it_ends(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Proxy] = []

    async def close(self: Proxy) -> None:
        closed.append(self)

    monkeypatch.setattr(Proxy, "close", close)
    async with asking(configured('[proxy.rpc]\nendpoint = "http://127.0.0.1:1/"\n'), "ann"):
        assert closed == []
    assert len(closed) == 1
