"""The fast path's protocol: what it sends together, what it does without, and what it leaves to uvicorn."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from websockets.asyncio.client import connect as client

from gapless import ChannelOptions, Hub, HubApp, Limits
from gapless.core.counters import Counters
from gapless.node.inbound import Inbound
from gapless.transports.direct import EXTENSION, Connection
from gapless.transports.fast import DISCARDED_BYTES, FastProtocol
from gapless.transports.frames import FrameReader
from gapless.transports.inbox import WAITING_MESSAGES

from ..support.serving import FAST_PATH, doors, serve
from ..support.sockets import handshake, masked
from ..support.until import turns, until
from ..support.wire import Wire

pytestmark = pytest.mark.anyio


def configured(app: Any, **settings: Any) -> Config:
    config = Config(app, **{"ws_ping_interval": None, "log_config": None, **settings})
    config.load()
    return config


def connect(app: Any, path: str = "/ws?channel=room&history=0", **settings: Any) -> tuple[FastProtocol, Wire]:
    wire = Wire()
    protocol = FastProtocol(configured(app, **settings), ServerState(), {})
    protocol.connection_made(wire)
    protocol.data_received(handshake("127.0.0.1:80", path))
    return protocol, wire


class Taker:
    """An application that takes the connection over, and hears what comes of it."""

    def __init__(
        self, then: Callable[[Connection], None] = lambda connection: None, limits: Limits | None = None
    ) -> None:
        self.inbound = Inbound(limits or Limits(), Counters())
        self.heard: list[str | bytes] = []
        self.writable: list[bool] = []
        self.codes: list[int] = []
        self._then = then

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        assert await receive() == {"type": "websocket.connect"}
        await send({"type": "websocket.accept"})
        connection = scope["extensions"][EXTENSION]
        assert connection.on_offer
        connection.hand_over(self, self.inbound)
        self._then(connection)

    def on_message(self, message: str | bytes) -> None:
        self.heard.append(message)

    def on_writable(self, writable: bool) -> None:
        self.writable.append(writable)

    def on_closed(self, code: int) -> None:
        self.codes.append(code)


def written(wire: Wire, count: int) -> bool:
    return len(wire.writes) == count


def parsers() -> int:
    """How many connections have a parser."""
    gc.collect()
    return sum(type(found) is FrameReader for found in gc.get_objects())


async def echo(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """Accepts, and says everything again."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        kept = {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}
        await send({"type": "websocket.send", **kept})


