"""The in-process subscriber: each publication once, in order, or told; over a broker that obeys the test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from gapless import BrokerError, ChannelOptions, Missed, NotRunning, Position
from gapless.core.cursor import Lost, Reason
from gapless.errors import BadRequest
from gapless.sessions.listener import Listener

from ..support.world import World

OPTIONS = {
    "c": ChannelOptions(history=10, ring=4),
    "latest": ChannelOptions(history=10, ring=4, on_gap="latest"),
    "plain": ChannelOptions(ring=4),
}


@pytest.fixture
def world() -> Iterator[World]:
    world = World(OPTIONS)
    yield world
    world.close()


async def publish(world: World, channel: str, *data: Any, **how: Any) -> None:
    """All in one turn of the loop."""
    for one in data:
        world.receipts.append(world.hub.publish(channel, one, **how))


async def take(feed: Listener, count: int) -> list[Any]:
    return [(await anext(feed)).data for _ in range(count)]


class TestBeginning:
    def test_by_default_with_what_is_published_from_now_on(self, world: World) -> None:
        async def scenario() -> list[Any]:
            await publish(world, "c", "before")
            async with world.hub.subscribe("c") as feed:
                await publish(world, "c", "after")
                return await take(feed, 1)

        assert world.loop.run(scenario()) == ["after"]

    @pytest.mark.parametrize(
        ("history", "expected"), [(2, [2, 3, 4]), (None, [1, 2, 3, 4]), (99, [1, 2, 3, 4])]
    )
    def test_with_the_newest_that_are_kept(
        self, world: World, history: int | None, expected: list[int]
    ) -> None:
        async def scenario() -> list[Any]:
            await publish(world, "c", 1, 2, 3)
            async with world.hub.subscribe("c", history=history) as feed:
                await publish(world, "c", 4)
                return await take(feed, len(expected))

        assert world.loop.run(scenario()) == expected

    def test_what_is_published_between_entering_and_reading_is_not_missed(self, world: World) -> None:
        lost = list[Lost]()

        async def scenario() -> list[Any]:
            async with world.hub.subscribe("c", on_gap=lost.append) as feed:
                await publish(world, "c", *range(30))
                await asyncio.sleep(1)
                return await take(feed, 10)

        assert world.loop.run(scenario()) == list(range(20, 30))
        assert [(one.first, one.last) for one in lost] == [(1, 20)]


class TestResuming:
    def test_goes_on_right_behind_the_position(self, world: World) -> None:
        async def scenario() -> list[Any]:
            async with world.hub.subscribe("c") as feed:
                await publish(world, "c", 1, 2, 3)
                seen = await take(feed, 2)
                position = feed.position
            await publish(world, "c", 4)
            async with world.hub.subscribe("c", since=position) as feed:
                return seen + await take(feed, 2)

        assert world.loop.run(scenario()) == [1, 2, 3, 4]

    def test_takes_the_position_as_it_is_written(self, world: World) -> None:
        async def scenario() -> list[Any]:
            await publish(world, "c", 1, 2)
            epoch = world.broker.stream("c").epoch
            async with world.hub.subscribe("c", since=f"{epoch}:1") as feed:
                return await take(feed, 1)

        assert world.loop.run(scenario()) == [2]

    def test_of_what_is_not_kept_any_more_it_says_what_is_lost(self, world: World) -> None:
        async def scenario() -> tuple[Any, list[Any]]:
            await publish(world, "c", *range(1, 16))
            epoch = world.broker.stream("c").epoch
            async with world.hub.subscribe("c", since=Position(2, epoch)) as feed:
                with pytest.raises(Missed) as missed:
                    await anext(feed)
                return missed.value, await take(feed, 2)

        missed, after = world.loop.run(scenario())
        assert (missed.first, missed.last, missed.reason) == (3, 5, "trimmed")
        assert after == [6, 7]

    def test_in_another_epoch_it_says_so_and_goes_on_with_the_oldest_kept(self, world: World) -> None:
        lost = list[Lost]()

        async def scenario() -> list[Any]:
            await publish(world, "c", 1, 2)
            async with world.hub.subscribe("c", since="another:7", on_gap=lost.append) as feed:
                return await take(feed, 2)

        assert world.loop.run(scenario()) == [1, 2]
        assert [(one.first, one.last, one.reason) for one in lost] == [(8, None, Reason.EPOCH)]

    def test_what_has_no_offset_is_not_delivered_twice(self, world: World) -> None:
        async def scenario() -> list[Any]:
            async with world.hub.subscribe("c") as feed:
                await publish(world, "c", 1)
                await publish(world, "c", "seen", skip_history=True)
                seen = await take(feed, 2)
                position = feed.position
            async with world.hub.subscribe("c", since=position) as feed:
                await publish(world, "c", 2)
                return seen + await take(feed, 1)

        assert world.loop.run(scenario()) == [1, "seen", 2]


class TestItsPosition:
    """That of the last publication handed out: resuming there repeats nothing and leaves nothing out."""

    def test_at_first_is_where_it_came(self, world: World) -> None:
        async def scenario() -> Position:
            await publish(world, "c", 1, 2)
            async with world.hub.subscribe("c") as feed:
                return feed.position

        assert world.loop.run(scenario()) == world.broker.stream("c").position

    def test_does_not_run_ahead_of_what_was_handed_out(self, world: World) -> None:
        async def scenario() -> list[Position]:
            async with world.hub.subscribe("c") as feed:
                await publish(world, "c", 1)
                await publish(world, "c", "no offset", skip_history=True)
                await publish(world, "c", 2)
                positions = []
                for _ in range(3):
                    await anext(feed)
                    positions.append(feed.position)
                return positions

        assert [position.offset for position in world.loop.run(scenario())] == [1, 1, 2]

    def test_follows_into_another_epoch(self, world: World) -> None:
        async def scenario() -> Position:
            async with world.hub.subscribe("c", on_gap=lambda lost: None) as feed:
                await publish(world, "c", 1, 2)
                await take(feed, 2)
                world.broker.restart_older("c", 2)
                await publish(world, "c", 3)
                await anext(feed)
                return feed.position

        assert world.loop.run(scenario()) == Position(1, "life2")


class TestFallingBehind:
    def test_behind_the_ring_it_reads_history(self, world: World) -> None:
        async def scenario() -> list[Any]:
            async with world.hub.subscribe("c") as feed:
                await publish(world, "c", 0)
                seen = await take(feed, 1)
                await publish(world, "c", *range(1, 9))
                await asyncio.sleep(1)
                return seen + await take(feed, 8)

        assert world.loop.run(scenario()) == list(range(9))

    def test_without_history_it_says_how_many_it_missed(self, world: World) -> None:
        lost = list[Lost]()

        async def scenario() -> list[Any]:
            async with world.hub.subscribe("plain", on_gap=lost.append) as feed:
                await publish(world, "plain", *range(10))
                await asyncio.sleep(1)
                return await take(feed, 4)

        assert world.loop.run(scenario()) == [6, 7, 8, 9]
        assert [(one.reason, one.missed) for one in lost] == [(Reason.UNNUMBERED, 6)]
        assert world.hub.counters.unnumbered_lost == 6
        assert world.hub.counters.gaps == 1

    def test_where_only_the_newest_counts_it_jumps_when_it_lagged(self, world: World) -> None:
        lost = list[Lost]()

        async def scenario() -> list[Any]:
            async with world.hub.subscribe("latest", on_gap=lost.append) as feed:
                await publish(world, "latest", 1)
                seen = await take(feed, 1)
                for number in (2, 3, 4):
                    await publish(world, "latest", number)
                    await asyncio.sleep(1)
                return seen + await take(feed, 1)

        assert world.loop.run(scenario()) == [1, 4]
        assert [(one.first, one.last, one.reason) for one in lost] == [(2, 3, Reason.LATEST)]

    def test_and_leaves_out_nothing_when_it_did_not(self, world: World) -> None:
        async def scenario() -> list[Any]:
            async with world.hub.subscribe("latest") as feed:
                reading = asyncio.ensure_future(take(feed, 3))
                await asyncio.sleep(0.1)
                await publish(world, "latest", 1, 2, 3)
                return await reading

        assert world.loop.run(scenario()) == [1, 2, 3]


class TestGivingUpWaiting:
    """`anext` may be cancelled, by a timeout say: nothing is lost by it."""

    @pytest.mark.parametrize("behind", [False, True])
    def test_nothing_is_taken_by_who_is_cancelled(self, world: World, behind: bool) -> None:
        async def scenario() -> list[Any]:
            world.broker.read_seconds = 0.5
            async with world.hub.subscribe("c") as feed:
                if behind:
                    await publish(world, "c", *range(8))
                for _ in range(3):
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(anext(feed), 0.1)
                if not behind:
                    await publish(world, "c", *range(8))
                return await take(feed, 8)

        assert world.loop.run(scenario()) == list(range(8))


class TestTheEnd:
    def test_leaving_the_block_ends_the_iteration(self, world: World) -> None:
        async def scenario() -> list[Any]:
            async with world.hub.subscribe("c") as feed:
                reading = asyncio.ensure_future(everything(feed))
                await publish(world, "c", 1, 2)
                await asyncio.sleep(0.1)
            return await reading

        assert world.loop.run(scenario()) == [1, 2]

    def test_what_was_taken_from_the_ring_is_still_handed_out(self, world: World) -> None:
        async def scenario() -> list[Any]:
            async with world.hub.subscribe("c") as feed:
                await publish(world, "c", 1, 2, 3)
                first = await take(feed, 1)
            return first + await everything(feed)

        assert world.loop.run(scenario()) == [1, 2, 3]

    def test_after_it_nobody_holds_the_channel(self, world: World) -> None:
        async def scenario() -> dict[str, int]:
            async with world.hub.subscribe("c"):
                assert world.hub.channels() == {"c": 1}
            return world.hub.channels()

        assert world.loop.run(scenario()) == {}

    def test_also_when_it_could_not_begin(self, world: World) -> None:
        async def scenario() -> None:
            world.broker.read_seconds = 1.0
            async with asyncio.timeout(0.5):
                async with world.hub.subscribe("c", history=None):
                    raise AssertionError("it cannot have begun")

        with pytest.raises(TimeoutError):
            world.loop.run(scenario())
        world.loop.advance(10)
        assert world.hub.node.rings.all() == []
        assert world.hub.node.listeners == set()


class TestMistakes:
    def test_a_broker_that_fails_is_raised_and_trying_again_goes_on(self, world: World) -> None:
        async def scenario() -> list[Any]:
            await publish(world, "c", 1, 2)
            async with world.hub.subscribe("c", history=None) as feed:
                world.broker.down = True
                world.hub.node.rings.all()[0].ring.shrink(0)
                with pytest.raises(BrokerError):
                    await anext(feed)
                world.broker.down = False
                return await take(feed, 2)

        assert world.loop.run(scenario()) == [1, 2]

    def test_a_position_that_is_none_is_refused_at_once(self, world: World) -> None:
        with pytest.raises(ValueError, match="EPOCH:OFFSET"):
            world.hub.subscribe("c", since="yesterday")

    def test_so_is_a_channel_that_cannot_be(self, world: World) -> None:
        with pytest.raises(BadRequest):
            world.hub.subscribe("")

    def test_a_hub_that_is_not_running_names_the_line_to_add(self, world: World) -> None:
        world.loop.run(world.hub.close())
        with pytest.raises(NotRunning, match="async with hub"):
            world.hub.subscribe("c")


async def everything(feed: Listener) -> list[Any]:
    return [publication.data async for publication in feed]
