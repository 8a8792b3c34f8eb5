"""Catching up: the ring first, the broker for what is older, and never an invention about either."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from gapless import BrokerError, ChannelOptions, Hub, Limits, MemoryBroker, Position
from gapless.core.channel import Channel
from gapless.core.cursor import Cursor, Lost, Reason, State
from gapless.core.log import Entry
from gapless.model import Member, Publication
from gapless.node.history import POSITION
from gapless.sessions.catchup import PAGE_PUBLICATIONS, SHORT_PAGE, Catchup, Step

from ..support.world import World, joined

OPTIONS = {
    "c": ChannelOptions(history=20, ring=8),
    "short": ChannelOptions(history=3, ring=8),
    "long": ChannelOptions(history=2_000, ring=1_500),
}


@pytest.fixture
def world() -> Iterator[World]:
    world = World(OPTIONS)
    yield world
    world.close()


class Beginner:
    """A cursor that came to a channel just now, and its way into the ring."""

    def __init__(self, world: World, channel: Channel, **how: Any) -> None:
        self.cursor = Cursor()
        self.cursor.come(channel.ring)
        self.catchup = Catchup(world.hub.node, channel, self.cursor, **how)
        self._world = world

    def begin(self, since: Position | None = None, history: int | None = None) -> Step:
        return self._world.loop.run(self.catchup.begin(since, history))

    def place(
        self, since: Position | None = None, history: int | None = None
    ) -> tuple[Position, Lost | None]:
        return self._world.loop.run(self.catchup.place(since, history))

    def rest(self) -> list[Step]:
        async def steps() -> list[Step]:
            return [step async for step in self.catchup]

        return self._world.loop.run(steps())


def fed(world: World, count: int, name: str = "c", *, before: int = 0) -> Channel:
    """A channel with so many publications in its ring, and others that are older than it."""
    for _ in range(before):
        world.publish(name)
    channel = joined(world, name)
    for _ in range(count):
        world.publish(name)
    return channel


def at(channel: Channel, offset: int) -> Position:
    return Position(offset, channel.ring.epoch)


def offsets(publications: list[Publication]) -> list[int]:
    return [publication.offset for publication in publications]


class TestTurns:
    """Who comes to a long history lets others have their turn, however many come at once."""

    @pytest.mark.parametrize(("long", "turns"), [(True, 20), (False, 0)])
    def test_a_page_each(self, long: bool, turns: int) -> None:
        passed = 0

        async def count() -> None:
            nonlocal passed
            while True:
                await asyncio.sleep(0)
                passed += 1

        async def begin(reader: Beginner) -> int:
            assert (await reader.catchup.begin(None, None)).fresh
            return passed

        async def all_at_once(readers: list[Beginner]) -> list[int]:
            counting = asyncio.create_task(count())
            try:
                return await asyncio.gather(*map(begin, readers))
            finally:
                counting.cancel()

        with closing(World(OPTIONS, limits=Limits(slice_seconds=0.0))) as world:
            channel = fed(world, 1_500 if long else SHORT_PAGE, "long")
            begun = world.loop.run(all_at_once([Beginner(world, channel) for _ in range(20)]))
        assert begun == sorted(begun), "in the order in which they came"
        assert begun[-1] - begun[0] >= turns - 1
        assert long or len(set(begun)) == 1


class TestTheRingFirst:
    """No read of the broker where the ring can tell where it begins and has what comes then."""

    @pytest.mark.parametrize("offset", range(4, 10))
    def test_a_position_inside_it(self, world: World, offset: int) -> None:
        channel = fed(world, 5, before=4)
        reads = world.broker.reads
        page, fresh, lost = Beginner(world, channel).begin(at(channel, offset))
        assert offsets(fresh) == list(range(offset + 1, 10))
        assert lost is None
        assert (page.top, page.oldest) == (world.broker.stream("c").position, 1)
        assert world.broker.reads == reads

    def test_the_newest_so_many(self, world: World) -> None:
        channel = fed(world, 5, before=4)
        reads = world.broker.reads
        assert [offsets(Beginner(world, channel).begin(None, n).fresh) for n in (0, 1, 5)] == [
            [],
            [9],
            [5, 6, 7, 8, 9],
        ]
        assert world.broker.reads == reads

    def test_all_that_is_kept_if_it_is_all_there(self, world: World) -> None:
        channel = fed(world, 3)
        reads = world.broker.reads
        assert offsets(Beginner(world, channel).begin().fresh) == [1, 2, 3]
        assert offsets(Beginner(world, channel).begin(Position(0, "")).fresh) == [1, 2, 3]
        assert world.broker.reads == reads

    @pytest.mark.parametrize("older", [0, 100])
    def test_in_pages_that_others_can_wait_for(self, world: World, older: int) -> None:
        reader = Beginner(world, fed(world, 1_500, "long", before=older))
        page, fresh, _ = reader.begin()
        reader.catchup.goal = page.top.offset
        steps = [fresh, *(step.fresh for step in reader.rest())]
        assert max(map(len, steps)) == PAGE_PUBLICATIONS
        assert [offset for step in steps for offset in offsets(step)] == list(range(1, 1_501 + older))

    def test_where_to_begin_without_a_page(self, world: World) -> None:
        channel = fed(world, 5, before=4)
        reads = world.broker.reads
        reader = Beginner(world, channel)
        assert reader.place(at(channel, 6)) == (at(channel, 9), None)
        assert (reader.cursor.offset, reader.rest()) == (6, [])
        assert reader.cursor.state is State.LIVE
        assert world.broker.reads == reads

    @pytest.mark.parametrize("count", [1, 3])
    def test_the_newest_first(self, world: World, count: int) -> None:
        channel = fed(world, 3, before=4)
        reads = world.broker.reads
        reader = Beginner(world, channel)
        page = world.loop.run(reader.catchup.newest(count))
        assert offsets(page.publications) == [7, 6, 5][:count]
        assert (reader.cursor.offset, reader.cursor.epoch) == (7, channel.ring.epoch)
        assert world.broker.reads == reads

    def test_many_who_ask_for_the_same_get_the_same(self, world: World) -> None:
        channel = fed(world, 5)
        first = Beginner(world, channel).begin(at(channel, 2)).fresh
        assert all(Beginner(world, channel).begin(at(channel, 2)).fresh is first for _ in range(3))
        world.publish("c")
        assert offsets(Beginner(world, channel).begin(at(channel, 2)).fresh) == [3, 4, 5, 6]

    def test_in_pages_of_so_many_bytes_or_publications(self, world: World) -> None:
        channel = fed(world, 6)
        assert offsets(Beginner(world, channel, max_bytes=3).begin().fresh) == [1, 2, 3]
        assert offsets(Beginner(world, channel, limit=2).begin().fresh) == [1, 2]

    def test_what_no_history_holds_is_on_no_page(self, world: World) -> None:
        channel = fed(world, 1)
        world.publish("c", skip_history=True)
        channel.ring.add(Entry(member=Member("somebody")))
        world.publish("c")
        assert offsets(Beginner(world, channel).begin().fresh) == [1, 2]


class TestTheBrokerForTheRest:
    def test_of_what_is_older_than_the_ring_one_read_brings_the_first_page(self, world: World) -> None:
        channel = fed(world, 5, before=4)
        for ask, expected in (
            ({"since": at(channel, 2)}, range(3, 10)),
            ({"history": 7}, range(3, 10)),
            ({"history": None}, range(1, 10)),
        ):
            reads = world.broker.reads
            assert offsets(Beginner(world, channel).begin(**ask).fresh) == list(expected)
            assert world.broker.reads == reads + 1

    def test_then_the_ring_goes_on(self, world: World) -> None:
        channel = fed(world, 8, before=4)
        reader = Beginner(world, channel, limit=5)
        reads = world.broker.reads
        assert offsets(reader.begin(at(channel, 0)).fresh) == [1, 2, 3, 4, 5]
        assert reader.rest() == []
        assert (reader.cursor.state, reader.cursor.offset) == (State.LIVE, 5)
        assert world.broker.reads == reads + 1

    def test_or_hands_out_pages_up_to_a_goal(self, world: World) -> None:
        channel = fed(world, 8, before=4)
        reader = Beginner(world, channel, limit=5)
        reads = world.broker.reads
        reader.catchup.goal = reader.begin(at(channel, 0)).page.top.offset
        assert [offsets(step.fresh) for step in reader.rest()] == [[6, 7, 8, 9, 10], [11, 12]]
        assert world.broker.reads == reads + 1

    def test_the_ring_may_be_behind_a_position_and_only_the_broker_can_tell(self, world: World) -> None:
        channel = fed(world, 3)
        world.broker.held = True
        world.publish("c")
        world.broker.wire.clear()
        page, fresh, lost = Beginner(world, channel).begin(at(channel, 4))
        assert (page.top.offset, fresh, lost) == (4, [], None)

    def test_a_position_that_cannot_be_is_lost_with_the_brokers_word(self, world: World) -> None:
        channel = fed(world, 3)
        _, lost = Beginner(world, channel).place(at(channel, 9))
        assert lost == Lost(4, None, Reason.EPOCH, channel.ring.epoch)
        _, lost = Beginner(world, channel).place(Position(2, "another"))
        assert lost == Lost(3, None, Reason.EPOCH, channel.ring.epoch)

    def test_a_page_that_is_older_than_the_position_convicts_nobody(self, world: World) -> None:
        """Somebody else's read of the position is under way while the stream goes on."""
        channel = fed(world, 0, before=2)
        world.broker.read_seconds, world.broker.old_pages = 1.0, True

        async def scenario() -> Lost | None:
            reading = asyncio.ensure_future(world.hub.node.pages.page("c", POSITION))
            await asyncio.sleep(0.5)
            world.broker.held = True
            world.publish("c")
            cursor = Cursor()
            _, lost = await Catchup(world.hub.node, channel, cursor).place(at(channel, 3), None)
            await reading
            return lost

        assert world.loop.run(scenario()) is None

    def test_a_stream_of_another_life_is_begun_with_its_oldest(self, world: World) -> None:
        channel = fed(world, 5, before=4)
        world.broker.restart_older("c", 2)
        reader = Beginner(world, channel)
        step = reader.begin(at(channel, 2))
        assert step.lost == Lost(3, None, Reason.EPOCH, "life2")
        steps = [step, *reader.rest()]
        assert [o for step in steps for o in offsets(step.fresh)] == [1, 2, 3, 4, 5, 6, 7]

    def test_a_failure_is_raised_and_trying_again_goes_on(self, world: World) -> None:
        channel = fed(world, 0, before=4)
        world.broker.down = True
        reader = Beginner(world, channel)
        with pytest.raises(BrokerError):
            reader.begin()
        world.broker.down = False
        assert offsets(reader.begin().fresh) == [1, 2, 3, 4]


