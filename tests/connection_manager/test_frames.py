"""`ConnectionManager`: the frames of the class that people copy, and none of its defects."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from gapless import ConnectionManager, LimitExceeded, Limits
from gapless.isolation.sender import Sender

from ..support.serving import serve
from ..support.sockets import Client, drain, frozen, handshake, listen, masked
from ..support.until import DEADLINE, until
from .copied import client, message, served

pytestmark = pytest.mark.anyio


# -- the frames


async def test_each_message_arrives_as_it_was_broadcast() -> None:
    manager = ConnectionManager()
    async with served(manager) as address, client(address) as one:
        await until(lambda: len(manager.active) == 1)
        await manager.broadcast({"channel": "codeworm:logs", "data": {"level": "info", "é": [1.5, None]}})
        assert await one.text() == '{"channel":"codeworm:logs","data":{"level":"info","é":[1.5,null]}}'
        await manager.broadcast({"channel": "codeworm:stats", "data": 7, "more": True})
        assert await one.next() == {"channel": "codeworm:stats", "data": 7, "more": True}


async def test_what_is_kept_is_replayed_in_one_frame_oldest_first() -> None:
    manager = ConnectionManager()
    await manager.broadcast(message("codeworm:logs", {"n": 1}))
    await manager.broadcast(message("codeworm:events", {"n": 2}))
    async with served(manager) as address, client(address) as one:
        assert await one.text() == (
            '{"channel":"codeworm:history","data":['
            '{"channel":"codeworm:logs","data":{"n":1}},'
            '{"channel":"codeworm:events","data":{"n":2}}]}'
        )
        assert manager.log_buffer == [
            message("codeworm:logs", {"n": 1}),
            message("codeworm:events", {"n": 2}),
        ]


@pytest.mark.parametrize(
    ("channel", "name"),
    [("app:logs", "app:history"), ("a:b:events", "a:b:history"), (":logs", ":history")],
)
async def test_the_history_frame_takes_the_prefix_of_what_is_kept(channel: str, name: str) -> None:
    manager = ConnectionManager()
    await manager.broadcast(message(channel, 1))
    async with served(manager) as address, client(address) as one:
        assert (await one.next())["channel"] == name


async def test_which_channels_are_kept_how_many_and_under_which_name_are_arguments() -> None:
    manager = ConnectionManager(size=3, keeps=lambda name: name == "news", history_channel="before")
    for n in range(5):
        await manager.broadcast(message("news", n))
        await manager.broadcast(message("app:logs", n))
    async with served(manager) as address, client(address) as one:
        assert await one.next() == message("before", [message("news", n) for n in (2, 3, 4)])


async def test_without_anything_kept_there_is_no_history_frame() -> None:
    manager = ConnectionManager()
    await manager.broadcast(message("app:stats", 1))
    async with served(manager) as address, client(address) as one:
        await until(lambda: len(manager.active) == 1)
        await manager.broadcast(message("app:stats", 2))
        assert await one.next() == message("app:stats", 2)


async def test_the_newest_two_hundred_are_kept_and_nothing_else_is() -> None:
    manager = ConnectionManager()
    async with served(manager) as address:
        async with client(address) as first:
            await until(lambda: len(manager.active) == 1)
            for n in range(300):
                await manager.broadcast(message("app:stats" if n % 3 else "app:logs", n))
            for n in range(250):
                await manager.broadcast(message("app:events", n))
            assert len([await first.next() for _ in range(550)]) == 550
        async with client(address) as second:
            history = await second.next()
            assert history == message("app:history", [message("app:events", n) for n in range(50, 250)])
        assert len(manager.log_buffer) == 200


async def test_two_hundred_kept_messages_of_64_kib_arrive() -> None:
    manager = ConnectionManager()
    for n in range(200):
        await manager.broadcast(message("app:logs", [n, "x" * 65536]))
    async with served(manager) as address, client(address) as one:
        history = await one.next()
        assert [entry["data"][0] for entry in history["data"]] == list(range(200))
        await manager.broadcast(message("app:logs", "live"))
        assert (await one.next())["data"] == "live"


async def test_a_message_that_cannot_be_json_or_is_too_large_is_refused_and_nothing_else_is_lost() -> None:
    manager = ConnectionManager(limits=Limits(server_payload_bytes=1000))
    async with served(manager) as address, client(address) as one:
        await until(lambda: len(manager.active) == 1)
        with pytest.raises(TypeError, match="cannot be published as JSON"):
            await manager.broadcast(message("app:logs", object()))
        with pytest.raises(LimitExceeded):
            await manager.broadcast(message("app:logs", "x" * 1000))
        await manager.broadcast(message("app:logs", "fine"))
        assert (await one.next())["data"] == "fine"
        assert manager.log_buffer == [message("app:logs", "fine")]


# -- connecting and leaving


async def test_a_websocket_may_be_accepted_before_and_disconnected_twice() -> None:
    manager = ConnectionManager()
    async with served(manager) as address, client(address, "/accepted") as one:
        assert await one.text() == "welcome"
        await until(lambda: len(manager.active) == 1)
        await manager.broadcast(message("app:stats", 1))
        assert (await one.next())["data"] == 1, "connected twice, told once"
        await one.say("go on")
        assert await one.text() == "still here"
        assert manager.active == []
        await manager.broadcast(message("app:stats", 2))


async def test_a_client_that_leaves_during_a_broadcast_makes_nobody_miss_one() -> None:
    manager = ConnectionManager()
    async with served(manager) as address:
        stay = [await listen(address.host, "/ws") for _ in range(10)]
        go = [await listen(address.host, "/ws") for _ in range(20)]
        await until(lambda: len(manager.active) == 30)
        for n in range(200):
            await manager.broadcast(message("app:stats", n))
            if n % 10 == 5:
                go.pop().transport.abort()
        await until(lambda: all(peer.has(b'"data":199}') for peer in stay))
        for peer in stay:
            assert [json.loads(text)["data"] for text in peer.texts()] == list(range(200))
        await until(lambda: len(manager.active) == 10)
        for peer in stay:
            peer.transport.close()
        await until(lambda: not manager.active)
        assert manager.stats().counters["session_errors"] == 0


async def _reset(one: Client) -> None:
    one.connection.transport.abort()


BAD_WORDS: list[Callable[[Client], Any]] = [
    lambda one: one.connection.send(b"\x00binary"),
    lambda one: one.connection.send("garbage"),
    _reset,
    lambda one: asyncio.sleep(0),
]


@pytest.mark.parametrize("path", ["/ws", "/careless"])
async def test_what_a_client_sends_or_not_leaves_no_zombie(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    manager = ConnectionManager()
    async with served(manager) as address:
        async with client(address) as neighbour:
            for say in BAD_WORDS:
                async with client(address, path) as one:
                    await until(lambda: len(manager.active) == 2)
                    await say(one)
                # An endpoint that ended with an exception leaves its WebSocket to the garbage
                # collector, or the next message finds that it is gone.
                await until(lambda: not address.server.busy - 1)
                await manager.broadcast(message("app:stats", 1))
                await until(lambda: len(manager.active) == 1)
                await until(lambda: manager.stats().clients == manager.stats().subscriptions == 1)
                assert (await neighbour.next())["data"] == 1
        await until(lambda: not manager.active)
        await until(lambda: manager.stats().clients == 0)
    # Broken clients are everyday: the hub logs none of them.
    assert not [record for record in caplog.records if record.name.startswith("gapless")]


async def test_who_left_is_forgotten_without_a_broadcast_and_without_a_word_of_the_endpoint() -> None:
    manager = ConnectionManager(limits=Limits(housekeeping=0.1))
    held: list[WebSocket] = []
    app = FastAPI()

    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket) -> None:
        held.append(websocket)  # so that no garbage collector can help
        await manager.connect(websocket)
        try:
            await websocket.receive_text()
        except WebSocketDisconnect:
            pass

    async with serve(app) as address:
        async with client(address):
            await until(lambda: manager.active == held)
        await until(lambda: not manager.active)
        await until(lambda: manager.stats().clients == 0)


async def _broken(message: Any) -> None:
    """A `send` that fails, as a bug in somebody's middleware would have it."""
    raise ZeroDivisionError("a bug")


