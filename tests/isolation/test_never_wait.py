"""`NeverWait`: what it leaves as it is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import NeverWait

from .wire import Wire, open_one, text

pytestmark = pytest.mark.anyio


async def test_what_was_sent_goes_out_before_the_application_returns_to_the_server() -> None:
    wire = Wire()
    served = await open_one(wire)
    wire.room.clear()
    for n in range(10):
        await served.send(text(n))
    served.end.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not served.task.done(), "the server would close the socket now"
    wire.room.set()
    await served.finish()
    assert wire.texts == [str(n) for n in range(10)]


async def test_everything_but_websockets_is_passed_as_it_is() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    wire = Wire()
    for kind in ("http", "lifespan"):
        scope = {"type": kind}
        await NeverWait(app)(scope, wire.receive, wire.send)
        assert seen.pop() == (scope, wire.receive, wire.send)
        assert scope == {"type": kind}


async def test_a_refusal_is_the_servers_business_message_by_message() -> None:
    wire = Wire()
    refusal = [
        {"type": "websocket.http.response.start", "status": 403, "headers": [(b"x", b"y")]},
        {"type": "websocket.http.response.body", "body": b"no"},
    ]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in refusal:
            await send(message)

    await NeverWait(app)({"type": "websocket"}, wire.receive, wire.send)
    assert wire.sent == refusal


async def test_accept_is_passed_with_all_it_says_and_what_the_server_offers_stays() -> None:
    wire = Wire()
    accept = {"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"a", b"b")]}
    offered: dict[str, Any] = {"websocket.http.response": {}}
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope["extensions"])
        await send(accept)

    await NeverWait(app)({"type": "websocket", "extensions": offered}, wire.receive, wire.send)
    assert wire.sent == [accept]
    assert seen.items() >= offered.items()
