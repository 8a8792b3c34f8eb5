"""The handshake of the fast path: what goes out with it, who may take it over, what is left to uvicorn."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.asyncio.client import connect as client

from gapless import ChannelOptions, Hub, HubApp, Limits
from gapless.core.counters import Counters
from gapless.node.inbound import Inbound
from gapless.server.counters import counters
from gapless.transports.direct import EXTENSION
from gapless.transports.patient import EARLY_BYTES

from ..support.serving import FAST_PATH, doors, serve
from ..support.sockets import handshake, masked
from ..support.until import turns, until
from ..support.wire import Wire
from .fast_path import Taker, begun, connect, silent

pytestmark = pytest.mark.anyio


async def echo(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """Accepts, and says everything again."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        kept = {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}
        await send({"type": "websocket.send", **kept})


async def test_the_first_history_frame_goes_out_with_the_answer_to_the_handshake() -> None:
    hub = Hub(channels={"room": ChannelOptions(history=10)})
    async with hub:
        app = HubApp(hub)
        opener = connect(app)  # who opens a channel waits for it
        await until(lambda: b"history" in b"".join(opener.writes))
        wire = connect(app)
        await until(lambda: wire.writes)
        (first,) = wire.writes
        head, _, frame = first.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert json.loads(frame[2:])["history"] == []
        await hub.publish("room", 1)
        await until(lambda: len(wire.writes) == 2)
        assert b'"data":1' in wire.writes[1]


async def test_an_application_that_accepts_and_says_nothing_is_heard_all_the_same() -> None:
    wire = connect(silent)
    await until(lambda: wire.writes)
    (answer,) = wire.writes
    lines = answer.lower().split(b"\r\n")
    assert lines[0] == b"http/1.1 101 switching protocols"
    assert b"x-said: 1" in lines
    assert b"sec-websocket-protocol: mine" in lines
    wire.lose()


async def test_what_a_client_says_too_early_is_answered_behind_the_handshake() -> None:
    taker = Taker()
    wire = connect(taker)
    wire.receive(masked(9, b"early"))
    assert not wire.is_reading(), "what comes before the application has decided waits in the kernel"
    await until(lambda: len(wire.writes) == 1)
    head, _, frames = wire.writes[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert frames == b"\x8a\x05early"
    assert wire.is_reading()
    wire.lose()
    assert taker.codes == [1005]


@pytest.mark.parametrize(("beyond", "cut"), [(0, 0), (1, 1)])
async def test_before_an_answer_so_much_may_come_and_one_byte_more_is_the_end(beyond: int, cut: int) -> None:
    go_on = asyncio.Event()

    async def slow(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        await receive()
        await go_on.wait()
        await send({"type": "websocket.accept"})

    before = counters.early_cut
    wire = connect(slow)
    await turns()
    wire.receive(b"x" * (EARLY_BYTES // 2))
    wire.receive(b"x" * (EARLY_BYTES // 2 + beyond))
    assert (wire.closed, counters.early_cut - before) == (bool(cut), cut)
    wire.lose()
    go_on.set()
    await turns(3)


@pytest.mark.parametrize("taken", [True, False], ids=["taken over", "plain"])
async def test_a_connection_that_closes_before_it_was_answered_is_not_read_again(taken: bool) -> None:
    taker = Taker()
    wire = connect(taker if taken else silent)
    wire.receive(masked(9, b"early"))
    wire.close()
    await turns()
    assert not wire.is_reading(), "uvloop raises where a closed transport is asked to read"
    wire.lose()
    await until(lambda: taker.codes or not taken)


async def test_an_answer_that_nothing_follows_goes_out_in_the_next_turn() -> None:
    wire = connect(Taker())
    await turns(3)
    assert [write[:13] for write in wire.writes] == [b"HTTP/1.1 101 "]
    wire.lose()


async def test_an_offer_ends_with_the_turn_of_the_accept() -> None:
    heard: list[Any] = []

    async def late(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await turns(3)
        assert scope["extensions"][EXTENSION].take(Inbound(Limits(), Counters())) is None
        await send({"type": "websocket.send", "text": "hello"})
        heard.append((await receive())["text"])

    wire = connect(late)
    await until(lambda: len(wire.writes) == 2)
    assert wire.writes[0].startswith(b"HTTP/1.1 101 ")
    assert wire.writes[1] == b"\x81\x05hello"
    wire.receive(masked(1, b"answer"))
    await until(lambda: wire.closed)
    assert heard == ["answer"]
    wire.lose()


async def forgets(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """Returns without an answer."""
    await receive()


async def fails(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    raise RuntimeError("as the test wants it")


@pytest.mark.parametrize("app", [forgets, fails])
async def test_an_application_that_does_not_answer_is_answered_for(
    app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wire = connect(app)
    await until(lambda: wire.closed)
    assert wire.writes[0].startswith(b"HTTP/1.1 500 ")
    assert [record.name for record in caplog.records if record.levelno == logging.ERROR] == ["uvicorn.error"]
    wire.lose()


async def test_who_left_before_the_answer_is_told_to_the_application_as_an_oserror() -> None:
    go_on, found = asyncio.Event(), list[Exception]()

    async def slow(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Awaitable[None]]) -> None:
        await receive()
        await go_on.wait()
        assert (await receive())["type"] == "websocket.disconnect"
        try:
            await send({"type": "websocket.accept"})
        except OSError as error:
            found.append(error)

    wire = connect(slow)
    await turns(3)
    wire.lose()
    go_on.set()
    await until(lambda: found)
    assert not wire.writes


@pytest.mark.parametrize("answered", [False, True], ids=["before the answer", "taken over"])
async def test_a_server_that_stops_says_so(answered: bool) -> None:
    taker = Taker()
    wire = connect(taker if answered else silent)
    if answered:
        await until(lambda: wire.writes)
    wire.protocol.shutdown()
    assert wire.closed
    expected = b"\x88\x02" + (1012).to_bytes(2) if answered else b"HTTP/1.1 500 "
    assert wire.writes[-1].startswith(expected)
    assert taker.codes == ([1012] if answered else [])
    wire.lose()
    await turns(5)


@pytest.mark.parametrize("connection", ["Upgrade", "upgrade,, close"], ids=["usual", "for the library"])
async def test_compression_is_never_negotiated(connection: str) -> None:
    wire = begun(silent, Wire(), ws_per_message_deflate=True)
    request = handshake("127.0.0.1:80", "/", "Sec-WebSocket-Extensions: permessage-deflate")
    wire.receive(request.replace(b"Connection: Upgrade", f"Connection: {connection}".encode()))
    await until(lambda: wire.writes)
    assert wire.writes[0].startswith(b"HTTP/1.1 101 ")
    assert b"extensions" not in wire.writes[0].lower()
    wire.lose()


async def test_the_http_protocol_of_a_connection_does_not_wait_for_the_garbage_collector() -> None:
    def held() -> int:
        return sum(type(found) is HttpToolsProtocol for found in gc.get_objects())

    async with doors({"room": ChannelOptions(history=10)}, ws=FAST_PATH) as open_doors:
        gc.collect()
        before = held()
        gc.disable()
        try:
            async with open_doors.client("?channel=room") as client:
                await client.history("room")
                assert held() == before
        finally:
            gc.enable()


async def test_any_other_application_is_served_as_by_uvicorn() -> None:
    async with serve(echo, ws=FAST_PATH) as address, client(address.ws("/")) as connection:
        for said in ("short", "x" * 70_000, b"bytes", b"y" * 300):
            await connection.send(said)
            assert await connection.recv() == said
        await (await connection.ping())


# -- the end
