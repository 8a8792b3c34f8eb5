"""The fast path's protocol: what it makes late, what it sends together, and what it leaves alone."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.asyncio.client import connect as client

from gapless import ChannelOptions, Hub, HubApp
from gapless.transports.direct import HELD_BYTES, WAITING_MESSAGES, DirectOutlet
from gapless.transports.uvicorn import WebSocketProtocol
from gapless.transports.writer import flows

from ..support.serving import FAST_PATH, PLAIN_ASGI, doors, serve
from ..support.sockets import handshake, masked
from ..support.until import until

pytestmark = pytest.mark.anyio


class Wire(asyncio.Transport):
    """What was written, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False
        self.aborted = False
        self.paused = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_protocol(self) -> asyncio.BaseProtocol:
        return asyncio.Protocol()


def configured(app: Any, **settings: Any) -> Config:
    config = Config(app, ws_ping_interval=None, log_level="warning", **settings)
    config.load()
    return config


def connect(
    app: Any, path: str = "/ws?channel=room&history=0", **settings: Any
) -> tuple[WebSocketProtocol, Wire]:
    wire = Wire()
    protocol = WebSocketProtocol(configured(app, **settings), ServerState(), {})
    protocol.connection_made(wire)
    protocol.data_received(handshake("127.0.0.1:80", path))
    return protocol, wire


def pong_is_awaited(protocol: WebSocketProtocol) -> bool:
    return protocol.pong_timer is not None


def has_parser(protocol: WebSocketProtocol) -> bool:
    return "conn" in vars(protocol)


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


def test_everything_that_uvicorn_sets_on_a_connection_is_there() -> None:
    config = configured(echo)

    async def compare() -> None:
        theirs = WebSocketsSansIOProtocol(config, ServerState(), {})
        ours = WebSocketProtocol(config, ServerState(), {})
        for name, value in vars(theirs).items():
            assert type(getattr(ours, name)) is type(value), name
            if isinstance(value, (bool, int, float, str, type(None))):
                assert getattr(ours, name) == value, name
        assert not hasattr(ours, "get_buffer"), "event loops ask for it"

    asyncio.run(compare())


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
    lines = answer.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 101 Switching Protocols"
    assert b"x-said: 1" in lines
    assert b"sec-websocket-protocol: mine" in lines
    protocol.connection_lost(None)


async def test_what_a_client_says_too_early_is_answered_behind_the_handshake() -> None:
    protocol, wire = connect(silent)
    while not protocol.handshake_complete:
        await asyncio.sleep(0)
    assert not wire.writes, "the answer is held back for a turn"
    protocol.data_received(masked(9, b"early"))
    assert wire.writes[0].startswith(b"HTTP/1.1 101 ")
    assert wire.writes[1:] == [b"\x8a\x05early"]
    protocol.connection_lost(None)


async def test_closing_in_the_same_turn_sends_the_answer_first() -> None:
    protocol, wire = connect(silent)
    while not protocol.handshake_complete:
        await asyncio.sleep(0)
    protocol.close(3001, "shutdown")
    assert [write[:2] for write in wire.writes] == [b"HT", b"\x88\x0a"]
    protocol.connection_lost(None)


async def test_a_connection_that_says_short_things_never_has_a_parser() -> None:
    protocol, wire = connect(echo)
    await until(lambda: wire.writes)
    for opcode, payload in ((1, b"hello"), (2, b"\x00\x01"), (1, "é".encode())):
        wire.writes.clear()
        protocol.data_received(masked(opcode, payload))
        assert not has_parser(protocol)
        await until(lambda: wire.writes)
        assert wire.writes[-1] == bytes((0x80 | opcode, len(payload))) + payload
        # Saying something is the library's, as in uvicorn: it makes the parser, which then stays.
        vars(protocol).pop("conn")
        protocol._parsing = False
    protocol.data_received(masked(9, b"ping"))
    protocol.data_received(masked(10, b"pong that nobody waits for"))
    assert wire.writes[-1] == b"\x8a\x04ping"
    assert not has_parser(protocol)
    protocol.connection_lost(None)


async def test_an_idle_subscriber_has_neither_parser_nor_queue_nor_scope() -> None:
    hub = Hub(channels={"room": ChannelOptions(history=10)})
    async with hub:
        protocol, wire = connect(HubApp(hub))
        await until(lambda: wire.writes)
        protocol.data_received(masked(1, b"ping"))
        await until(lambda: b'{"type":"pong"}' in wire.writes[-1])
        held = {name for name, value in vars(protocol).items() if value is not None}
        assert not held & {"conn", "writable", "scope", "request", "response"}
        assert "asyncio.Queue" not in repr(type(protocol.queue))
        assert not [task for task in asyncio.all_tasks() if "run_asgi" in repr(task)]


