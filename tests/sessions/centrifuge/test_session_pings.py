"""Pings and pongs (Centrifuge client protocol, version 2): on schedule, and answered in time."""

from __future__ import annotations

import asyncio

import pytest

from gapless import Limits
from gapless.protocol.centrifuge.codecs import Codec

from ...support.centrifuge.stage import Peer, stage, token_for
from ...support.until import turns

pytestmark = pytest.mark.anyio

LIMITS = Limits(ping_interval=20.0, pong_timeout=8.0)


def pings(peer: Peer) -> int:
    """How many there were so far."""
    return peer.said.count({})


async def test_the_first_ping_comes_between_half_an_interval_and_a_whole_one(codec: Codec) -> None:
    async with stage(codec, limits=LIMITS) as here:
        moments = set()
        for _ in range(30):
            peer = await here.client()
            peer.later(9.5)
            assert pings(peer) == 0
            seconds = iter(range(10, 22))
            while not pings(peer):
                peer.later(second := next(seconds))
            moments.add(second)
        assert max(moments) <= 20
        assert len(moments) > 3, "spread, so that clients that came together do not stay so"


async def test_then_one_comes_every_interval_if_it_is_answered(codec: Codec) -> None:
    async with stage(codec, limits=LIMITS) as here:
        peer = await here.client()
        for count in range(1, 4):
            peer.later(count * 20)
            assert pings(peer) == count
            peer.later(count * 20 + 7.9)
            await peer.pong()
            peer.later(count * 20 + 19.9)
            assert pings(peer) == count
        assert peer.closed is None


async def test_the_round_trip_is_known_from_the_first_pong_on(codec: Codec) -> None:
    async with stage(codec, limits=LIMITS) as here:
        peer = await here.client()
        loop = asyncio.get_running_loop()
        before = loop.time()
        peer.later(20)
        known = [peer.session.round_trip]
        await turns(10)
        await peer.pong()
        known.append(peer.session.round_trip)
        passed = loop.time() - before
        assert known[0] is None
        assert known[1] is not None
        assert 0 < known[1] <= passed


async def test_a_ping_without_a_pong_closes_with_3012(codec: Codec) -> None:
    async with stage(codec, limits=LIMITS) as here:
        peer = await here.client()
        peer.later(20)
        peer.later(27.9)
        assert peer.closed is None
        peer.later(28)
        assert peer.closed == 3012


async def test_a_pong_that_nobody_asked_for_closes_with_3501(codec: Codec) -> None:
    async with stage(codec, limits=LIMITS) as here:
        peer = await here.client()
        await peer.pong()
        assert peer.closed == 3501


async def test_a_second_pong_for_one_ping_closes_with_3501(codec: Codec) -> None:
    async with stage(codec, limits=LIMITS) as here:
        peer = await here.client()
        peer.later(20)
        await peer.pong()
        assert peer.closed is None
        await peer.pong()
        assert peer.closed == 3501


async def test_commands_are_no_pongs(codec: Codec) -> None:
    async with stage(codec, limits=LIMITS) as here:
        peer = await here.client()
        peer.later(20)
        await peer.get("subscribe", channel="a")
        peer.later(28)
        assert peer.closed == 3012


async def test_no_ping_comes_before_the_connect_reply(codec: Codec) -> None:
    async with stage(codec, limits=LIMITS, broker=None) as here:
        join, hold = here.hub.node.rings.join, asyncio.Event()

        async def slow(name: str) -> object:
            await hold.wait()
            return await join(name)

        here.hub.node.rings.join = slow  # type: ignore[method-assign, assignment]
        peer = here.peer()
        task = asyncio.create_task(peer.tell("connect", token=token_for("anna", channels=["a"])))
        await turns()
        peer.later(1000)
        assert peer.said == []
        assert peer.closed is None, "it is known who it is: it is not stale"
        hold.set()
        await task
        assert peer.said[0]["connect"]["subs"]


async def test_a_unidirectional_connection_is_pinged_and_owes_no_pong(codec: Codec) -> None:
    async with stage(codec, limits=LIMITS) as here:
        peer = here.peer(bare=True)
        await peer.tell("connect")
        (push,) = peer.said
        assert push["connect"]["ping"] == 20
        assert "pong" not in push["connect"]
        for count in range(1, 4):
            peer.later(count * 20)
            assert pings(peer) == count
        assert peer.closed is None
