"""`Rooms`: the keyed sibling of the drop-in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect

from gapless import LimitExceeded, Limits, Rooms

from ..support.serving import FAST_PATH, PLAIN_ASGI, Address, serve
from ..support.sockets import Client, connected
from ..support.until import until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[PLAIN_ASGI, FAST_PATH], ids=["asgi", "fast"])
def ws(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def served(rooms: Rooms, ws: str = PLAIN_ASGI) -> AsyncIterator[Address]:
    """An endpoint whose clients come to the keys in their path, and to more when they ask."""
    app = FastAPI()

    @app.websocket("/{keys}")
    async def endpoint(websocket: WebSocket, keys: str) -> None:
        await rooms.connect(websocket, *keys.split(","))
        try:
            while True:
                asked = json.loads(await websocket.receive_text())
                if "come" in asked:
                    await rooms.connect(websocket, asked["come"])
                if "go" in asked:
                    await rooms.disconnect(websocket, asked["go"])
                await websocket.send_text("done")
        except WebSocketDisconnect:
            rooms.disconnect(websocket)

    async with serve(app, ws=ws) as address:
        yield address


async def test_each_hears_what_is_meant_for_its_keys_in_the_order_of_the_calls(ws: str) -> None:
    rooms = Rooms()
    async with served(rooms, ws) as address:
        async with connected(address.ws("/red")) as red, connected(address.ws("/red,blue")) as both:
            await until(lambda: len(rooms.members()) == 2)
            for n in range(100):
                rooms.broadcast(f"red {n}", "red")
                rooms.broadcast({"blue": n}, "blue")
                await rooms.broadcast(f"all {n}")
            rooms.send("and one", to="red")
            assert [await red.text() for _ in range(201)] == [
                *(text for n in range(100) for text in (f"red {n}", f"all {n}")),
                "and one",
            ]
            assert [await both.text() for _ in range(301)] == [
                *(text for n in range(100) for text in (f"red {n}", f'{{"blue":{n}}}', f"all {n}")),
                "and one",
            ]


async def test_members_come_and_go_with_their_keys() -> None:
    rooms = Rooms()
    async with served(rooms) as address:
        async with connected(address.ws("/a")) as one, connected(address.ws("/b")) as other:
            await until(lambda: len(rooms.members()) == 2)
            assert len(rooms.members("a")) == len(rooms.members("b")) == 1
            assert rooms.members("nobody's") == []
            await one.say({"come": "b"})
            assert await one.text() == "done"
            assert len(rooms.members("b")) == 2
            await one.say({"go": "a"})
            assert await one.text() == "done"
            assert rooms.members("a") == []
            await rooms.broadcast("x", "a")
            await rooms.broadcast("y", "b")
            assert await one.text() == await other.text() == "y"
        await until(lambda: not rooms.members())
        stats = rooms.stats()
        assert (stats.clients, stats.subscriptions, stats.channels) == (0, 0, 0)


async def test_what_is_kept_of_a_key_is_told_again_once_to_who_comes() -> None:
    rooms = Rooms(history=3)
    for n in range(5):
        rooms.broadcast(f"a{n}", "a")
        rooms.broadcast(f"b{n}", "b")
        rooms.send("not kept", to="a")
        rooms.broadcast("not kept either")
    async with served(rooms) as address, connected(address.ws("/a")) as one:
        assert [await one.text() for _ in range(3)] == ["a2", "a3", "a4"]
        await one.say({"come": "b"})
        assert [await one.text() for _ in range(4)] == ["b2", "b3", "b4", "done"]
        await one.say({"come": "b"})
        assert await one.text() == "done", "it was there already"
        await rooms.broadcast("b5", "b")
        assert await one.text() == "b5"


async def test_history_is_bounded_in_bytes_for_each_key_and_for_all() -> None:
    rooms = Rooms(history=1000, history_bytes=100_000)
    for n in range(100):
        rooms.broadcast("x" * 10_000, n)
        rooms.broadcast("y" * 90_000, "loud")
    assert rooms.stats().ring_bytes <= 100 * 10_256 + 100_000
    async with served(rooms) as address, connected(address.ws("/loud")) as one:
        assert len(await one.text()) == 90_000
        await rooms.broadcast("z", "loud")
        assert await one.text() == "z", "one of them was kept"


async def test_a_message_may_go_to_one_websocket_and_keeps_its_place() -> None:
    rooms = Rooms()
    async with served(rooms) as address:
        async with connected(address.ws("/a")) as one, connected(address.ws("/a")) as other:
            await until(lambda: len(rooms.members()) == 2)
            first, _ = rooms.members("a")
            for n in range(50):
                rooms.broadcast(str(n), "a")
                rooms.send({"only": n}, to=first)
            rooms.broadcast("end", "a")
            heard = [await _until_end(peer) for peer in (one, other)]
            assert sorted(map(len, heard)) == [51, 101]
            long = max(heard, key=len)
            assert long[:-1] == [text for n in range(50) for text in (str(n), f'{{"only":{n}}}')]


async def _until_end(one: Client) -> list[str]:
    heard = [await one.text()]
    while heard[-1] != "end":
        heard.append(await one.text())
    return heard


async def test_what_cannot_be_sent_is_refused_by_name() -> None:
    rooms = Rooms(limits=Limits(server_payload_bytes=1000))
    with pytest.raises(TypeError, match="cannot be published as JSON"):
        rooms.broadcast(object(), "a")
    with pytest.raises(LimitExceeded):
        rooms.send("x" * 1001, to="a")


async def test_rooms_are_told_from_threads_and_from_other_loops() -> None:
    rooms = Rooms()

    async def many(name: str) -> None:
        for n in range(50):
            await rooms.broadcast([name, n], "a")

    def plainly() -> None:
        for n in range(50):
            rooms.broadcast(["thread", n], "a")

    async with served(rooms) as address, connected(address.ws("/a")) as one:
        await until(lambda: rooms.members("a"))
        await asyncio.gather(
            many("here"),
            asyncio.to_thread(plainly),
            asyncio.to_thread(lambda: asyncio.run(many("there"))),
        )
        heard: list[Any] = await one.take(150)
    for name in ("here", "thread", "there"):
        assert [n for told, n in heard if told == name] == list(range(50))
