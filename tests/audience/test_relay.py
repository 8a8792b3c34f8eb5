"""Broadcasts by way of a store: one order for the clients of all processes, and what is kept stays."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.websockets import WebSocket

from gapless import BrokerError, ChannelOptions, ConnectionManager, Hub, Limits, Overloaded, Rooms

from ..support.redis_server import RedisServer
from ..support.until import turns, until

pytestmark = pytest.mark.anyio

Frame = str | bytes


class Somebody:
    """A client whose socket takes everything."""

    def __init__(self) -> None:
        self.heard: list[Frame] = []
        self.websocket = WebSocket({"type": "websocket"}, self._receive, self._send)

    async def _receive(self) -> Any:
        return {"type": "websocket.connect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self.heard.append(message.get("text", message.get("bytes")))


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/told.db"
        return
    if shutil.which("redis-server") is None and not os.environ.get("CI"):
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path / "redis").start()
    yield server.url
    server.stop()


def log(n: Any) -> dict[str, Any]:
    return {"channel": "app:logs", "data": n}


def line(n: Any) -> str:
    return f'{{"channel":"app:logs","data":{n}}}'


async def came(manager: ConnectionManager | Rooms, *keys: str | int) -> Somebody:
    one = Somebody()
    if isinstance(manager, Rooms):
        await manager.connect(one.websocket, *keys)
    else:
        await manager.connect(one.websocket)
    return one


async def hears(one: Somebody, *frames: Frame) -> None:
    try:
        await until(lambda: len(one.heard) >= len(frames))
    finally:
        assert one.heard == list(frames)


async def test_what_one_tells_the_clients_of_all_hear_in_one_order(store: str) -> None:
    managers = [ConnectionManager(store=store) for _ in range(3)]
    clients = [await came(manager) for manager in managers for _ in range(2)]

    async def tell(at: int) -> None:
        for n in range(100):
            await managers[at].broadcast(log(f'"{at}:{n}"'))
            if n % 3 == 0:
                managers[at].broadcast(f"{at} says {n}")

    await asyncio.gather(*map(tell, range(3)))
    await until(lambda: all(len(one.heard) >= 3 * 134 for one in clients))
    assert all(one.heard == clients[0].heard for one in clients)
    assert len(set(clients[0].heard)) == len(clients[0].heard) == 3 * 134
    for at in range(3):
        said = [frame for frame in clients[0].heard if f"{at} says" in str(frame)]
        assert said == [f"{at} says {n}" for n in range(0, 100, 3)]


async def test_text_bytes_and_json_stay_what_they_are(store: str) -> None:
    here, there = ConnectionManager(store=store), ConnectionManager(store=store)
    one = await came(there)
    frames: list[Frame] = ['{"n": 1}', "é ☃ \0", b"\x00\xff", ""]
    for frame in frames:
        await here.broadcast(frame)
    await here.broadcast({"é": [1.5, None]})
    await hears(one, *frames, '{"é":[1.5,null]}')


async def test_an_awaited_broadcast_has_reached_the_clients_here(store: str) -> None:
    manager = ConnectionManager(store=store)
    one = await came(manager)
    for n in range(20):
        await manager.broadcast(log(n))
        await turns(3)  # this server's `send` is asked from a task
        assert one.heard[-1] == line(n)


async def test_what_is_told_to_one_keeps_its_place_among_the_broadcasts(store: str) -> None:
    manager = ConnectionManager(store=store)
    one = await came(manager)
    for n in range(10):
        manager.broadcast(f"all {n}")
        manager.send_personal_message(f"you {n}", one.websocket)
    await manager.send_personal_message("the last word", one.websocket)
    await hears(one, *(f"{who} {n}" for n in range(10) for who in ("all", "you")), "the last word")


async def test_who_comes_in_the_middle_misses_and_repeats_nothing(store: str) -> None:
    here, there = (ConnectionManager(store=store, size=1000) for _ in range(2))
    guests: list[Somebody] = []

    async def tell() -> None:
        for n in range(300):
            await here.broadcast(log(n))

    telling = asyncio.create_task(tell())
    for _ in range(30):
        guests += [await came(there), await came(here)]
        await asyncio.sleep(0)
    await telling
    for guest in guests:
        await until(lambda guest=guest: line(299) in str(guest.heard[-1:]))  # type: ignore[misc]
        history = str(guest.heard[0]) if "app:history" in str(guest.heard[0]) else ""
        kept = history.count("app:logs")
        assert guest.heard[bool(history) :] == [line(n) for n in range(kept, 300)]


def in_turn(*works: Callable[[], Awaitable[None]]) -> None:
    """Each on a loop of its own: as processes that come one after the other."""
    for work in works:

        async def run(work: Callable[[], Awaitable[None]] = work) -> None:
            await work()

        asyncio.run(run())


@pytest.mark.parametrize("anyio_backend", [None])
def test_what_is_kept_survives_the_process(store: str, anyio_backend: None) -> None:
    async def before() -> None:
        manager = ConnectionManager(store=store, size=3)
        for n in range(5):
            await manager.broadcast(log(n))
        await manager.broadcast("this is not kept")

    async def after() -> None:
        manager = ConnectionManager(store=store, size=3)
        one = await came(manager)
        await hears(one, f'{{"channel":"app:history","data":[{line(2)},{line(3)},{line(4)}]}}')
        assert manager.log_buffer == [log(2), log(3), log(4)]

    in_turn(before, after, after)


@pytest.mark.parametrize("anyio_backend", [None])
def test_a_manager_goes_on_with_another_loop_where_it_was(store: str, anyio_backend: None) -> None:
    manager, other = ConnectionManager(store=store), ConnectionManager(store=store)

    async def first() -> None:
        await manager.broadcast(log(1))

    async def elsewhere() -> None:
        await other.broadcast(log(2))

    async def second() -> None:
        one = await came(manager)
        await manager.broadcast(log(3))
        await hears(one, f'{{"channel":"app:history","data":[{line(1)},{line(2)}]}}', line(3))

    in_turn(first, elsewhere, second)


async def test_what_was_told_before_anybody_came_is_kept(store: str) -> None:
    manager = ConnectionManager(store=store)
    await asyncio.to_thread(manager.publish, log(1))
    await asyncio.to_thread(manager.publish, log(2))
    one = await came(manager)
    await manager.broadcast(log(3))
    await until(lambda: line(3) in str(one.heard[-1:]))
    assert "".join(map(str, one.heard)).count("app:logs") == 3


def _publish_much(manager: ConnectionManager) -> None:
    for _ in range(2000):
        manager.publish("x" * 1000)


async def test_what_waits_for_the_store_is_bounded(store: str) -> None:
    manager = ConnectionManager(store=store, limits=Limits(in_flight_bytes=1 << 20))
    with pytest.raises(Overloaded):
        await asyncio.to_thread(_publish_much, manager)
    one = await came(manager)
    await manager.broadcast("after")
    await until(lambda: one.heard[-1:] == ["after"])


async def test_rooms_reach_those_under_a_key_in_all_processes(store: str) -> None:
    here, there = Rooms(store=store, history=2), Rooms(store=store, history=2)
    red, blue, two = await came(there, "red"), await came(there, "blue"), await came(here, "red", 7)
    for n in range(3):
        await here.broadcast(f"red {n}", "red")
    await there.broadcast("seven", 7)
    await there.broadcast("all")
    await here.send("only now", to="red")
    await hears(red, "red 0", "red 1", "red 2", "all", "only now")
    await hears(two, "red 0", "red 1", "red 2", "seven", "all", "only now")
    await hears(blue, "all")
    late = await came(Rooms(store=store, history=2), "red", 7)
    await hears(late, "red 1", "red 2", "seven")


async def test_a_key_that_no_other_process_could_know_is_refused(store: str) -> None:
    rooms = Rooms(store=store)
    for key in (("red", 1), True, object()):
        with pytest.raises(TypeError, match="text or a whole number"):
            rooms.broadcast("x", key)


async def test_one_of_another_name_in_the_same_store_hears_nothing(store: str) -> None:
    one = await came(ConnectionManager(store=f"{store}#one"))
    two = ConnectionManager(store=f"{store}#two")
    other = await came(two)
    await two.broadcast("x")
    await hears(other, "x")
    assert one.heard == []


async def test_a_store_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    manager = ConnectionManager(store=f"sqlite:///{tmp_path}/none/such.db")
    with pytest.raises(BrokerError):
        await came(manager)
    with pytest.raises(BrokerError):
        await manager.broadcast("x")


async def test_what_somebody_else_wrote_into_the_channel_is_left_out(
    store: str, caplog: pytest.LogCaptureFixture
) -> None:
    manager = ConnectionManager(store=store)
    one = await came(manager)
    async with Hub(store, channels={"*": ChannelOptions(history=10)}) as hub:
        for data in (
            1,
            "text",
            {},
            {"from": "x", "n": 1, "bytes": "%"},
            {"from": "x", "n": 1, "text": "fits"},
        ):
            await hub.publish("gapless:told:all", data)
        await hears(one, "fits")
    assert caplog.text.count("holds what no audience was told") == 4
