"""Hooks see what the application around the hub knows of a request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from gapless import ChannelOptions, ConnectEvent, Hub, HubApp

from ..support.serving import serve
from ..support.sockets import connected

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "who-may-come-in.md"


class Knowing:
    """Middleware that knows the user and has a session."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        known = {"user": "ada", "session": {"cart": 3}, "state": {"db": "open"}}
        await self.app({**scope, **known}, receive, send)


async def test_a_hook_sees_user_session_state_and_the_parts_of_the_path() -> None:
    hub = Hub(channels={"*": ChannelOptions()})
    seen: list[ConnectEvent] = []

    @hub.on_connect
    async def connect(event: ConnectEvent) -> str:
        seen.append(event)
        return str(event.user)

    app = Starlette(
        routes=[Mount("/rooms/{room}", HubApp(hub))], middleware=[Middleware(Knowing)], lifespan=hub.lifespan
    )
    async with serve(app) as address:
        async with connected(address.ws("/rooms/blue/ws?channel=a")) as client:
            await client.next()
        async with httpx.AsyncClient(base_url=address.http(""), trust_env=False) as browser:
            async with browser.stream("GET", "/rooms/red/sse?channel=a"):
                pass
    for event, room in zip(seen, ("blue", "red"), strict=True):
        assert (event.user, event.session, event.state) == ("ada", {"cart": 3}, {"db": "open"})
        assert event.path_params["room"] == room
        with pytest.raises(TypeError):
            event.session["cart"] = 4  # type: ignore[index]


async def test_what_a_hook_writes_into_the_scope_reaches_nobody_else() -> None:
    hub = Hub(channels={"*": ChannelOptions()})
    scopes: list[Any] = []

    @hub.on_connect
    async def connect(event: ConnectEvent) -> None:
        event.scope["headers"] = []  # type: ignore[index]

    app = HubApp(hub)

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await app(scope, receive, send)

    async with serve(outer) as address, connected(address.ws("/ws?channel=a")) as client:
        await client.next()
        assert scopes[-1]["headers"]


async def test_the_example_of_a_dependency_runs() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (code,) = (block for block in blocks if "Depends" in block)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, str(PAGE), "exec", dont_inherit=True), names)
    hub: Hub = names["hub"]
    known = [("Cookie", "session=4711")]
    async with serve(names["app"]) as address:
        async with connected(address.ws("/acme/live/ws"), additional_headers=known) as client:
            assert (await client.next())["channel"] == "room"
            (member,) = (await hub.presence("room")).values()
            assert member.user == "ada"
        async with connected(address.ws("/acme/live/ws")) as client:
            assert (await client.closed())[0] == 3507
        async with httpx.AsyncClient(base_url=address.http(""), trust_env=False) as browser:
            assert (await browser.get("/me", headers={"Cookie": "session=4711"})).json() == "ada"
            assert (await browser.get("/me")).status_code == 401
