"""One bad, slow or broken part changes nothing for another: subscribers, flush, housekeeping, the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gapless import BrokerError, Member
from gapless.core.cursor import Cursor
from gapless.sessions.listener import Listener
from gapless.sessions.session import Session

from ..support.world import World, joined, node_of
from ..support.worlds import MakeWorld


class TestIsolation:
    """One bad, slow or broken subscriber changes nothing for another."""

    def test_a_subscriber_whose_delivery_fails_is_closed_alone(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad, good = world.plain("bad", "c", history=0), world.plain("good", "c", history=0)
        for client in (bad, good):
            world.connect(client)
        world.loop.settle()
        assert bad.session is not None

        def broken(chunk: Any, size: int) -> None:
            raise RuntimeError("this transport has a bug")

        assert bad.socket is not None
        monkeypatch.setattr(type(bad.socket), "push", _only_for(bad.socket, broken, type(bad.socket).push))
        world.publish("c")
        world.loop.settle()
        world.publish("c")
        world.loop.settle()
        assert world.checker.seen("good", "c") == 2
        assert bad.closed_with is not None
        assert bad.closed_with[0] == 3004
        assert world.hub.counters.session_errors == 1

    def test_a_reader_of_history_that_fails_is_closed_and_not_left_waiting(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = world.plain("client", "c", history=0)
        world.connect(client)
        world.loop.settle()
        client.stall()
        for _ in range(12):
            world.publish("c")
            world.loop.settle()
        monkeypatch.setattr(Cursor, "admit", lambda cursor, page: 1 / 0)
        client.drain()
        world.loop.settle()
        assert client.closed_with is not None
        assert client.closed_with[0] == 3004

    def test_publishing_costs_no_turn_more_with_a_frozen_client(self, world: World) -> None:
        turns = []
        for frozen in (False, True):
            client = world.plain(f"client {frozen}", "c", history=0)
            world.connect(client)
            world.loop.settle()
            if frozen:
                client.stall()
                # It is judged once, and never waited for again.
                world.loop.run(self.publish(world, 200))
            began = world.loop.time()
            world.loop.run(self.publish(world, 200))
            turns.append(world.loop.time() - began)
            client.drop()
        assert turns[1] <= turns[0]

    def test_a_frozen_client_is_waited_for_once_and_shortly(self, world: World) -> None:
        client = world.plain("frozen", "c", history=0)
        world.connect(client)
        world.loop.settle()
        client.stall()
        began = world.loop.time()
        world.loop.run(self.publish(world, 500))
        assert world.loop.time() - began < 0.2

    def test_one_that_moves_is_waited_for_and_loses_nothing(self, world: World) -> None:
        """It takes a publication a millisecond; the ring holds eight; there is no history to fall back on."""
        client = world.plain("slow", "plain", history=0)
        world.connect(client)
        world.loop.settle()
        client.stall()
        world.background = world.loop.create_task(self.trickle(client))
        world.loop.run(self.publish(world, 300, "plain"))
        world.loop.advance(1.0)
        assert world.hub.counters.unnumbered_lost == 0
        assert world.hub.counters.gaps == 0

    @staticmethod
    async def trickle(client: Any, seconds: float = 0.001) -> None:
        while client.socket is not None:
            client.drain()
            await asyncio.sleep(0)
            client.stall()
            await asyncio.sleep(seconds)

    @staticmethod
    async def publish(world: World, count: int, channel: str = "c") -> None:
        for number in range(count):
            await world.hub.publish(channel, number)

    def test_patience_ends(self, make_world: MakeWorld) -> None:
        """One that moves, but far too slowly, holds a publisher up for a second, and then no more."""
        world = make_world(patience=1.0, flush_bytes=1)
        client = world.plain("snail", "wide", history=0)
        world.connect(client)
        world.loop.settle()
        client.stall()
        world.background = world.loop.create_task(self.trickle(client, 0.03))
        for _ in range(190):
            world.publish("wide")
        waits = []
        for _ in range(3):
            began = world.loop.time()
            world.loop.run(self.publish(world, 30, "wide"))
            waits.append(round(world.loop.time() - began, 1))
        assert waits == [1.0, 0.0, 0.0]


class TestTheFlush:
    def test_what_is_published_in_one_turn_goes_out_in_one_write(self, world: World) -> None:
        client = world.plain("client", "c", history=0)
        world.connect(client)
        world.loop.settle()
        writes = world.hub.counters.writes
        for _ in range(5):
            world.publish("c")
        world.loop.settle()
        assert world.hub.counters.writes == writes + 1
        assert world.checker.seen("client", "c") == 5

    def test_a_long_one_gives_the_loop_its_turns(self, make_world: MakeWorld) -> None:
        world = make_world(slice_seconds=0.0)
        clients = [world.plain(f"client {number}", "c", history=0) for number in range(150)]
        for client in clients:
            world.connect(client)
        world.loop.settle()
        turns: list[int] = []

        async def watch() -> None:
            for _ in range(10):
                turns.append(sum(world.checker.seen(client.name, "c") for client in clients))
                await asyncio.sleep(0)

        world.publish("c")
        world.loop.run(watch())
        world.loop.settle()
        assert len(set(turns)) > 3, "somebody else had a turn in the middle of it"
        assert all(world.checker.seen(client.name, "c") == 1 for client in clients)

    def test_what_does_not_fit_into_one_write_follows_by_itself(self, make_world: MakeWorld) -> None:
        world = make_world(flush_bytes=1)
        world.connect(world.plain("eager", "c", eager=True, history=0))
        world.connect(world.plain("queued", "c", history=0))
        world.loop.settle()
        for _ in range(6):
            world.publish("c")
        world.loop.settle()
        for reader in world.readers:
            world.reaches(reader.name, "c")
        world.check()

    def test_also_that_of_another_channel_on_the_same_connection(self, make_world: MakeWorld) -> None:
        """With room all along, no drain will ever call: the rest must have its turn without one."""
        world = make_world(flush_bytes=1)
        client = world.plain("client", "c", "d", eager=True, history=0)
        world.connect(client)
        world.loop.settle()
        world.publish("d")
        world.publish("c")
        world.loop.settle()
        for channel in client.channels:
            world.reaches("client", channel)
        world.check()

    def test_a_connection_that_is_closed_in_the_middle_of_it_is_written_to_no_more(
        self, world: World
    ) -> None:
        client = world.plain("client", "c", "strict", history=0)
        world.connect(client)
        world.loop.settle()
        client.stall()
        for number in range(12):
            if number < 4:
                world.publish("c")  # there is something to write of this one, and then the other closes
            world.publish("strict")
            world.loop.settle()
        client.drain()
        world.loop.settle()
        assert client.closed_with is not None
        assert client.closed_with[0] == 3008
        world.check()

    def test_rings_give_way_when_all_together_are_too_large(self, make_world: MakeWorld) -> None:
        world = make_world(ring_budget_bytes=3000)
        for name in ("c", "d"):
            world.connect(world.plain(f"in {name}", name, history=0))
        world.loop.settle()
        for _ in range(8):
            for name in ("c", "d"):
                world.publish(name)
        assert node_of(world).rings.budget.used <= 3000
        assert world.hub.counters.ring_shrinks > 0
        world.loop.settle()
        world.check()
        for name in ("c", "d"):
            world.reaches(f"in {name}", name)


class TestHousekeeping:
    """What happens once a second goes on whatever fails in it."""

    def test_a_check_that_fails_keeps_the_others_from_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad, good = world.plain("bad", "c"), world.plain("good", "c")
        for client in (bad, good):
            world.connect(client)
        world.loop.settle()
        bad_session, checked = bad.session, list[Session]()

        def check(session: Session, now: float) -> None:
            if session is bad_session:
                raise RuntimeError("a bug in one session")
            checked.append(session)

        monkeypatch.setattr(Session, "check", check)
        world.loop.advance(3.5)
        assert checked == [good.session] * 3
        assert world.hub.counters.session_errors == 3

    def test_stalled_clients_are_cut_off_while_the_broker_hangs(self, world: World) -> None:
        client = world.plain("stalled", "c", history=0)
        world.connect(client)
        world.loop.settle()
        client.stall()
        world.publish("c")
        world.loop.advance(15)
        world.broker.read_seconds = 10_000.0
        world.loop.advance(30)
        assert not client.connected
        assert world.hub.counters.stalled == 1

    def test_a_store_that_fails_does_not_end_it(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        node = node_of(world)
        world.loop.run_until_complete(
            node.members.join("c", Member("x"), announce=False, is_current=lambda: True)
        )

        async def fails(*about: Any, **how: Any) -> bool:
            raise BrokerError("the store is away")

        monkeypatch.setattr(node.presence, "join", fails)
        world.loop.advance(60)
        joined(world)
        world.broker.held = True
        world.publish("c")
        world.broker.wire.clear()
        world.loop.advance(41)
        assert node.rings.all()[0].ring.top == 1

    def test_who_has_left_is_not_brought_back_by_a_refresh(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        node, refreshed = node_of(world), list[str]()
        for client in ("stays", "leaves", "too"):
            world.loop.run_until_complete(
                node.members.join("c", Member(client), announce=False, is_current=lambda: True)
            )

        async def slow(channel: str, member: Member, *, announce: bool) -> bool:
            refreshed.append(member.client)
            await asyncio.sleep(1.0)
            node.members.leave("c", "leaves", announce=False)
            return False

        monkeypatch.setattr(node.presence, "join", slow)
        world.loop.advance(40)
        assert refreshed == ["stays", "too"]

    def test_a_task_that_fails_is_logged_and_counted(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def fails() -> None:
            raise RuntimeError("a bug")

        node_of(world).tasks.spawn(fails())
        world.loop.settle()
        assert world.hub.counters.session_errors == 1
        assert "a bug" in caplog.text


class TestClosing:
    """Nobody is left waiting, and what is under way may come to its end."""

    def test_an_in_process_subscriber_comes_to_its_end(self, world: World) -> None:
        async def scenario() -> list[Any]:
            async with world.hub.subscribe("c") as feed:
                await world.hub.publish("c", 1)
                reading = asyncio.ensure_future(self.read_all(feed))
                await asyncio.sleep(0.1)
                await world.hub.close()
                return await reading

        assert world.loop.run(scenario()) == [1]

    @staticmethod
    async def read_all(feed: Listener) -> list[Any]:
        return [publication.data async for publication in feed]

    def test_who_waits_for_a_page_or_a_ring_is_told(self, world: World) -> None:
        world.broker.read_seconds = 10_000.0

        async def scenario() -> list[Any]:
            waiting = [
                asyncio.ensure_future(node_of(world).pages.page("c")),
                asyncio.ensure_future(node_of(world).rings.join("d")),
            ]
            await asyncio.sleep(0.1)
            await world.hub.close()
            return list(await asyncio.gather(*waiting, return_exceptions=True))

        assert [type(outcome) for outcome in world.loop.run(scenario())] == [BrokerError, BrokerError]

    def test_it_does_not_wait_long_for_a_broker_that_hangs(self, world: World) -> None:
        channel = joined(world)
        world.broker.read_seconds = 10_000.0
        node_of(world).repair.begin(channel)
        node_of(world).tasks.spawn(_for_ever())
        began = world.loop.time()
        world.loop.run(world.hub.close())
        assert world.loop.time() - began < 2.0
        assert asyncio.all_tasks(world.loop) == set()

    def test_everything_is_given_back(self, world: World) -> None:
        for name in ("c", "plain"):
            world.connect(world.plain(f"in {name}", name))
        world.loop.settle()
        world.publish("c")
        world.publish("plain")
        world.loop.run(world.hub.close())
        node = node_of(world)
        assert (node.rings.budget.used, node.rings.all(), len(node.roster), node.listeners) == (
            0,
            [],
            0,
            set(),
        )
        assert world.hub.stats().ring_bytes == 0


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def _only_for(one: Any, special: Callable[..., None], usual: Callable[..., None]) -> Callable[..., None]:
    def push(socket: Any, *about: Any) -> None:
        if socket is one:
            special(*about)
        else:
            usual(socket, *about)

    return push
