"""A subscription: it writes from its cursor to the head, as there is room, and says what it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gapless import ChannelOptions, Disconnect, Limits
from gapless.core.channel import Channel
from gapless.core.cursor import Lost, Reason, State
from gapless.core.log import Entry
from gapless.model import ANONYMOUS
from gapless.sessions.flow import Flow
from gapless.sessions.subscription import Subscription

from ..core.making import BytesView
from ..support.outlet import FakeOutlet
from ..support.world import World

OPTIONS = {
    "c": ChannelOptions(history=20, ring=4),
    "latest": ChannelOptions(history=20, ring=4, on_gap="latest"),
    "plain": ChannelOptions(ring=4),
}


@pytest.fixture
def world() -> Iterator[World]:
    world = World(OPTIONS, limits=Limits(flush_bytes=6, history_frame_bytes=3))
    yield world
    world.close()


class Frames(BytesView):
    """Payloads, as the fake outlet takes them: in lists."""

    def join(self, channel: str, frames: list[bytes]) -> Any:
        return frames

    def concat(self, chunks: list[Any]) -> Any:
        return [frame for chunk in chunks for frame in chunk]


class Broken(Frames):
    """A view that cannot show anything."""

    def frame(self, channel: str, entry: Entry, previous: Entry | None) -> bytes | None:
        raise LookupError("as the test wants it")


class Owner:
    """A session of the least kind: it notes what it is told, and by wish does not go on after a loss."""

    def __init__(self, world: World, *, goes_on: bool = True, pace: float = 0.0) -> None:
        self.node = world.hub.node
        self.client = "me"
        self.grant = ANONYMOUS
        self.gaps = 0
        self.outlet = FakeOutlet()
        self.subscriptions: dict[str, Subscription] = {}
        self.flow = Flow(self.node, self.outlet, self.subscriptions, pace=pace)
        self.lost: list[Lost] = []
        self.closed: list[int] = []
        self._goes_on = goes_on

    def count_gap(self, channel: Channel | None) -> None:
        self.gaps += 1

    def tell_lost(self, subscription: Subscription, lost: Lost) -> bool:
        self.lost.append(lost)
        return self._goes_on

    def close(self, disconnect: Disconnect) -> None:
        self.closed.append(disconnect.code)
        self.flow.end(disconnect)

    def full(self) -> None:
        """Nothing more fits, until `drained`."""
        self.outlet.room = False

    def drained(self) -> None:
        self.outlet.room = True
        self.flow.on_room()


def subscribed(world: World, owner: Owner, name: str = "c", view: Any = None) -> Subscription:
    """In the channel, at its head, and live."""
    subscription = owner.subscriptions[name] = Subscription(owner, name, view or Frames())
    channel = world.loop.run(world.hub.node.rings.join(name))
    subscription.sit(channel)
    subscription.cursor.begin(world.broker.page(name, None, 0, None, False), None, 0)
    subscription.go_live()
    assert subscription.cursor.state is State.LIVE
    return subscription


def publish(world: World, count: int, name: str = "c", **how: Any) -> None:
    for _ in range(count):
        world.publish(name, **how)
    world.loop.settle()


class TestDelivering:
    def test_it_writes_what_lies_between_its_cursor_and_the_head(self, world: World) -> None:
        owner = Owner(world)
        subscribed(world, owner)
        publish(world, 3)
        assert owner.outlet.frames == [b"1", b"2", b"3"]

    def test_who_stand_at_the_same_place_are_given_the_same_bytes(self, world: World) -> None:
        owners, view = [Owner(world) for _ in range(3)], Frames()
        for owner in owners:
            subscribed(world, owner, view=view)
        publish(world, 2)
        assert [owner.outlet.frames for owner in owners] == [[b"1", b"2"]] * 3
        assert view.encoded == 2

    def test_without_room_it_lags_and_goes_on_where_it_was(self, world: World) -> None:
        owner = Owner(world)
        subscription = subscribed(world, owner)
        owner.full()
        publish(world, 2)
        assert (owner.outlet.frames, subscription.cursor.state) == ([], State.LAGGING)
        owner.drained()
        assert (owner.outlet.frames, subscription.cursor.state) == ([b"1", b"2"], State.LIVE)

    def test_more_than_one_write_holds_goes_out_in_several(self, world: World) -> None:
        owner = Owner(world)
        subscribed(world, owner)
        owner.full()
        world.publish("c")
        for _ in range(3):
            world.publish("c", skip_history=True)
        world.loop.settle()
        owner.drained()
        world.loop.settle()
        assert b"".join(owner.outlet.frames) == b"1123"

    def test_its_own_client_may_be_left_out(self, world: World) -> None:
        owner, other = Owner(world), Owner(world)
        other.client = "another"
        subscribed(world, owner)
        subscribed(world, other)
        publish(world, 1, exclude="me")
        publish(world, 1)
        assert (owner.outlet.frames, other.outlet.frames) == ([b"2"], [b"1", b"2"])

    def test_after_it_left_nothing_is_written(self, world: World) -> None:
        owner = Owner(world)
        subscription = subscribed(world, owner)
        world.publish("c")
        subscription.leave()
        subscription.leave()
        publish(world, 1)
        assert (owner.outlet.frames, subscription.cursor.state) == ([], State.CLOSED)
        assert world.hub.node.rings.subscribers() == {}

    def test_a_failure_closes_its_session_and_nobody_elses(self, world: World) -> None:
        owner, other = Owner(world), Owner(world)
        subscribed(world, owner, view=Broken())
        subscribed(world, other)
        publish(world, 1)
        assert (owner.closed, other.closed, other.outlet.frames) == ([3004], [], [b"1"])
        assert world.hub.counters.session_errors == 1


class TestFallingBehind:
    def test_behind_the_ring_it_reads_history_and_is_live_again(self, world: World) -> None:
        owner = Owner(world)
        subscription = subscribed(world, owner)
        owner.full()
        publish(world, 9)
        owner.drained()
        world.loop.settle()
        assert owner.outlet.frames == [b"%d" % n for n in range(1, 10)]
        assert (owner.lost, subscription.cursor.state) == ([], State.LIVE)

    def test_what_history_gave_up_is_said_before_anything_newer(self, world: World) -> None:
        owner = Owner(world)
        subscribed(world, owner)
        owner.full()
        publish(world, 9)
        world.broker.trim("c", 3)
        owner.drained()
        world.loop.settle()
        assert [(lost.first, lost.last, lost.reason) for lost in owner.lost] == [(1, 3, Reason.TRIMMED)]
        assert owner.outlet.frames == [b"%d" % n for n in range(4, 10)]
        assert owner.gaps == 1

    def test_who_does_not_go_on_after_that_is_given_nothing_more(self, world: World) -> None:
        owner = Owner(world, goes_on=False)
        subscribed(world, owner)
        owner.full()
        publish(world, 9)
        world.broker.trim("c", 3)
        owner.drained()
        world.loop.settle()
        assert (len(owner.lost), owner.outlet.frames) == (1, [])

    def test_a_broker_that_fails_meanwhile_closes_the_session(self, world: World) -> None:
        owner = Owner(world)
        subscribed(world, owner)
        owner.full()
        publish(world, 9)
        world.broker.down = True
        owner.drained()
        world.loop.settle()
        assert owner.closed == [3004]

    def test_where_only_the_newest_counts_it_jumps(self, world: World) -> None:
        owner = Owner(world)
        subscribed(world, owner, "latest")
        owner.full()
        publish(world, 3, "latest")
        owner.drained()
        assert owner.outlet.frames == [b"3"]
        assert [(lost.first, lost.last, lost.reason) for lost in owner.lost] == [(1, 2, Reason.LATEST)]
        assert world.hub.counters.conflated == 2

    def test_without_history_it_counts_what_it_missed(self, world: World) -> None:
        owner = Owner(world)
        subscribed(world, owner, "plain")
        owner.full()
        publish(world, 9, "plain")
        owner.drained()
        assert owner.outlet.frames == [b"6", b"7", b"8", b"9"]
        assert [(lost.reason, lost.missed) for lost in owner.lost] == [(Reason.UNNUMBERED, 5)]
        assert owner.gaps == 1


class TestResting:
    """A ring of four entries, and a pace of a minute."""

    def test_who_rests_wakes_before_it_loses_its_place(self, world: World) -> None:
        for name in ("c", "plain"):
            owner = Owner(world, pace=60.0)
            subscribed(world, owner, name)
            for _ in range(9):
                publish(world, 1, name)
            assert b"".join(owner.outlet.frames) == b"1234567"
            assert owner.outlet.writes == 3
            assert owner.lost == []
            owner.flow.end(Disconnect(3000))

    def test_where_only_the_newest_counts_it_rests_on(self, world: World) -> None:
        owner = Owner(world, pace=60.0)
        subscribed(world, owner, "latest")
        for _ in range(9):
            publish(world, 1, "latest")
        assert owner.outlet.frames == [b"1"]
        owner.flow.end(Disconnect(3000))


class TestGoingLive:
    def test_what_came_without_an_offset_meanwhile_is_not_left_out(self, world: World) -> None:
        owner = Owner(world)
        channel: Channel = world.loop.run(world.hub.node.rings.join("c"))
        world.publish("c", skip_history=True)
        subscription = owner.subscriptions["c"] = Subscription(owner, "c", Frames())
        subscription.sit(channel)
        world.publish("c", skip_history=True)
        world.publish("c")
        world.loop.settle()
        assert owner.outlet.frames == [], "it is not live yet"
        subscription.cursor.begin(world.broker.page("c", None, 0, None, False), None, 0)
        subscription.go_live()
        assert owner.outlet.frames == [b"2"], "the one from before it came is not its own"

    def test_one_that_was_given_up_stays_so(self, world: World) -> None:
        owner = Owner(world)
        subscription = subscribed(world, owner)
        subscription.leave()
        subscription.told = False
        subscription.go_live()
        assert (subscription.told, subscription.cursor.state) == (False, State.CLOSED)
