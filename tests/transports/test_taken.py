"""A connection that was taken over: what is heard and written, its pings, and its end."""

from __future__ import annotations

import asyncio
import gc
import weakref
from functools import partial
from typing import Any

import pytest

from gapless import ChannelOptions, Hub, HubApp, Limits
from gapless.transports.frames import FrameReader
from gapless.transports.inbox import WAITING_MESSAGES
from gapless.transports.taken import DISCARDED_BYTES

from ..support.sockets import masked
from ..support.until import turns, until
from ..support.wire import Wire
from .fast_path import ROOM, Taker, connect, written

pytestmark = pytest.mark.anyio


def parsers() -> int:
    """How many connections have a parser."""
    gc.collect()
    return sum(type(found) is FrameReader for found in gc.get_objects())


async def test_closing_in_the_same_turn_sends_the_answer_first() -> None:
    wire = connect(Taker(lambda connection: connection.close(3001, "shutdown")))
    await turns(3)
    (said,) = wire.writes
    assert said.startswith(b"HTTP/1.1 101 ")
    assert said.endswith(b"\r\n\r\n\x88\x0a\x0b\xb9shutdown")
    wire.lose()


async def test_the_answer_to_a_close_ends_the_connection_and_what_else_comes_is_not_heard() -> None:
    taker = Taker(lambda connection: connection.close(3001, "shutdown"))
    wire = connect(taker)
    await turns(3)
    wire.receive(masked(1, b"late"))
    assert not wire.is_closing()
    wire.receive(masked(8, b"\x0b\xb9"))
    assert wire.closed
    assert len(wire.writes) == 1, "behind a close frame nothing follows"
    assert taker.heard == []
    wire.lose()


async def test_a_connection_that_says_short_things_never_has_a_parser() -> None:
    before = parsers()
    taker = Taker()
    wire = connect(taker)
    await until(lambda: wire.writes)
    for opcode, payload in ((1, b"hello"), (2, b"\x00\x01"), (1, "é".encode())):
        wire.receive(masked(opcode, payload))
        await turns()
    assert taker.heard == ["hello", b"\x00\x01", "é"]
    wire.receive(masked(9, b"ping"))
    await turns()
    wire.receive(masked(10, b"pong that nobody waits for"))
    await turns()
    assert wire.writes[-1] == b"\x8a\x04ping"
    assert parsers() == before
    wire.receive(masked(1, b"x" * 200))
    assert parsers() == before + 1
    wire.lose()
    await turns()
    assert parsers() == before


async def test_a_short_message_needs_no_parser_however_many_wait_for_their_turn() -> None:
    taker = Taker()
    wire = connect(taker)
    await until(lambda: wire.writes)
    before, said = parsers(), len(wire.writes)
    taker.inbound.turns.call(lambda: None)
    assert not taker.inbound.turns.has_time()
    wire.receive(masked(1, b"hello"))
    assert taker.heard == ["hello"], "it waits where it is handled"
    assert parsers() == before
    wire.receive(masked(9, b"ping"))
    assert len(wire.writes) == said, "what is answered here has its turn here"
    await until(lambda: len(wire.writes) > said)
    assert wire.writes[-1] == b"\x8a\x04ping"
    wire.lose()


async def test_an_idle_subscriber_has_neither_parser_nor_task() -> None:
    hub = Hub(channels={"room": ChannelOptions(history=10)})
    async with hub:
        before = parsers()
        tasks = asyncio.all_tasks()
        wire = connect(HubApp(hub))
        await until(lambda: wire.writes)
        wire.receive(masked(1, b"ping"))
        await until(lambda: b'{"type":"pong"}' in wire.writes[-1])
        await until(lambda: asyncio.all_tasks() == tasks)
        assert parsers() == before
        wire.lose()


async def test_a_message_in_pieces_goes_through_the_parser_and_all_that_follows_too() -> None:
    taker = Taker(limits=Limits(message_bytes=70_000))
    wire = connect(taker)
    await until(lambda: wire.writes)
    whole = masked(1, b"in two pieces")
    fragments = bytes((0x01, 0x82)) + b"\0\0\0\0ab" + bytes((0x80, 0x81)) + b"\0\0\0\0c"
    for piece in (whole[:9], whole[9:], masked(1, b"short"), fragments, masked(2, b"y" * 70_000)):
        wire.receive(piece)
    await turns()
    assert taker.heard == ["in two pieces", "short", "abc", b"y" * 70_000]
    wire.receive(masked(9, b"a") + masked(9, b"b"))
    await turns()
    assert b"".join(wire.writes).endswith(b"\x8a\x01a\x8a\x01b")
    wire.lose()