class TestHowFarBackItReaches:
    """`oldest` is what the broker said, or what the number kept makes of that; never a guess."""

    def test_more_than_the_number_kept_is_not_begun_from(self, world: World) -> None:
        channel = fed(world, 6, "short")
        page, fresh, lost = Beginner(world, channel).begin()
        assert (page.oldest, offsets(fresh), lost) == (4, [4, 5, 6], None)
        _, fresh, lost = Beginner(world, channel).begin(at(channel, 1))
        assert (offsets(fresh), lost) == ([4, 5, 6], Lost(2, 3, Reason.TRIMMED, channel.ring.epoch))

    def test_but_who_reads_already_is_given_what_the_ring_has(self, world: World) -> None:
        channel = fed(world, 3, "short")
        reader = Beginner(world, channel, limit=1)
        assert offsets(reader.begin().fresh) == [1]
        reader.catchup.goal = 8
        for _ in range(5):
            world.publish("short")
        assert [(offsets(s.fresh), s.lost) for s in reader.rest()] == [([n], None) for n in range(2, 9)]

    def test_what_the_slow_comparison_saw_is_known(self, world: World) -> None:
        channel = fed(world, 6)
        world.broker.trim("c", 4)
        assert Beginner(world, channel).begin(at(channel, 5)).page.oldest == 1, "as it was last read"
        world.compare()
        world.loop.settle()
        page, fresh, lost = Beginner(world, channel).begin(at(channel, 4))
        assert (page.oldest, offsets(fresh), lost) == (5, [5, 6], None)
        assert Beginner(world, channel).begin(at(channel, 2)).lost == Lost(
            3, 4, Reason.TRIMMED, channel.ring.epoch
        )

    def test_so_is_what_any_page_said(self, world: World) -> None:
        channel = fed(world, 5, before=4)
        world.broker.trim("c", 6)
        assert Beginner(world, channel).begin(at(channel, 1)).page.oldest == 7
        assert Beginner(world, channel).begin(at(channel, 8)).page.oldest == 7

    def test_what_was_removed_is_not_found_in_the_ring(self, world: World) -> None:
        channel = fed(world, 5)
        world.loop.run(world.hub.remove_history("c"))
        page, fresh, lost = Beginner(world, channel).begin(at(channel, 2))
        assert (page.oldest, fresh, lost) == (6, [], Lost(3, 5, Reason.TRIMMED, channel.ring.epoch))
        assert Beginner(world, channel).begin().fresh == []

    def test_a_new_life_begins_with_what_is_known_of_it(self, world: World) -> None:
        channel = fed(world, 6)
        world.broker.trim("c", 5)
        world.compare()
        world.loop.settle()
        world.broker.restart_older("c", 6)
        world.compare()
        world.loop.settle()
        world.publish("c")
        reads = world.broker.reads
        page, fresh, _ = Beginner(world, channel).begin()
        assert (page.oldest, offsets(fresh)) == (1, [1])
        assert world.broker.reads == reads