async def test_an_exception_on_one_clients_path_is_logged_once_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    manager = ConnectionManager()
    app = FastAPI()

    @app.websocket("/broken")
    async def broken(websocket: WebSocket) -> None:
        await websocket.accept()
        bug = WebSocket(websocket.scope, websocket.receive, _broken)
        bug.client_state = bug.application_state = WebSocketState.CONNECTED
        await manager.connect(bug)
        await websocket.receive()
        await websocket.receive()

    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket) -> None:
        await manager.connect(websocket)
        await websocket.receive()

    async with serve(app) as address, client(address) as fine, client(address, "/broken"):
        await until(lambda: len(manager.active) == 2)
        with caplog.at_level(logging.ERROR):
            for n in range(10):
                await manager.broadcast(message("app:stats", n))
            assert [(await fine.next())["data"] for _ in range(10)] == list(range(10))
        await until(lambda: len(manager.active) == 1)
        assert manager.stats().counters["session_errors"] == 1
        (record,) = [record for record in caplog.records if record.name == "gapless"]
        assert record.exc_info is not None
        assert record.exc_info[0] is ZeroDivisionError


async def test_a_server_may_give_all_its_connections_the_same_extensions() -> None:
    manager = ConnectionManager()
    shared: dict[str, Any] = {}

    def connection(sent: list[Any]) -> WebSocket:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message.get("text"))

        return WebSocket({"type": "websocket", "extensions": shared}, receive, send)

    heard: list[list[Any]] = [[], []]
    sockets = [connection(one) for one in heard]
    for one in sockets:
        await manager.connect(one)
    await manager.broadcast("to both")
    await until(lambda: heard == [[None, "to both"]] * 2)
    assert shared == {}