async def silent(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    await receive()
    await send({"type": "websocket.accept", "headers": [(b"X-Said", b"1")], "subprotocol": "mine"})
    await receive()


async def test_the_first_history_frame_goes_out_with_the_answer_to_the_handshake() -> None:
    hub = Hub(channels={"room": ChannelOptions(history=10)})
    async with hub:
        app = HubApp(hub)
        _, opener = connect(app)  # who opens a channel waits for it
        await until(lambda: b"history" in b"".join(opener.writes))
        _, wire = connect(app)
        await until(lambda: wire.writes)
        (first,) = wire.writes
        head, _, frame = first.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert json.loads(frame[2:])["history"] == []
        await hub.publish("room", 1)
        await until(lambda: len(wire.writes) == 2)
        assert b'"data":1' in wire.writes[1]


async def test_an_application_that_accepts_and_says_nothing_is_heard_all_the_same() -> None:
    protocol, wire = connect(silent)
    await until(lambda: wire.writes)
    (answer,) = wire.writes
    lines = answer.lower().split(b"\r\n")
    assert lines[0] == b"http/1.1 101 switching protocols"
    assert b"x-said: 1" in lines
    assert b"sec-websocket-protocol: mine" in lines
    protocol.connection_lost(None)


async def test_what_a_client_says_too_early_is_answered_behind_the_handshake() -> None:
    taker = Taker()
    protocol, wire = connect(taker)
    protocol.data_received(masked(9, b"early"))
    assert not wire.is_reading(), "what comes before the application has decided waits in the kernel"
    await until(lambda: len(wire.writes) == 1)
    head, _, frames = wire.writes[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert frames == b"\x8a\x05early"
    assert wire.is_reading()
    protocol.connection_lost(None)
    assert taker.codes == [1005]


async def test_an_answer_that_nothing_follows_goes_out_in_the_next_turn() -> None:
    protocol, wire = connect(Taker())
    await turns(3)
    assert [write[:13] for write in wire.writes] == [b"HTTP/1.1 101 "]
    protocol.connection_lost(None)


async def test_closing_in_the_same_turn_sends_the_answer_first() -> None:
    protocol, wire = connect(Taker(lambda connection: connection.close(3001, "shutdown")))
    await turns(3)
    (said,) = wire.writes
    assert said.startswith(b"HTTP/1.1 101 ")
    assert said.endswith(b"\r\n\r\n\x88\x0a\x0b\xb9shutdown")
    protocol.connection_lost(None)


async def test_the_answer_to_a_close_ends_the_connection_and_what_else_comes_is_not_heard() -> None:
    taker = Taker(lambda connection: connection.close(3001, "shutdown"))
    protocol, wire = connect(taker)
    await turns(3)
    protocol.data_received(masked(1, b"late"))
    assert not wire.is_closing()
    protocol.data_received(masked(8, b"\x0b\xb9"))
    assert wire.closed
    assert len(wire.writes) == 1, "behind a close frame nothing follows"
    assert taker.heard == []
    protocol.connection_lost(None)


async def test_a_connection_that_says_short_things_never_has_a_parser() -> None:
    before = parsers()
    taker = Taker()
    protocol, wire = connect(taker)
    await until(lambda: wire.writes)
    for opcode, payload in ((1, b"hello"), (2, b"\x00\x01"), (1, "é".encode())):
        protocol.data_received(masked(opcode, payload))
        await turns()
    assert taker.heard == ["hello", b"\x00\x01", "é"]
    protocol.data_received(masked(9, b"ping"))
    await turns()
    protocol.data_received(masked(10, b"pong that nobody waits for"))
    await turns()
    assert wire.writes[-1] == b"\x8a\x04ping"
    assert parsers() == before
    protocol.data_received(masked(1, b"x" * 200))
    assert parsers() == before + 1
    protocol.connection_lost(None)
    await turns()
    assert parsers() == before


async def test_an_idle_subscriber_has_neither_parser_nor_task() -> None:
    hub = Hub(channels={"room": ChannelOptions(history=10)})
    async with hub:
        before = parsers()
        tasks = asyncio.all_tasks()
        protocol, wire = connect(HubApp(hub))
        await until(lambda: wire.writes)
        protocol.data_received(masked(1, b"ping"))
        await until(lambda: b'{"type":"pong"}' in wire.writes[-1])
        await until(lambda: asyncio.all_tasks() == tasks)
        assert parsers() == before
        protocol.connection_lost(None)


async def test_a_message_in_pieces_goes_through_the_parser_and_all_that_follows_too() -> None:
    taker = Taker(limits=Limits(message_bytes=70_000))
    protocol, wire = connect(taker)
    await until(lambda: wire.writes)
    whole = masked(1, b"in two pieces")
    fragments = bytes((0x01, 0x82)) + b"\0\0\0\0ab" + bytes((0x80, 0x81)) + b"\0\0\0\0c"
    for piece in (whole[:9], whole[9:], masked(1, b"short"), fragments, masked(2, b"y" * 70_000)):
        protocol.data_received(piece)
    await turns()
    assert taker.heard == ["in two pieces", "short", "abc", b"y" * 70_000]
    protocol.data_received(masked(9, b"a") + masked(9, b"b"))
    await turns()
    assert b"".join(wire.writes).endswith(b"\x8a\x01a\x8a\x01b")
    protocol.connection_lost(None)


async def test_a_short_frame_above_the_bound_of_messages_is_too_big_all_the_same() -> None:
    taker = Taker()
    protocol, wire = connect(taker, ws_max_size=4)
    await until(lambda: wire.writes)
    protocol.data_received(masked(1, b"four"))
    protocol.data_received(masked(1, b"hello"))
    await until(lambda: wire.closed)
    assert wire.writes[-1][:4] == b"\x88" + wire.writes[-1][1:2] + (1009).to_bytes(2)
    assert wire.closed
    assert (taker.heard, taker.codes) == (["four"], [1009])
    protocol.connection_lost(None)


async def test_the_transport_says_when_it_wants_no_more() -> None:
    taker = Taker()
    protocol, wire = connect(taker)
    await until(lambda: wire.writes)
    protocol.pause_writing()
    protocol.resume_writing()
    assert taker.writable == [False, True]
    protocol.connection_lost(None)


async def test_who_answers_no_ping_hears_so_and_nothing_after_it() -> None:
    hub = Hub(channels={"room": ChannelOptions(history=10)})
    async with hub:
        protocol, wire = connect(HubApp(hub), ws_ping_interval=0.01, ws_ping_timeout=0.01)
        await until(lambda: wire.closed)
        ping, goodbye = wire.writes[-2:]
        assert ping[:2] == b"\x89\x04"
        assert goodbye[2:4] == (1011).to_bytes(2)
        assert not len(hub.node.roster)
        await hub.publish("room", "late")
        await turns()
        assert wire.writes[-1] == goodbye
        protocol.connection_lost(None)


RARELY = {"ws_ping_interval": 3600.0, "ws_ping_timeout": 3600.0}


@pytest.mark.parametrize(
    "path", ["websocket", "websocket?cf_ws_frame_ping_pong=true", "uni_websocket?cf_connect={}"]
)
async def test_the_centrifuge_doors_ping_as_the_limits_say_and_not_as_the_server_does(path: str) -> None:
    limits = Limits(ping_interval=0.02, pong_timeout=0.01)
    async with Hub(limits=limits) as hub:
        protocol, wire = connect(HubApp(hub), f"/connection/{path}", **RARELY)
        await until(lambda: wire.closed)
        assert [write[:2] for write in wire.writes if write[0] == 0x89] == [b"\x89\x04"]
        assert wire.writes[-1][2:4] == (1011).to_bytes(2)
        protocol.connection_lost(None)


async def test_the_plain_door_is_pinged_as_the_server_is_told_to() -> None:
    limits = Limits(ping_interval=3600.0, pong_timeout=1800.0)
    async with Hub(limits=limits) as hub:
        protocol, wire = connect(HubApp(hub), "/ws", ws_ping_interval=0.01, ws_ping_timeout=0.01)
        await until(lambda: wire.closed)
        assert wire.writes[-1][2:4] == (1011).to_bytes(2)
        protocol.connection_lost(None)


async def test_who_answers_pings_stays() -> None:
    protocol, wire = connect(Taker(), ws_ping_interval=0.01, ws_ping_timeout=10.0)
    for count in range(2, 5):
        await until(partial(written, wire, count))
        protocol.data_received(masked(10, wire.writes[-1][2:]))
    assert not wire.is_closing()
    protocol.connection_lost(None)


# -- applications that do not take it


async def test_an_offer_ends_with_the_turn_of_the_accept() -> None:
    heard: list[Any] = []

    async def late(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await turns(3)
        assert not scope["extensions"][EXTENSION].on_offer
        await send({"type": "websocket.send", "text": "hello"})
        heard.append((await receive())["text"])

    protocol, wire = connect(late)
    await until(lambda: len(wire.writes) == 2)
    assert wire.writes[0].startswith(b"HTTP/1.1 101 ")
    assert wire.writes[1] == b"\x81\x05hello"
    protocol.data_received(masked(1, b"answer"))
    await until(lambda: wire.closed)
    assert heard == ["answer"]
    protocol.connection_lost(None)


async def forgets(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """Returns without an answer."""
    await receive()


async def fails(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    raise RuntimeError("as the test wants it")


@pytest.mark.parametrize("app", [forgets, fails])
async def test_an_application_that_does_not_answer_is_answered_for(
    app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    protocol, wire = connect(app)
    await until(lambda: wire.closed)
    assert wire.writes[0].startswith(b"HTTP/1.1 500 ")
    assert [record.name for record in caplog.records if record.levelno == logging.ERROR] == ["uvicorn.error"]
    protocol.connection_lost(None)


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

    protocol, wire = connect(slow)
    await turns(3)
    protocol.connection_lost(None)
    go_on.set()
    await until(lambda: found)
    assert not wire.writes


@pytest.mark.parametrize("answered", [False, True], ids=["before the answer", "taken over"])
async def test_a_server_that_stops_says_so(answered: bool) -> None:
    taker = Taker()
    protocol, wire = connect(taker if answered else silent)
    if answered:
        await until(lambda: wire.writes)
    protocol.shutdown()
    assert wire.closed
    expected = b"\x88\x02" + (1012).to_bytes(2) if answered else b"HTTP/1.1 500 "
    assert wire.writes[-1].startswith(expected)
    assert taker.codes == ([1012] if answered else [])
    protocol.connection_lost(None)
    await turns(5)


@pytest.mark.parametrize("connection", ["Upgrade", "upgrade,, close"], ids=["usual", "for the library"])
async def test_compression_is_never_negotiated(connection: str) -> None:
    wire = Wire()
    protocol = FastProtocol(configured(silent, ws_per_message_deflate=True), ServerState(), {})
    protocol.connection_made(wire)
    request = handshake("127.0.0.1:80", "/", "Sec-WebSocket-Extensions: permessage-deflate")
    protocol.data_received(request.replace(b"Connection: Upgrade", f"Connection: {connection}".encode()))
    await until(lambda: wire.writes)
    assert wire.writes[0].startswith(b"HTTP/1.1 101 ")
    assert b"extensions" not in wire.writes[0].lower()
    protocol.connection_lost(None)


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

ROOM = {"room": ChannelOptions(history=10)}
GOODBYES = {
    "close": masked(8, b"\x03\xe8"),
    "bad frame": b"\xf3\x81\0\0\0\0x",
    "bad text": masked(1, b"\xff"),
}


@pytest.mark.parametrize("server_stops", [False, True], ids=["", "while the server stops"])
@pytest.mark.parametrize("goodbye", GOODBYES.values(), ids=GOODBYES.keys())
async def test_a_client_that_says_goodbye_and_never_reads_is_cut_off(
    goodbye: bytes, server_stops: bool
) -> None:
    hub = Hub(channels=ROOM, limits=Limits(close_timeout=0.0))
    async with hub:
        protocol, wire = connect(HubApp(hub))
        await until(lambda: wire.writes)
        protocol.data_received(goodbye)
        assert wire.closed, "what was written goes out first, if it can"
        assert not wire.aborted
        if server_stops:
            protocol.shutdown()
        await until(lambda: wire.aborted)
        assert not hub.node.roster


async def test_messages_that_came_before_the_connection_was_taken_over_stop_reading_too() -> None:
    hub = Hub(channels=ROOM)
    accepted, subscribed = asyncio.Event(), asyncio.Event()

    @hub.on_subscribe
    async def slow(event: object) -> None:
        await subscribed.wait()

    async with hub:
        app = HubApp(hub)

        async def late(scope: Any, receive: Any, send: Any) -> None:
            await accepted.wait()
            await app(scope, receive, send)

        protocol, wire = connect(late)
        for _ in range(WAITING_MESSAGES + 10):
            protocol.data_received(masked(1, b"ping"))
        accepted.set()
        await until(lambda: hub.node.roster)
        assert wire.paused
        subscribed.set()
        await until(lambda: not wire.paused)
        protocol.connection_lost(None)


@pytest.mark.parametrize("how", ["lost", "close"])
async def test_nothing_of_a_connection_waits_for_the_garbage_collector(how: str) -> None:
    hub = Hub(channels=ROOM)
    async with hub:
        gc.collect()
        gc.disable()
        try:
            protocol, wire = connect(HubApp(hub))
            await until(lambda: wire.writes)
            protocol.data_received(masked(1, b"ping"))
            await until(lambda: b"pong" in wire.writes[-1])
            session = weakref.ref(next(iter(hub.node.roster)))
            gone = weakref.ref(protocol)
            if how == "close":
                protocol.data_received(masked(8, b"\x03\xe8"))
            protocol.connection_lost(None)
            del protocol
            await until(lambda: session() is None and gone() is None)
        finally:
            gc.enable()


async def test_replies_to_commands_that_came_in_one_frame_are_one_write() -> None:
    hub = Hub(channels={"room": ChannelOptions(history=10)})
    async with hub, hub.subscribe("room"):  # the first who comes waits for a channel to open
        protocol, wire = connect(HubApp(hub), "/connection/websocket")
        await until(lambda: wire.writes)
        protocol.data_received(masked(1, b'{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"room"}}'))
        await until(lambda: b'"id":2' in wire.writes[-1])
        assert len(wire.writes) == 2, "the handshake's answer, and both replies"
        protocol.connection_lost(None)


# -- what a client may say


async def test_pings_within_their_rate_are_answered_and_one_more_is_the_end() -> None:
    taker = Taker(limits=Limits(control_rate=0.001, control_burst=5))
    protocol, wire = connect(taker)
    await until(lambda: wire.writes)
    for _ in range(5):
        protocol.data_received(masked(9, b""))
        await turns()
    assert (wire.writes[-5:], taker.codes) == ([b"\x8a\x00"] * 5, [])
    protocol.data_received(masked(10, b""))
    await turns()
    assert wire.writes[-1][2:4] == (1008).to_bytes(2)
    assert (taker.codes, taker.inbound.counters.control_floods) == ([1008], 1)
    protocol.connection_lost(None)


async def test_while_the_socket_takes_nothing_only_the_newest_ping_is_answered() -> None:
    taker = Taker()
    protocol, wire = connect(taker)
    await until(lambda: wire.writes)
    before = len(wire.writes)
    protocol.pause_writing()
    for payload in (b"1", b"2", b"3"):
        protocol.data_received(masked(9, payload))
        await turns()
    assert len(wire.writes) == before
    protocol.resume_writing()
    assert wire.writes[before:] == [b"\x8a\x013"]
    assert taker.inbound.counters.pongs_skipped == 2
    protocol.connection_lost(None)


class HalfClosing(Wire):
    """A transport that can say that it has no more to say."""

    ended = False

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True


@pytest.mark.parametrize(
    ("said", "code"),
    [(masked(1, b"x" * 11), 1009), (masked(1, b"\xff"), 1007), (b"\x91\x80\0\0\0\0", 1002)],
    ids=["too large", "no text", "reserved bits"],
)
async def test_what_a_client_still_sends_behind_a_failure_is_thrown_away(said: bytes, code: int) -> None:
    taker, wire = Taker(limits=Limits(message_bytes=10)), HalfClosing()
    protocol = FastProtocol(configured(taker), ServerState(), {})
    protocol.connection_made(wire)
    protocol.data_received(handshake("127.0.0.1:80", "/"))
    await until(lambda: wire.writes)
    protocol.data_received(said)
    await until(lambda: taker.codes)
    assert taker.codes == [code]
    assert wire.writes[-1][2:4] == code.to_bytes(2)
    assert wire.ended
    assert not wire.is_closing(), "closing with unread bytes would reset it, and nobody would read why"
    protocol.data_received(masked(1, b"more"))
    assert (taker.heard, wire.is_closing()) == ([], False)
    protocol.data_received(b"x" * DISCARDED_BYTES)
    assert wire.aborted, "not for ever"
    protocol.connection_lost(None)


async def test_a_connection_that_is_taken_over_has_the_bounds_of_who_took_it() -> None:
    taker = Taker(limits=Limits(message_bytes=100))
    protocol, wire = connect(taker, ws_max_size=16 * 1024 * 1024)
    await until(lambda: wire.writes)
    protocol.data_received(masked(1, b"x" * 100))
    await until(lambda: taker.heard)
    protocol.data_received(masked(1, b"x" * 101)[:14])
    await until(lambda: taker.codes)
    assert (taker.codes, taker.inbound.counters.oversized) == ([1009], 1)
    protocol.connection_lost(None)


async def test_forty_thousand_frames_in_one_read_leave_the_loop_to_others() -> None:
    hub = Hub(channels=ROOM)
    async with hub:
        protocol, wire = connect(HubApp(hub))
        await until(lambda: wire.writes)
        protocol.data_received(masked(1, b"x" * 30) * 7000)
        assert wire.paused, "what waits is read before more is"
        (session,) = hub.node.roster
        await until(lambda: session.closed)
        assert session.closed is not None
        assert session.closed.code in (3509, 3013)
        protocol.connection_lost(None)
        await until(lambda: not hub.node.inbound.used)