async def test_a_message_in_pieces_goes_through_the_parser_and_all_that_follows_too() -> None:
    protocol, wire = connect(echo)
    await until(lambda: wire.writes)
    whole = masked(1, b"in two pieces")
    for piece in (whole[:9], whole[9:], masked(1, b"short")):
        protocol.data_received(piece)
    assert has_parser(protocol)
    await until(lambda: len(wire.writes) == 3)
    assert wire.writes[1:] == [b"\x81\x0din two pieces", b"\x81\x05short"]
    protocol.connection_lost(None)


async def test_a_short_frame_above_the_bound_of_messages_is_too_big_all_the_same() -> None:
    protocol, wire = connect(echo, ws_max_size=4)
    await until(lambda: wire.writes)
    protocol.data_received(masked(1, b"hello"))
    await until(lambda: wire.is_closing())
    assert wire.writes[-1][:4] == b"\x88" + wire.writes[-1][1:2] + (1009).to_bytes(2)
    protocol.connection_lost(None)


async def test_keepalive_pings_are_sent_and_their_answers_known_without_a_parser() -> None:
    protocol, wire = connect(silent, ws_ping_timeout=1000.0)
    await until(lambda: wire.writes)
    protocol.ping_interval = 1000.0
    protocol.send_keepalive_ping()
    ping = wire.writes[-1]
    assert ping[:2] == b"\x89\x04"
    protocol.data_received(masked(10, b"stale"))
    assert pong_is_awaited(protocol), "an answer to something else is none"
    protocol.data_received(masked(10, ping[2:]))
    assert not pong_is_awaited(protocol)
    assert vars(protocol)["ping_timer"] is not None, "the next one is due"
    assert not has_parser(protocol)
    protocol.connection_lost(None)


@pytest.mark.parametrize("connection", ["Upgrade", "upgrade,, close"], ids=["usual", "for the library"])
async def test_compression_is_never_negotiated(connection: str) -> None:
    wire = Wire()
    protocol = WebSocketProtocol(configured(silent, ws_per_message_deflate=True), ServerState(), {})
    protocol.connection_made(wire)
    request = handshake("127.0.0.1:80", "/", "Sec-WebSocket-Extensions: permessage-deflate")
    protocol.data_received(request.replace(b"Connection: Upgrade", f"Connection: {connection}".encode()))
    await until(lambda: wire.writes)
    assert wire.writes[0].startswith(b"HTTP/1.1 101 ")
    assert b"extensions" not in wire.writes[0].lower()
    assert has_parser(protocol) is (connection != "Upgrade")
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
    goodbye: bytes, server_stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gapless.transports.uvicorn.CLOSE_SECONDS", 0.0)
    hub = Hub(channels=ROOM)
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


async def test_nothing_follows_the_goodbye_of_a_ping_that_was_not_answered() -> None:
    hub = Hub(channels=ROOM)
    async with hub:
        protocol, wire = connect(HubApp(hub))
        await until(lambda: wire.writes)
        protocol.keepalive_timeout()
        assert wire.writes[-1][2:4] == (1011).to_bytes(2)
        assert not hub.node.roster
        said = len(wire.writes)
        await hub.publish("room", "late")
        assert len(wire.writes) == said
        protocol.connection_lost(None)


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


# -- writing


class Piped(Wire):
    """A transport over a real socket; what is written to the transport itself stays in `writes`."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__()
        self._socket = connected
        self.buffered = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._socket if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return self.buffered


@pytest.fixture
def piped() -> Iterator[tuple[DirectOutlet, Piped, socket.socket]]:
    """An outlet whose handshake is answered, its transport, and the client's end."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        wire = Piped(near)
        out = DirectOutlet(Line(wire), max_reply_bytes=1000)
        out.push(b"first;", 6)
        wire.writes.clear()
        yield out, wire, far


def test_a_push_goes_to_the_socket_itself(piped: tuple[DirectOutlet, Piped, socket.socket]) -> None:
    out, wire, far = piped
    out.push(b"direct;", 7)
    assert far.recv(100) == b"direct;"
    assert not wire.writes


def test_a_push_passes_nothing_that_waits_in_the_transport(
    piped: tuple[DirectOutlet, Piped, socket.socket],
) -> None:
    out, wire, far = piped
    wire.buffered = 3  # half of a ping that the server sends
    out.push(b"behind;", 7)
    assert wire.writes == [b"behind;"]
    wire.buffered = 0
    out.push(b"direct;", 7)
    out.push(b"direct;", 7)
    wire.closed = True
    out.push(b"closed;", 7)
    assert far.recv(100) == b"direct;direct;"
    assert wire.writes == [b"behind;"], "and nothing follows when it closes"


