"""What every connection has, whichever door it came through: its publishing and its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gapless import ChannelOptions, Disconnect, Limits, PermissionDenied, Replace
from gapless.errors import CONNECTION_CLOSED, Internal, LimitExceeded, UnknownChannel
from gapless.sessions.session import REASON_BYTES

from ..core.making import BytesView
from ..support.sitting import Sitter
from ..support.world import World

OPTIONS = {
    "open": ChannelOptions(history=20, client_publish=True, outside_publish=True),
    "inside": ChannelOptions(history=20, client_publish=True),
    "shut": ChannelOptions(history=20),
    "asked": ChannelOptions(history=20),
}


@pytest.fixture
def world() -> Iterator[World]:
    world = World(OPTIONS, limits=Limits(client_payload_bytes=10, server_payload_bytes=20, stall_timeout=5.0))
    yield world
    world.close()


@pytest.fixture
def session(world: World) -> Sitter:
    session = Sitter(world)
    session.open()
    return session


def published(world: World, session: Sitter, name: str, payload: bytes = b"1", data: Any = 1) -> int:
    position = world.loop.run(session.publish(name, payload, data))
    assert position is not None
    return position.offset


def kept(world: World, name: str) -> list[Any]:
    return [one.data for one in world.loop.run(world.hub.history(name)).publications]


def test_a_client_publishes_as_the_options_allow(world: World, session: Sitter) -> None:
    assert published(world, session, "open") == 1
    for name, refusal in (("inside", PermissionDenied), ("shut", PermissionDenied), ("none", UnknownChannel)):
        with pytest.raises(refusal):
            published(world, session, name)
    world.loop.run(session.subscriptions.enter("inside", BytesView(), None))
    assert published(world, session, "inside") == 1


def test_a_payload_above_the_bound_is_refused_and_one_at_it_is_not(world: World, session: Sitter) -> None:
    published(world, session, "open", b'"12345678"', "12345678")
    with pytest.raises(LimitExceeded) as refused:
        published(world, session, "open", b'"123456789"', "123456789")
    assert refused.value.code == 107


def test_a_hook_decides_and_its_replacement_has_the_bound_of_the_server(
    world: World, session: Sitter
) -> None:
    @world.hub.on_publish("asked")
    async def replace(event: Any) -> Replace:
        return Replace(event.data * 9)

    published(world, session, "asked", b'"a"', "a")
    assert kept(world, "asked") == ["a" * 9]
    with pytest.raises(LimitExceeded):
        published(world, session, "asked", b'"abc"', "abc")


def test_what_the_hook_did_not_touch_stays_byte_for_byte(world: World, session: Sitter) -> None:
    @world.hub.on_publish("asked")
    async def pass_on(event: Any) -> Replace:
        return Replace(event.data)

    published(world, session, "asked", b"1.50", 1.5)
    (one,) = world.loop.run(world.hub.history("asked")).publications
    assert one.payload == b"1.50"


def test_a_broker_that_fails_is_an_internal_error(world: World, session: Sitter) -> None:
    world.broker.down = True
    with pytest.raises(Internal):
        published(world, session, "open")


def test_the_end_leaves_nothing_and_comes_once(world: World, session: Sitter) -> None:
    gone: list[tuple[str, int]] = []

    @world.hub.on_disconnect
    async def left(event: Any) -> None:
        gone.append((event.client.id, event.code))

    world.loop.run(session.subscriptions.enter("open", BytesView(), None))
    session.close(Disconnect(3003, "é" * 200))
    session.close(Disconnect(3004))
    session.end(Disconnect(3005))
    world.loop.settle()
    assert gone == [("me", 3003)]
    assert session.wire.closing is not None
    code, reason = session.wire.closing
    assert code == 3003
    assert reason == "é" * (REASON_BYTES // 2)
    assert len(world.hub.node.roster) == 0
    assert world.hub.stats().subscriptions == 0


def test_the_end_without_a_word_sends_nothing(world: World, session: Sitter) -> None:
    session.close(Disconnect(CONNECTION_CLOSED))
    assert session.wire.closing is None
    assert session.wire.dead
    assert len(world.hub.node.roster) == 0


def test_a_client_that_takes_nothing_is_cut_off_and_one_that_moves_is_not(
    world: World, session: Sitter
) -> None:
    session.wire.stall()
    session.reply(b"something")
    now = world.loop.time()
    for after in (0.0, 4.9, 5.1, 10.0, 10.2):
        if after == 5.1:
            session.wire.frames_sent += 1
        assert world.hub.counters.stalled == 0, after
        session.check(now + after)
    assert session.closed is not None
    assert session.closed.code == 3008
    assert session.wire.dead
    assert world.hub.counters.stalled == 1


def test_a_client_that_reads_no_replies_is_closed(world: World, session: Sitter) -> None:
    session.wire.accepts_replies = False
    session.reply(b"something")
    assert session.closed is not None
    assert session.closed.code == 3008
    assert world.hub.counters.slow_replies == 1
