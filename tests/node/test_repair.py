"""Repair and pages: what notifications did not bring is read from history, once for everybody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import BrokerError, Missed, Position
from gapless.core.cursor import Cursor, Lost, Reason
from gapless.node.history import Range

from ..support.world import World, joined, node_of, offsets
from ..support.worlds import MakeWorld


class TestRepair:
    """What the notifications did not bring, the ring reads from history: once, for everybody."""

    def test_a_lost_notification_is_read_when_the_next_comes(self, world: World) -> None:
        channel = joined(world)
        world.broker.held = True
        for _ in range(3):
            world.publish("c")
        world.broker.lose(0)
        world.broker.lose(0)
        world.broker.deliver_all()
        world.loop.settle()
        assert offsets(channel) == [1, 2, 3]
        assert world.hub.counters.repairs == 1

    def test_once_for_all_who_read(self, world: World) -> None:
        for number in range(5):
            world.connect(world.plain(f"client {number}", "c", history=0))
        world.loop.settle()
        reads = world.broker.reads
        world.broker.held = True
        world.publish("c")
        world.publish("c")
        world.broker.lose(0)
        world.broker.deliver_all()
        world.loop.settle()
        assert world.broker.reads == reads + 1
        assert all(world.checker.seen(reader.name, "c") == 2 for reader in world.readers)
        world.check()

    def test_the_last_one_is_found_by_the_slow_comparison(self, world: World) -> None:
        channel = joined(world)
        world.broker.held = True
        world.publish("c")
        world.broker.lose(0)
        world.loop.advance(41)
        assert offsets(channel) == [1]

    def test_one_that_cannot_be_understood_is_counted_and_looked_behind(self, world: World) -> None:
        channel = joined(world)
        world.broker.held = True
        world.publish("c")
        world.broker.lose(0)
        rings = node_of(world).rings
        rings.garbled("c")
        rings.garbled("nobody reads this")
        world.loop.settle()
        assert offsets(channel) == [1]
        assert (world.hub.counters.garbled, world.hub.counters.repairs) == (2, 1)

    def test_a_comparison_that_finds_nothing_repairs_nothing(self, world: World) -> None:
        joined(world)
        world.publish("c")
        world.loop.advance(41)
        assert world.hub.counters.repairs == 0

    def test_what_is_noticed_during_a_repair_is_read_as_well(self, world: World) -> None:
        """The page under way is older; without another look it would be missing until somebody asks."""
        channel = joined(world)
        broker = world.broker
        broker.held, broker.read_seconds, broker.old_pages = True, 1.0, True
        for _ in range(2):
            world.publish("c")
        broker.lose(0)
        broker.deliver_all()
        world.loop.advance(0.5)
        for _ in range(2):
            world.publish("c")
        broker.lose(0)
        broker.deliver_all()
        world.loop.advance(3)
        assert offsets(channel) == [1, 2, 3, 4]

    def test_a_page_that_somebody_else_began_earlier_is_not_believed(self, world: World) -> None:
        channel = joined(world)
        broker, node = world.broker, node_of(world)
        broker.held, broker.read_seconds, broker.old_pages = True, 1.0, True

        async def scenario() -> None:
            other = asyncio.ensure_future(
                node.pages.page("c", Range(channel.ring.top, max_bytes=node.limits.flush_bytes))
            )
            await asyncio.sleep(0.5)
            for _ in range(2):
                world.publish("c")
            broker.lose(0)
            broker.deliver_all()
            await other
            await asyncio.sleep(2.0)

        world.loop.run(scenario())
        assert offsets(channel) == [1, 2]

    def test_what_the_ring_cannot_hold_is_left_to_those_who_need_it(self, world: World) -> None:
        channel = joined(world)
        world.broker.held = True
        for _ in range(15):
            world.publish("c")
        world.broker.wire.clear()
        world.loop.run(node_of(world).repair.run(channel))
        assert offsets(channel) == list(range(8, 16))

    def test_after_a_restart_the_ring_holds_the_newest_of_the_new_life(self, world: World) -> None:
        channel = joined(world)
        for _ in range(12):
            world.publish("c")
        world.broker.restart_older("c", 2)
        world.loop.run(node_of(world).repair.run(channel))
        assert (channel.ring.epoch, offsets(channel)) == ("life2", list(range(3, 11)))

    def test_who_only_wants_the_newest_gets_it_after_a_restart(self, world: World) -> None:
        client = world.plain("ticker", "latest", history=0)
        world.connect(client)
        for _ in range(3):
            world.publish("latest")
        world.loop.settle()
        world.broker.restart_older("latest", 1)
        world.compare()
        world.loop.settle()
        assert world.checker.position("ticker", "latest") == Position(2, "life2")
        world.check()

    def test_while_the_broker_fails_the_ring_stays_and_it_is_tried_again(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        channel = joined(world)
        world.publish("c")
        world.broker.down = True
        world.loop.run(node_of(world).repair.run(channel))
        assert offsets(channel) == [1]
        assert world.hub.counters.repair_failed == 1
        assert "cannot be repaired yet" in caplog.text
        world.broker.down, world.broker.held = False, True
        world.publish("c")
        world.broker.wire.clear()
        world.loop.advance(41)
        assert offsets(channel) == [1, 2]

    def test_a_broker_that_contradicts_itself_is_not_asked_for_ever(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        channel = joined(world)
        world.publish("c")
        page = world.broker.page
        monkeypatch.setattr(
            world.broker,
            "page",
            lambda *about: page(*about)._replace(publications=[], top=Position(9, channel.ring.epoch)),
        )
        world.loop.run(node_of(world).repair.run(channel))
        assert world.broker.circles == 0
        assert offsets(channel) == [1]

    def test_after_an_interruption_every_ring_is_read_again(self, world: World) -> None:
        rings = [joined(world, "c"), joined(world, "d")]
        world.broker.held = True
        world.publish("c")
        world.publish("d")
        world.broker.interrupt()
        world.loop.settle()
        assert [channel.ring.top for channel in rings] == [1, 1]

    def test_where_there_is_no_history_the_subscribers_are_told(self, world: World) -> None:
        lost: list[Lost] = []

        async def scenario() -> Any:
            async with world.hub.subscribe("plain", on_gap=lost.append) as feed:
                await world.hub.publish("plain", "before")
                before = await anext(feed)
                world.broker.interrupt()
                await world.hub.publish("plain", "after")
                return before.data, (await anext(feed)).data

        assert world.loop.run(scenario()) == ("before", "after")
        assert [(one.reason, one.missed) for one in lost] == [(Reason.INTERRUPTED, 0)]

    @pytest.mark.parametrize("kind", ["client", "listener"])
    def test_a_reader_that_is_further_than_the_ring_has_it_repaired(self, world: World, kind: str) -> None:
        """It read from history what was never notified; without the repair it would read over and over."""
        world.publish("c")  # older than the ring: so history is read at all
        joined(world)
        world.broker.held = True
        for _ in range(3):
            world.publish("c")
        world.broker.wire.clear()
        world.connect(world.plain(kind, "c") if kind == "client" else world.listener(kind, "c", history=2))
        world.loop.settle()
        assert world.hub.counters.repairs == 1
        assert world.broker.reads < 10
        world.broker.held = False
        world.publish("c")
        world.loop.settle()
        world.reaches(kind, "c")
        world.check()


class TestPages:
    """Who asks for the same page while it is on its way shares it."""

    def test_one_read_serves_all(self, world: World) -> None:
        world.publish("c")
        world.broker.read_seconds = 1.0
        reads = world.broker.reads

        async def crowd() -> list[Any]:
            return list(await asyncio.gather(*(node_of(world).pages.page("c", Range(0)) for _ in range(10))))

        pages = world.loop.run(crowd())
        assert world.broker.reads == reads + 1
        assert {page.top.offset for page in pages} == {1}
        assert world.hub.counters.history_shared == 9

    def test_the_first_being_cancelled_disturbs_nobody(self, world: World) -> None:
        world.publish("c")
        world.broker.read_seconds = 1.0

        async def scenario() -> int:
            first = asyncio.ensure_future(node_of(world).pages.page("c"))
            second = asyncio.ensure_future(node_of(world).pages.page("c"))
            await asyncio.sleep(0.5)
            first.cancel()
            return len((await second).publications)

        assert world.loop.run(scenario()) == 1
        assert world.broker.reads == 1

    def test_who_is_cancelled_stays_cancelled(self, world: World) -> None:
        world.broker.read_seconds = 1.0

        async def scenario() -> bool:
            first = asyncio.ensure_future(node_of(world).pages.page("c"))
            second = asyncio.ensure_future(node_of(world).pages.page("c"))
            await asyncio.sleep(0.5)
            first.cancel()
            second.cancel()
            await asyncio.wait([first, second])
            return first.cancelled() and second.cancelled()

        assert world.loop.run(scenario())

    def test_backwards_is_another_page_than_forwards(self, world: World) -> None:
        for _ in range(3):
            world.publish("c")
        world.broker.read_seconds = 1.0

        async def both() -> list[list[int]]:
            pages = await asyncio.gather(
                node_of(world).pages.page("c"), node_of(world).pages.page("c", Range(reverse=True))
            )
            return [[publication.offset for publication in page.publications] for page in pages]

        assert world.loop.run(both()) == [[1, 2, 3], [3, 2, 1]]

    def test_a_failure_is_everybodys_and_the_next_tries_again(self, world: World) -> None:
        world.broker.read_seconds = 1.0

        async def crowd() -> list[Any]:
            pages = [asyncio.ensure_future(node_of(world).pages.page("c")) for _ in range(3)]
            await asyncio.sleep(0.5)
            world.broker.down = True
            return list(await asyncio.gather(*pages, return_exceptions=True))

        assert all(isinstance(outcome, BrokerError) for outcome in world.loop.run(crowd()))
        world.broker.down = False
        assert world.loop.run(node_of(world).pages.page("c")).publications == []

    def test_a_broker_that_does_not_answer_is_a_broker_error_that_says_so(
        self, make_world: MakeWorld
    ) -> None:
        world = make_world(broker_seconds=2.0)
        world.broker.read_seconds = 60.0
        with pytest.raises(BrokerError, match=r"history of 'c' cannot be read: TimeoutError"):
            world.loop.run(node_of(world).pages.page("c"))

    def test_only_so_many_are_read_at_once(self, make_world: MakeWorld) -> None:
        world = make_world(reads_at_once=2)
        world.broker.read_seconds = 1.0

        async def crowd() -> float:
            began = world.loop.time()
            await asyncio.gather(*(node_of(world).pages.page("c", Range(number)) for number in range(6)))
            return world.loop.time() - began

        # Pages behind the top are read once more, to see whether they were only old.
        assert world.loop.run(crowd()) >= 3.0

    def test_reading_your_own_publication_never_gets_an_older_page(self, world: World) -> None:
        world.broker.read_seconds, world.broker.old_pages = 1.0, True

        async def scenario() -> int:
            older = asyncio.ensure_future(node_of(world).pages.page("c"))
            await asyncio.sleep(0.5)
            await world.hub.publish("c", "mine")
            page = await world.hub.history("c")
            await older
            return page.top.offset

        assert world.loop.run(scenario()) == 1

    def test_a_page_that_is_older_than_the_position_is_no_proof_that_it_is_ahead(self, world: World) -> None:
        """Somebody claims offset 2 of a stream at 0; then it gets there; then an honest reader of 2 comes."""
        world.broker.read_seconds, world.broker.old_pages = 1.0, True

        async def scenario() -> Lost | None:
            claim = asyncio.ensure_future(node_of(world).pages.page("c", Range(2)))
            await asyncio.sleep(0.5)
            for _ in range(2):
                await world.hub.publish("c", "x")
            epoch = world.broker.stream("c").epoch
            _, lost = Cursor(epoch, 2).admit(await node_of(world).pages.page("c", Range(2)))
            await claim
            return lost

        assert world.loop.run(scenario()) is None


class TestMissedIsRaised:
    def test_where_no_on_gap_is_given(self, world: World) -> None:
        async def scenario() -> list[Any]:
            said: list[Any] = []
            async with world.hub.subscribe("c", since=Position(1, "another life")) as feed:
                for _ in range(3):
                    await world.hub.publish("c", "x")
                try:
                    await anext(feed)
                except Missed as missed:
                    said.append((missed.first, missed.last, missed.reason))
                said.extend([(await anext(feed)).offset for _ in range(3)])
            return said

        assert world.loop.run(scenario()) == [(2, None, "epoch"), 1, 2, 3]
