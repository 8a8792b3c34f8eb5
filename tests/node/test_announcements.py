"""Joins and leaves in a room where somebody always comes or goes: few writes, and everybody is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gapless import ChannelOptions, Client, Grant, Limits
from gapless.auth.admission import Reception
from gapless.model import Member
from gapless.protocol import plain
from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF, Codec
from gapless.sessions.plain import PlainSession
from gapless.transports.conversation import TEXT

from ..support.centrifuge.stage import Peer, Stage
from ..support.outlet import FakeOutlet
from ..support.world import World

RATE = 20
ROOM = ChannelOptions(presence=True, join_leave=True, client_publish=True)


@pytest.fixture
def world() -> Iterator[World]:
    made = World(
        {"room": ROOM, "small": ChannelOptions(presence=True, join_leave=True, ring=8)},
        limits=Limits(join_pushes=RATE),
    )
    yield made
    made.close()


class Watcher:
    """Somebody on `/ws` who wants to know who comes and goes."""

    def __init__(self, world: World, channel: str = "room", *, batch: bool = False) -> None:
        self.outlet = FakeOutlet()
        self.session = PlainSession(
            world.hub.node,
            self.outlet,
            TEXT,
            client="watcher",
            grant=Grant(),
            about=Client("watcher"),
            query=[plain.Subscribe(channel, joins=True)],
            batch=batch,
        )
        self.session.open()
        world.loop.run(self.session.begin())
        # Its own join, and the time in which the rate has recovered from it.
        world.loop.advance(2.0)
        self.outlet.writes = 0
        self.outlet.frames.clear()

    @property
    def told(self) -> list[tuple[str, str]]:
        """Each frame: what happened, and to whom."""
        return [_what(json.loads(frame)) for frame in self.outlet.frames]


def _what(said: dict[str, Any]) -> tuple[str, str]:
    if "data" in said:
        return "data", str(said["data"])
    kind = "join" if "join" in said else "leave"
    return kind, said[kind]["client"]


def come(world: World, who: str, channel: str = "room") -> None:
    world.hub.node.rings.joined(channel, Member(who))


def go(world: World, who: str, channel: str = "room") -> None:
    world.hub.node.rings.left(channel, Member(who))


def crowd(world: World, count: int, seconds: float) -> list[tuple[str, str]]:
    """So many come, and each goes right after it came, evenly over this time; what is to be told of it."""
    expected: list[tuple[str, str]] = []
    for number in range(count):
        for kind, happens in (("join", come), ("leave", go)):
            happens(world, f"m{number}")
            expected.append((kind, f"m{number}"))
            world.loop.advance(seconds / count / 2)
    world.loop.advance(1.0)
    return expected


@pytest.mark.parametrize("batch", [False, True])
def test_a_crowd_is_told_in_few_writes_whole_and_in_order(world: World, batch: bool) -> None:
    watcher = Watcher(world, batch=batch)
    expected = crowd(world, 500, 5.0)
    assert watcher.told == expected
    assert watcher.outlet.writes <= RATE + 6 * RATE
    assert world.hub.counters.joins_coalesced > 800


@pytest.mark.parametrize("codec", [JSON, PROTOBUF], ids=lambda codec: codec.name)
def test_on_the_centrifuge_doors_a_write_is_one_frame(world: World, codec: Codec) -> None:
    stage = Stage(world.hub, codec, Reception(world.hub.hooks, None, anonymous=True))

    async def sit() -> Peer:
        peer = await stage.client()
        await peer.get("subscribe", channel="room", join_leave=True)
        return peer

    peer = world.loop.run(sit())
    world.loop.advance(2.0)
    peer.said.clear()
    peer.outlet.writes, before = 0, len(peer.outlet.frames)
    expected = crowd(world, 500, 5.0)
    assert [
        _what({kind: push[kind]["info"] for kind in push if kind != "channel"}) for push in peer.pushes
    ] == expected
    assert len(peer.outlet.frames) - before == peer.outlet.writes <= RATE + 6 * RATE


def test_so_many_are_told_at_once_and_one_more_waits(world: World) -> None:
    watcher = Watcher(world)
    for number in range(RATE):
        come(world, f"m{number}")
        world.loop.settle()
    assert len(watcher.told) == watcher.outlet.writes == RATE
    assert world.hub.counters.joins_coalesced == 0
    come(world, "late")
    go(world, "late")
    world.loop.settle()
    assert len(watcher.told) == RATE
    assert world.hub.counters.joins_coalesced == 2
    world.loop.advance(1 / RATE)
    assert watcher.told[RATE:] == [("join", "late"), ("leave", "late")]
    assert watcher.outlet.writes == RATE + 1


def test_a_publication_takes_along_what_waits_before_it(world: World) -> None:
    watcher = Watcher(world)
    for number in range(RATE + 3):
        come(world, f"m{number}")
        world.loop.settle()
    world.hub.publish("room", "hello")
    come(world, "later")
    world.loop.settle()
    assert watcher.told[RATE:] == [
        *(("join", f"m{number}") for number in range(RATE, RATE + 3)),
        ("data", "hello"),
        ("join", "later"),
    ]
    world.loop.advance(1.0)
    assert len(watcher.told) == RATE + 5


def test_more_than_the_ring_holds_do_not_wait_for_their_time(world: World) -> None:
    watcher = Watcher(world, "small")
    expected: list[tuple[str, str]] = []
    for number in range(100):
        come(world, f"m{number}", "small")
        expected.append(("join", f"m{number}"))
        world.loop.settle()
    world.loop.advance(1.0)
    assert watcher.told == expected
    assert world.hub.counters.unnumbered_lost == 0


def test_who_closes_while_some_wait_is_not_kept(world: World) -> None:
    Watcher(world)
    for number in range(RATE + 3):
        come(world, f"m{number}")
    world.loop.run(world.hub.close())
    world.loop.advance(1.0)
    assert not world.troubles