async def test_a_short_frame_above_the_bound_of_messages_is_too_big_all_the_same() -> None:
    taker = Taker()
    wire = connect(taker, ws_max_size=4)
    await until(lambda: wire.writes)
    wire.receive(masked(1, b"four"))
    wire.receive(masked(1, b"hello"))
    await until(lambda: wire.closed)
    assert wire.writes[-1][:4] == b"\x88" + wire.writes[-1][1:2] + (1009).to_bytes(2)
    assert wire.closed
    assert (taker.heard, taker.codes) == (["four"], [1009])
    wire.lose()


async def test_the_transport_says_when_it_wants_no_more() -> None:
    taker = Taker()
    wire = connect(taker)
    await until(lambda: wire.writes)
    wire.protocol.pause_writing()
    wire.protocol.resume_writing()
    assert taker.writable == [False, True]
    wire.lose()


async def test_who_answers_no_ping_hears_so_and_nothing_after_it() -> None:
    hub = Hub(channels={"room": ChannelOptions(history=10)})
    async with hub:
        wire = connect(HubApp(hub), ws_ping_interval=0.01, ws_ping_timeout=0.01)
        await until(lambda: wire.closed)
        *before, goodbye = wire.writes
        assert any(frame[:2] == b"\x89\x04" for frame in before)
        assert goodbye[2:4] == (1011).to_bytes(2)
        assert not len(hub.node.roster)
        await hub.publish("room", "late")
        await turns()
        assert wire.writes[-1] == goodbye
        wire.lose()


RARELY: dict[str, Any] = {"ws_ping_interval": 3600.0, "ws_ping_timeout": 3600.0}


@pytest.mark.parametrize(
    "path", ["websocket", "websocket?cf_ws_frame_ping_pong=true", "uni_websocket?cf_connect={}"]
)
async def test_the_centrifuge_doors_ping_as_the_limits_say_and_not_as_the_server_does(path: str) -> None:
    limits = Limits(ping_interval=0.02, pong_timeout=0.01)
    async with Hub(limits=limits) as hub:
        wire = connect(HubApp(hub), f"/connection/{path}", **RARELY)
        await until(lambda: wire.closed)
        assert [write[:2] for write in wire.writes if write[0] == 0x89] == [b"\x89\x04"]
        assert wire.writes[-1][2:4] == (1011).to_bytes(2)
        wire.lose()


async def test_the_plain_door_is_pinged_as_the_server_is_told_to() -> None:
    limits = Limits(ping_interval=3600.0, pong_timeout=1800.0)
    async with Hub(limits=limits) as hub:
        wire = connect(HubApp(hub), "/ws", ws_ping_interval=0.01, ws_ping_timeout=0.01)
        await until(lambda: wire.closed)
        assert wire.writes[-1][2:4] == (1011).to_bytes(2)
        wire.lose()


async def test_who_answers_pings_stays() -> None:
    wire = connect(Taker(), ws_ping_interval=0.01, ws_ping_timeout=10.0)
    for count in range(2, 5):
        await until(partial(written, wire, count))
        wire.receive(masked(10, wire.writes[-1][2:]))
    assert not wire.is_closing()
    wire.lose()


# -- applications that do not take it


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
        wire = connect(HubApp(hub))
        await until(lambda: wire.writes)
        wire.receive(goodbye)
        assert wire.closed, "what was written goes out first, if it can"
        assert not wire.aborted
        if server_stops:
            wire.protocol.shutdown()
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

        wire = connect(late)
        for _ in range(WAITING_MESSAGES + 10):
            wire.receive(masked(1, b"ping"))
        accepted.set()
        await until(lambda: hub.node.roster)
        assert wire.paused
        subscribed.set()
        await until(lambda: not wire.paused)
        wire.lose()


@pytest.mark.parametrize("how", ["lost", "close"])
async def test_nothing_of_a_connection_waits_for_the_garbage_collector(how: str) -> None:
    hub = Hub(channels=ROOM)
    async with hub:
        gc.collect()
        gc.disable()
        try:
            wire = connect(HubApp(hub))
            await until(lambda: wire.writes)
            wire.receive(masked(1, b"ping"))
            await until(lambda: b"pong" in wire.writes[-1])
            session = weakref.ref(next(iter(hub.node.roster)))
            gone = weakref.ref(wire.protocol)
            if how == "close":
                wire.receive(masked(8, b"\x03\xe8"))
            wire.lose()
            await until(lambda: session() is None and gone() is None)
        finally:
            gc.enable()