# -- slow ones


async def test_a_frozen_client_delays_nobody_and_is_closed_with_3008_when_it_thaws() -> None:
    manager = ConnectionManager(limits=Limits(stall_timeout=3))
    async with served(manager) as address, client(address) as healthy:
        with frozen(address.host, handshake(address.host, "/ws")) as peer:
            await until(lambda: len(manager.active) == 2)
            reading = asyncio.create_task(_read(healthy, 1000))
            for n in range(1000):
                await manager.broadcast(message("app:stats", [n, "x" * 10_000]))
            assert [entry["data"][0] for entry in await reading] == list(range(1000))
            assert manager.stats().counters["stalled"] == 0, "nobody waited for that"
            await until(lambda: manager.stats().counters["stalled"] == 1)
            assert len(manager.active) == 1
            assert manager.stats().clients == manager.stats().subscriptions == 1
            assert not _senders_with_something_left(), "what it might have read is freed"
            assert address.server.busy == 2, "its endpoint is there until it can be told"
            seen = await drain(peer, lambda tail: CLOSED_SLOW in tail)
            assert seen.endswith(CLOSED_SLOW)
            peer.sendall(masked(8, (3008).to_bytes(2)))
            await until(lambda: address.server.busy == 1)
            assert await asyncio.to_thread(peer.recv, 1) == b"", "the server has let go of its socket"
            await manager.broadcast(message("app:stats", [1000, ""]))
            assert (await healthy.next())["data"][0] == 1000
            assert manager.stats().counters["stuck"] == 0


CLOSED_SLOW = b"\x88\x06" + (3008).to_bytes(2) + b"slow"


async def _read(one: Client, count: int) -> list[Any]:
    return [await one.next() for _ in range(count)]


def _senders_with_something_left() -> list[Any]:
    return [found for found in gc.get_objects() if type(found) is Sender and found.queued_bytes]


async def test_a_client_that_falls_behind_what_is_kept_is_closed_with_3008() -> None:
    manager = ConnectionManager()
    async with served(manager) as address:
        with frozen(address.host, handshake(address.host, "/ws")) as peer:
            await until(lambda: len(manager.active) == 1)
            for n in range(9000):
                await manager.broadcast(message("app:stats", [n, "x" * 2000]))
            peer.settimeout(DEADLINE)

            def read() -> bytes:
                seen = bytearray()
                while piece := peer.recv(1 << 20):
                    seen += piece
                    if bytes(seen[-40:]).find((3008).to_bytes(2)) >= 0:
                        break
                return bytes(seen)

            seen = await asyncio.to_thread(read)
        assert seen.count(b'"channel":"app:stats"') < 9000
        await until(lambda: not manager.active)
        assert manager.stats().counters["slow_disconnects"] == 1


# -- history and live


async def test_five_hundred_clients_that_come_while_a_thousand_are_broadcast_miss_and_repeat_nothing() -> (
    None
):
    """Each gets the newest kept ones of what was there before it came, and all of what came after."""
    manager = ConnectionManager()
    async with served(manager) as address:
        witness = await listen(address.host, "/ws")
        await until(lambda: len(manager.active) == 1)

        async def publish(name: str) -> None:
            for n in range(250):
                await manager.broadcast(message("app:stats" if n % 3 == 0 else "app:logs", f"{name}{n}"))
                await asyncio.sleep(0.001)

        async def come(seconds: float) -> Any:
            await asyncio.sleep(seconds)
            return await listen(address.host, "/ws")

        publishers = asyncio.gather(*(publish(name) for name in "abcd"))
        peers = await asyncio.gather(*(come(n * 0.003) for n in range(500)))
        await publishers
        await until(lambda: len(manager.active) == 501)
        await manager.broadcast(message("app:stats", "only live"))
        await manager.broadcast(message("app:logs", "the end"))
        await until(lambda: all(peer.has(b'"the end"}') for peer in [witness, *peers]))

        everything = witness.texts()
        assert len(everything) == 1002
        for name in "abcd":
            own = [text for text in everything if f'"data":"{name}' in text]
            assert own == sorted(own, key=lambda text: int(json.loads(text)["data"][1:]))
        came_late = 0
        for peer in peers:
            texts = peer.texts()
            history = json.loads(texts.pop(0)) if '"app:history"' in texts[0] else message("app:history", [])
            at = len(everything) - len(texts)
            assert texts == everything[at:]
            before = [json.loads(text) for text in everything[:at] if '"app:logs"' in text]
            assert history == message("app:history", before[-200:])
            came_late += at > 0
        assert came_late > 100, "it was about those who come in the middle"
        for peer in [witness, *peers]:
            peer.transport.close()
        await until(lambda: not manager.active)