def test_what_a_full_socket_does_not_take_goes_on_by_the_transport(
    piped: tuple[DirectOutlet, Piped, socket.socket],
) -> None:
    out, wire, far = piped
    large = bytes(range(256)) * 20_000
    out.push(large, len(large))
    (rest,) = wire.writes
    assert 0 < len(rest) < len(large)
    taken = b""
    while len(taken) < len(large) - len(rest):
        taken += far.recv(1 << 20)
    assert taken + rest == large


def test_a_peer_that_is_gone_is_the_transports_to_notice(
    piped: tuple[DirectOutlet, Piped, socket.socket],
) -> None:
    out, wire, far = piped
    far.close()
    out.push(b"lost;", 5)
    out.push(b"lost;", 5)
    assert wire.writes == [b"lost;", b"lost;"]


# -- replies


class Line:
    """A `direct.Connection` with nothing behind it."""

    def __init__(self, wire: Wire) -> None:
        self.transport: asyncio.Transport = wire
        self.owed = b"the handshake's answer;"

    def uncork(self) -> bytes:
        owed, self.owed = self.owed, b""
        return owed

    def close(self, code: int, reason: str) -> None:
        self.transport.write(f"close {code};".encode())
        self.transport.close()

    def detach(self, *callbacks: Any) -> None: ...

    def abort(self) -> None: ...

    def pause_reading(self, paused: bool) -> None: ...


def outlet() -> tuple[DirectOutlet, list[bytes]]:
    wire = Wire()
    return DirectOutlet(Line(wire), max_reply_bytes=1000), wire.writes


async def test_replies_of_one_turn_go_out_together_behind_what_is_owed() -> None:
    out, writes = outlet()
    for reply in (b"one;", b"two;"):
        assert out.reply(reply)
    assert not writes
    await asyncio.sleep(0)
    assert writes == [b"the handshake's answer;one;two;"]
    out.reply(b"three;")
    await asyncio.sleep(0)
    assert writes[1:] == [b"three;"]
    await asyncio.sleep(0)
    assert len(writes) == 2


async def test_a_push_takes_the_replies_before_it_along() -> None:
    out, writes = outlet()
    out.reply(b"reply;")
    out.push(b"push;", 5)
    out.reply(b"later;")
    out.push(b"push;", 5)
    out.push(b"push;", 5)
    await asyncio.sleep(0)
    assert writes == [b"the handshake's answer;reply;push;", b"later;push;", b"push;"]


async def test_a_close_comes_behind_the_replies_before_it_and_nothing_behind_the_close() -> None:
    out, writes = outlet()
    out.reply(b"reply;")
    out.close(3000, "")
    out.reply(b"too late;")
    await asyncio.sleep(0)
    assert writes == [b"the handshake's answer;reply;", b"close 3000;"]


async def test_replies_are_held_within_a_bound() -> None:
    out, writes = outlet()
    out.reply(b"x" * (HELD_BYTES - 1))
    assert not writes
    out.reply(b"y")
    assert [len(write) for write in writes] == [len(b"the handshake's answer;") + HELD_BYTES]


async def test_replies_held_count_against_a_client_that_reads_none() -> None:
    out, _ = outlet()
    out.room = False
    assert [out.reply(b"z" * 400) for _ in range(4)] == [True, True, True, False]


async def test_replies_to_commands_that_came_in_one_frame_are_one_write() -> None:
    hub = Hub(channels={"room": ChannelOptions(history=10)})
    async with hub, hub.subscribe("room"):  # the first who comes waits for a channel to open
        protocol, wire = connect(HubApp(hub), "/connection/websocket")
        await until(lambda: wire.writes)
        protocol.data_received(masked(1, b'{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"room"}}'))
        await until(lambda: b'"id":2' in wire.writes[-1])
        assert len(wire.writes) == 2, "the handshake's answer, and both replies"
        protocol.connection_lost(None)


@pytest.mark.parametrize("ws", [FAST_PATH, PLAIN_ASGI], ids=["fast", "asgi"])
async def test_the_send_of_either_protocol_is_known_to_wait_for_nothing_but_the_socket(ws: str) -> None:
    found: list[bool] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        found.append(flows(websocket._send))
        await websocket.close()

    app = Starlette(routes=[WebSocketRoute("/", endpoint)])
    async with serve(app, ws=ws) as address, client(address.ws("/")) as connection:
        await connection.wait_closed()
    assert found == [True]


def test_any_other_send_is_not() -> None:
    async def send(message: Any) -> None: ...

    assert not flows(send)
    assert not flows(None)
