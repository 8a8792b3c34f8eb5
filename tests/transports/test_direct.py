"""What a session writes to the connection's own transport, and what it is told from there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from gapless.server.sockets import descriptor_of
from gapless.transports.direct import HELD_BYTES, DirectOutlet, Handler, Hear
from gapless.transports.session import Pings

from ..support.wire import Piped, Wire

pytestmark = pytest.mark.anyio


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
        self.descriptor = descriptor_of(wire)
        self.owed = b"the handshake's answer;"
        self.round_trip = None

    def uncork(self) -> bytes:
        owed, self.owed = self.owed, b""
        return owed

    def close(self, code: int, reason: str) -> None:
        self.transport.write(f"close {code};".encode())
        self.transport.close()

    def begin(self, handler: Handler, hear: Hear, pings: Pings | None = None) -> None: ...

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