class TestReadingOn:
    def test_it_waits_for_room_before_a_page_and_before_handing_it_out(self, world: World) -> None:
        channel = fed(world, 0, before=2)
        reads = world.broker.reads
        seen = list[tuple[int, int]]()

        async def pause() -> None:
            seen.append((world.broker.reads - reads, reader.cursor.offset))

        reader = Beginner(world, channel, limit=1, pause=pause)
        reader.begin(Position(0, ""))
        assert reader.rest()
        assert seen[:3] == [(1, 0), (1, 1), (2, 1)]

    def test_one_that_is_closed_meanwhile_is_given_nothing_more(self, world: World) -> None:
        channel = fed(world, 0, before=4)
        reader = Beginner(world, channel, limit=1)
        reader.begin()
        reader.cursor.close()
        assert reader.rest() == []

    def test_also_while_a_page_is_on_its_way(self, world: World) -> None:
        channel = fed(world, 0, before=4)
        reader = Beginner(world, channel, limit=1)
        reader.begin()
        world.broker.read_seconds = 1.0
        world.loop.call_later(0.5, reader.cursor.close)
        assert (reader.rest(), reader.cursor.offset) == ([], 1)

    def test_what_has_no_offset_and_was_missed_is_counted_at_the_end(self, world: World) -> None:
        channel = fed(world, 1)
        reader = Beginner(world, channel)
        reader.begin()
        reader.cursor.leave_ring()
        world.publish("c", skip_history=True)
        for _ in range(9):
            world.publish("c")
        steps = reader.rest()
        assert [offsets(step.fresh) for step in steps] == [list(range(2, 11)), []]
        assert steps[-1].lost == Lost(None, None, Reason.UNNUMBERED, channel.ring.epoch, 1)

    def test_a_ring_that_missed_a_notification_is_repaired(self, world: World) -> None:
        channel = fed(world, 0, before=1)
        world.broker.held = True
        world.publish("c")
        world.broker.wire.clear()
        reader = Beginner(world, channel)
        assert offsets(reader.begin().fresh) == [1, 2]
        assert reader.rest() == []
        assert (channel.ring.top, world.hub.counters.repairs) == (2, 1)


class Clock:
    """A broker's clock, so far from ours."""

    def __init__(self) -> None:
        self.behind = 0.0

    def __call__(self) -> float:
        return time.time() - self.behind


@pytest.mark.anyio
@pytest.mark.parametrize(("age", "expected"), [(60.0, 1), (1000.0, 0)])
async def test_what_may_be_too_old_is_asked_for(age: float, expected: int) -> None:
    clock = Clock()
    hub = Hub(MemoryBroker(now=clock), channels={"c": ChannelOptions(history=20, history_age=age)})
    async with hub:
        channel = await hub.node.rings.join("c")
        clock.behind = 100.0
        for number in range(3):
            await hub.publish("c", number)
        reads = hub.counters.history_reads
        position = Position(1, channel.ring.epoch)
        _, fresh, _ = await Catchup(hub.node, channel, Cursor()).begin(position, None)
        assert offsets(fresh) == [2, 3]
        _, lost = await Catchup(hub.node, channel, Cursor()).place(position, None)
        assert lost is None
        assert hub.counters.history_reads - reads == 2 * expected
