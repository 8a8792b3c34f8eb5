"""Joining a channel: its ring is set up once for everybody, and outlives its last reader a little."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import BrokerError, Position
from gapless.core.channel import Channel
from gapless.core.cursor import Lost
from gapless.node.rings import LINGER_SECONDS

from ..support.world import World, joined, node_of
from ..support.worlds import MakeWorld


class TestJoining:
    """A ring is set up once for everybody, and whoever leaves meanwhile takes nobody along."""

    def test_many_who_come_together_subscribe_once(self, world: World) -> None:
        world.broker.subscribe_seconds = 1.0

        async def crowd() -> list[Channel]:
            return list(await asyncio.gather(*(node_of(world).rings.join("c") for _ in range(10))))

        channels = world.loop.run(crowd())
        assert len({id(channel) for channel in channels}) == 1
        assert world.broker.calls == ["subscribe c"]
        assert world.broker.reads == 1

    def test_the_first_being_cancelled_disturbs_nobody(self, world: World) -> None:
        world.broker.subscribe_seconds = 1.0

        async def scenario() -> Channel:
            first = asyncio.ensure_future(node_of(world).rings.join("c"))
            second = asyncio.ensure_future(node_of(world).rings.join("c"))
            await asyncio.sleep(0.5)
            first.cancel()
            return await second

        assert world.loop.run(scenario()).name == "c"
        assert world.broker.calls == ["subscribe c"]

    def test_a_failure_is_everybodys_and_the_next_tries_again(self, world: World) -> None:
        world.broker.down = True

        async def crowd() -> list[Any]:
            joins = (node_of(world).rings.join("c") for _ in range(3))
            return list(await asyncio.gather(*joins, return_exceptions=True))

        assert all(isinstance(outcome, BrokerError) for outcome in world.loop.run(crowd()))
        world.broker.down = False
        assert joined(world).name == "c"

    def test_one_that_fails_half_way_is_taken_back_at_the_broker(self, world: World) -> None:
        world.broker.read_seconds = 0.5

        async def scenario() -> None:
            joining = asyncio.ensure_future(node_of(world).rings.join("c"))
            await asyncio.sleep(0.1)
            world.broker.down = True
            with pytest.raises(BrokerError):
                await joining
            await asyncio.sleep(0.1)

        world.loop.run(scenario())
        assert world.broker.subscribed == set()

    def test_a_broker_that_does_not_answer_is_a_broker_error_that_says_so(
        self, make_world: MakeWorld
    ) -> None:
        world = make_world(broker_seconds=2.0)
        world.broker.subscribe_seconds = 60.0
        with pytest.raises(BrokerError, match=r"cannot join 'c': \w+"):
            joined(world)

    def test_when_all_who_wanted_it_are_gone_it_is_given_back_after_a_while(self, world: World) -> None:
        world.broker.subscribe_seconds = 1.0

        async def scenario() -> None:
            joining = asyncio.ensure_future(node_of(world).rings.join("c"))
            await asyncio.sleep(0.5)
            joining.cancel()

        world.loop.run(scenario())
        world.loop.advance(LINGER_SECONDS + 4)
        assert world.broker.calls == ["subscribe c", "unsubscribe c"]
        assert node_of(world).rings.all() == []

    def test_what_is_notified_while_it_is_set_up_is_in_the_ring(self, world: World) -> None:
        world.broker.read_seconds, world.broker.old_pages = 1.0, True

        async def scenario() -> Channel:
            joining = asyncio.ensure_future(node_of(world).rings.join("c"))
            await asyncio.sleep(0.5)
            world.publish("c")
            return await joining

        channel = world.loop.run(scenario())
        world.loop.advance(3)
        assert channel.ring.top == 1

    def test_also_when_the_stream_began_anew_meanwhile(self, world: World) -> None:
        for _ in range(5):
            world.publish("c")
        world.broker.read_seconds, world.broker.old_pages = 1.0, True

        async def scenario() -> Channel:
            joining = asyncio.ensure_future(node_of(world).rings.join("c"))
            await asyncio.sleep(0.5)
            world.broker.restart_older("c", 4)
            world.publish("c")
            return await joining

        channel = world.loop.run(scenario())
        world.loop.advance(3)
        assert Position(channel.ring.top, channel.ring.epoch) == world.broker.stream("c").position

    def test_who_comes_back_soon_finds_the_same_ring(self, world: World) -> None:
        channel = joined(world)
        node_of(world).rings.leave(channel, None)
        world.loop.advance(LINGER_SECONDS - 2)
        assert joined(world) is channel
        world.loop.advance(2 * LINGER_SECONDS)
        assert world.broker.calls == ["subscribe c"]

    def test_a_ring_that_nobody_reads_is_given_back_after_a_while(self, world: World) -> None:
        channel = joined(world)
        world.publish("c")
        node_of(world).rings.leave(channel, None)
        world.loop.advance(LINGER_SECONDS + 2)
        assert node_of(world).rings.all() == []
        assert node_of(world).rings.budget.used == 0
        assert world.broker.subscribed == set()

    def test_who_comes_while_it_is_given_back_waits_for_that(self, world: World) -> None:
        node_of(world).rings.leave(joined(world), None)
        world.broker.subscribe_seconds = 4.0
        world.loop.advance(LINGER_SECONDS + 2)
        assert world.broker.calls[-1] == "unsubscribe c"
        joined(world)
        assert world.broker.calls[-1] == "subscribe c"
        assert world.broker.subscribed == {"c"}

    def test_as_many_must_leave_as_came(self, world: World) -> None:
        channel = joined(world)
        joined(world)
        node_of(world).rings.leave(channel, None)
        world.loop.advance(2 * LINGER_SECONDS)
        assert node_of(world).rings.all() == [channel]


class TestWhatHasNoOffset:
    """What has no offset and came while history was being read is not lost on the way."""

    def test_it_is_delivered_behind_the_history(self, world: World) -> None:
        world.publish("c")
        world.broker.read_seconds = 1.0
        client = world.plain("client", "c")
        joined(world)
        world.connect(client)
        world.loop.advance(0.5)
        world.publish("c", skip_history=True)
        world.loop.advance(3)
        world.publish("c", skip_history=True)
        world.loop.settle()
        world.check()
        assert world.checker._view("client", "c").counted == 2

    def test_but_not_to_whom_it_must_not_reach(self, world: World) -> None:
        world.publish("c")
        world.broker.read_seconds = 1.0
        client = world.plain("client", "c")
        joined(world)
        world.connect(client)
        world.loop.advance(0.5)
        world.publish("c", skip_history=True, exclude="client.1")
        world.publish("c", skip_history=True)
        world.loop.advance(3)
        assert world.checker._view("client", "c").counted == 2
        assert not world.checker.verdict.wrong

    def test_who_comes_late_is_not_told_that_it_missed_what_came_before(self, world: World) -> None:
        joined(world)
        for _ in range(30):
            world.publish("c", skip_history=True)
        for _ in range(3):
            world.publish("c")
        lost: list[Lost] = []

        async def scenario() -> list[int]:
            async with world.hub.subscribe("c", history=2, on_gap=lost.append) as feed:
                return [(await anext(feed)).offset for _ in range(2)]

        assert world.loop.run(scenario()) == [2, 3]
        assert lost == []
