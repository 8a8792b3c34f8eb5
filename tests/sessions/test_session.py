"""What every connection has, whichever door it came through: its bounds and its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gapless import ChannelOptions, Disconnect, Limits
from gapless.errors import CONNECTION_CLOSED
from gapless.sessions.session import REASON_BYTES

from ..core.making import BytesView
from ..support.sitting import Sitter
from ..support.world import World


@pytest.fixture
def world() -> Iterator[World]:
    world = World({"open": ChannelOptions(history=20)}, limits=Limits(stall_timeout=5.0))
    yield world
    world.close()


@pytest.fixture
def session(world: World) -> Sitter:
    session = Sitter(world)
    session.open()
    return session


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
    assert session.flow.closed is not None
    assert session.flow.closed.code == 3008
    assert session.wire.dead
    assert world.hub.counters.stalled == 1


def test_a_client_that_reads_no_replies_is_closed(world: World, session: Sitter) -> None:
    session.wire.accepts_replies = False
    session.reply(b"something")
    assert session.flow.closed is not None
    assert session.flow.closed.code == 3008
    assert world.hub.counters.slow_replies == 1