async def test_replies_to_commands_that_came_in_one_frame_are_one_write() -> None:
    hub = Hub(channels={"room": ChannelOptions(history=10)})
    async with hub, hub.subscribe("room"):  # the first who comes waits for a channel to open
        wire = connect(HubApp(hub), "/connection/websocket")
        await until(lambda: wire.writes)
        wire.receive(masked(1, b'{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"room"}}'))
        await until(lambda: b'"id":2' in wire.writes[-1])
        assert len(wire.writes) == 2, "the handshake's answer, and both replies"
        wire.lose()


# -- what a client may say


async def test_pings_within_their_rate_are_answered_and_one_more_is_the_end() -> None:
    taker = Taker(limits=Limits(control_rate=0.001, control_burst=5))
    wire = connect(taker)
    await until(lambda: wire.writes)
    for _ in range(5):
        wire.receive(masked(9, b""))
        await turns()
    assert (wire.writes[-5:], taker.codes) == ([b"\x8a\x00"] * 5, [])
    wire.receive(masked(10, b""))
    await turns()
    assert wire.writes[-1][2:4] == (1008).to_bytes(2)
    assert (taker.codes, taker.inbound.counters.control_floods) == ([1008], 1)
    wire.lose()


async def test_while_the_socket_takes_nothing_only_the_newest_ping_is_answered() -> None:
    taker = Taker()
    wire = connect(taker)
    await until(lambda: wire.writes)
    before = len(wire.writes)
    wire.protocol.pause_writing()
    for payload in (b"1", b"2", b"3"):
        wire.receive(masked(9, payload))
        await turns()
    assert len(wire.writes) == before
    wire.protocol.resume_writing()
    assert wire.writes[before:] == [b"\x8a\x013"]
    assert taker.inbound.counters.pongs_skipped == 2
    wire.lose()


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
    taker = Taker(limits=Limits(message_bytes=10))
    wire = connect(taker, "/", wire=HalfClosing())
    await until(lambda: wire.writes)
    wire.receive(said)
    await until(lambda: taker.codes)
    assert taker.codes == [code]
    assert wire.writes[-1][2:4] == code.to_bytes(2)
    assert isinstance(wire, HalfClosing)
    assert isinstance(wire, HalfClosing)
    assert wire.ended
    assert not wire.is_closing(), "closing with unread bytes would reset it, and nobody would read why"
    wire.receive(masked(1, b"more"))
    assert (taker.heard, wire.is_closing()) == ([], False)
    wire.receive(b"x" * DISCARDED_BYTES)
    assert not wire.is_reading()
    assert not wire.is_closing(), "it has time to read why"
    await until(lambda: wire.aborted, "not for ever")
    wire.lose()


class Ended(HalfClosing):
    """One that takes it amiss to be written to behind its end, as uvloop's do."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.ended:
            raise RuntimeError("cannot write behind the end")
        super().write(data)


@pytest.mark.parametrize("count", range(5))
async def test_what_was_held_back_is_not_written_behind_the_end(count: int) -> None:
    failed: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failed.append(context))
    async with Hub(channels={"a": ChannelOptions()}) as hub:
        wire = connect(HubApp(hub), "/ws", wire=Ended())
        await until(lambda: wire.writes)
        wire.receive(masked(1, b"ping"))
        await turns(count)
        wire.receive(b"\x91\x80\0\0\0\0")
        await turns(5)
        assert wire.writes[-1][2:4] == (1002).to_bytes(2)
        wire.lose()
    assert not failed


async def test_a_connection_that_is_taken_over_has_the_bounds_of_who_took_it() -> None:
    taker = Taker(limits=Limits(message_bytes=100))
    wire = connect(taker, ws_max_size=16 * 1024 * 1024)
    await until(lambda: wire.writes)
    wire.receive(masked(1, b"x" * 100))
    await until(lambda: taker.heard)
    wire.receive(masked(1, b"x" * 101)[:14])
    await until(lambda: taker.codes)
    assert (taker.codes, taker.inbound.counters.oversized) == ([1009], 1)
    wire.lose()


async def test_forty_thousand_frames_in_one_read_leave_the_loop_to_others() -> None:
    hub = Hub(channels=ROOM)
    async with hub:
        wire = connect(HubApp(hub))
        await until(lambda: wire.writes)
        wire.receive(masked(1, b"x" * 30) * 7000)
        assert wire.paused, "what waits is read before more is"
        (session,) = hub.node.roster
        await until(lambda: session.flow.closed)
        assert session.flow.closed is not None
        assert session.flow.closed.code in (3509, 3013)
        wire.lose()
        await until(lambda: not hub.node.inbound.used)
