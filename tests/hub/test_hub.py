"""The hub: publishing from anywhere, starting and closing, and what an application asks of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gapless import (
    ChannelOptions,
    ConfigError,
    Hub,
    LimitExceeded,
    Limits,
    Position,
)
from gapless.errors import BadRequest

from ..support.world import World

pytestmark = pytest.mark.anyio

CHANNELS = {"*": ChannelOptions(history=1000), "plain": ChannelOptions()}


def hub_with(broker: Any = "memory://", **limits: Any) -> Hub:
    return Hub(broker, channels=CHANNELS, limits=Limits(**limits))


async def kept(hub: Hub, channel: str = "c") -> list[Any]:
    return [publication.data for publication in (await hub.history(channel)).publications]


class TestPublishing:
    async def test_gives_a_receipt_that_gives_the_position(self) -> None:
        async with hub_with() as hub:
            first = await hub.publish("c", {"a": 1})
            assert first is not None
            assert await hub.publish("c", None) == Position(2, first.epoch)
            assert await kept(hub) == [{"a": 1}, None]

    async def test_works_without_looking_at_the_receipt(self) -> None:
        async with hub_with() as hub:
            hub.publish("c", 1)
            assert await kept(hub) == [1]
            assert hub.counters.published == 1

    async def test_gives_no_position_where_the_channel_keeps_no_history(self) -> None:
        async with hub_with() as hub:
            assert await hub.publish("plain", 1) is None

    async def test_takes_whatever_json_can_hold(self) -> None:
        data = {"text": "ä\n\u2028", "numbers": [1, 2.5, -3], "none": None, "7": True}
        async with hub_with() as hub:
            await hub.publish("c", data)
            assert await kept(hub) == [data]

    @pytest.mark.parametrize(
        "data",
        [{1, 2j}, object(), b"bytes", float("nan"), "\ud800", float, {"a": {("b",): 1}}],
        ids=lambda one: repr(one)[:12],
    )
    async def test_says_what_json_cannot_hold(self, data: Any) -> None:
        async with hub_with() as hub:
            with pytest.raises(TypeError, match="cannot be published as JSON"):
                hub.publish("c", data)

    async def test_what_json_does_not_have_may_be_made_into_something_that_it_has(self) -> None:
        def default(value: Any) -> Any:
            if isinstance(value, complex):
                return [value.real, value.imag]
            raise TypeError("no complex number")

        async with Hub(channels={"c": ChannelOptions(history=9)}, default=default) as hub:
            await hub.publish("c", {"z": 1 + 2j})
            assert await kept(hub) == [{"z": [1.0, 2.0]}]
            with pytest.raises(
                TypeError, match=r"data\.z is of the type bytes, and default says: no complex"
            ):
                hub.publish("c", {"z": b""})
            # What hooks answer with is written in the same way.
            assert hub.hooks.encode(1j) == b"[0.0,1.0]"

    async def test_too_much_data_is_refused_with_its_numbers(self) -> None:
        async with hub_with(server_payload_bytes=10) as hub:
            await hub.publish("c", "12345678")
            with pytest.raises(LimitExceeded) as exceeded:
                hub.publish("c", "123456789")
            assert (exceeded.value.limit, exceeded.value.actual, exceeded.value.code) == (10, 11, 107)
            assert len(await kept(hub)) == 1

    @pytest.mark.parametrize(
        "how",
        [
            {"tags": {str(number): "x" for number in range(17)}},
            {"tags": {"k": "x" * 257}},
            {"tags": {"k" * 257: "x"}},
            {"tags": {"k": 1}},
            {"tags": {1: "x"}},
            {"tags": {"k": "\ud800"}},
            {"idempotency_key": ""},
            {"idempotency_key": "x" * 65},
            {"idempotency_key": "ä" * 33},
            {"idempotency_key": "\ud800"},
        ],
        ids=lambda how: repr(how)[:30],
    )
    async def test_tags_and_keys_that_cannot_be_are_refused(self, how: dict[str, Any]) -> None:
        async with hub_with() as hub:
            with pytest.raises((BadRequest, LimitExceeded)) as refused:
                hub.publish("c", 1, **how)
            assert refused.value.code == 107
            assert await kept(hub) == []

    async def test_a_retry_with_the_same_key_is_no_second_publication(self) -> None:
        async with hub_with() as hub:
            positions = [await hub.publish("c", 1, idempotency_key="k") for _ in range(3)]
            assert len(set(positions)) == 1
            assert await kept(hub) == [1]

    @pytest.mark.parametrize("names", [("author", "reader"), ("reader", "author")])
    def test_who_is_excluded_does_not_get_it_and_goes_on_behind_it(self, names: tuple[str, ...]) -> None:
        world = World(CHANNELS)
        try:
            for name in names:
                world.connect(world.plain(name, "c", history=0))
                world.loop.settle()
            for number in (1, 2, 3):
                world.hub.publish("c", number, exclude="author.1" if number == 2 else None)
                world.loop.settle()
            assert [world.checker.seen(name, "c") for name in ("author", "reader")] == [2, 3]
        finally:
            world.close()


class TestChannelNames:
    @pytest.mark.parametrize("name", ["a", "orders:7", "ä😀", "a b", "{}*?[]", "x" * 255, "ä" * 127])
    async def test_these_can_be(self, name: str) -> None:
        async with hub_with() as hub:
            assert await hub.publish(name, 1) is not None
            assert await kept(hub, name) == [1]

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("", "is empty"),
            ("a\n", "control characters"),
            ("\x00", "control characters"),
            ("a\u2028b", "control characters"),
            ("\ud800", "not valid"),
            ("x" * 256, "255"),
            ("ä" * 128, "256 is above the limit of 255"),
        ],
        ids=lambda part: repr(part)[:16],
    )
    async def test_these_cannot(self, name: str, message: str) -> None:
        async with hub_with() as hub:
            for ask in (
                lambda: hub.publish(name, 1),
                lambda: hub.subscribe(name),
                lambda: hub.node.registry.check(name),
            ):
                with pytest.raises((BadRequest, LimitExceeded), match=message) as refused:
                    ask()
                assert refused.value.code == 107
            with pytest.raises((BadRequest, LimitExceeded)):
                await hub.history(name)
            assert hub.channels(all=True) == {}

    async def test_the_longest_pattern_decides_what_a_channel_is(self) -> None:
        hub = Hub(channels={"a:*": ChannelOptions(history=1), "a:b:*": ChannelOptions(history=2)})
        assert [hub.node.registry.options(name).history for name in ("a:x", "a:b:x", "other")] == [1, 2, 0]
        assert hub.node.registry.declared("other") is None

    async def test_what_was_found_for_a_name_is_remembered_within_a_bound(self) -> None:
        hub = hub_with(resolved_names=10)
        for number in range(100):
            hub.node.registry.declared(f"c{number}")
            assert len(hub.node.registry._resolved) <= 10


class TestMaking:
    async def test_making_one_opens_nothing(self) -> None:
        threads = threading.active_count()
        tasks = asyncio.all_tasks()
        Hub(channels=CHANNELS)
        assert threading.active_count() == threads
        assert asyncio.all_tasks() == tasks

    async def test_a_broker_that_there_is_none_of_is_a_mistake_in_the_configuration(self) -> None:
        with pytest.raises(ConfigError, match="ftp"):
            Hub("ftp://example")


@pytest.fixture
def world() -> Iterator[World]:
    world = World(CHANNELS)
    yield world
    world.close()


class TestDisconnecting:
    @pytest.fixture
    def crowd(self, world: World) -> World:
        for name in ("ann", "bob"):
            for _ in range(2):
                client = world.plain(name, "c")
                client.visits = len(world.readers)
                world.connect(client)
        world.loop.settle()
        return world

    def connected(self, world: World) -> list[str]:
        world.loop.settle()
        return sorted(session.client for session in world.hub.node.roster)

    def test_a_user_is_disconnected_everywhere(self, crowd: World) -> None:
        assert self.connected(crowd) == ["ann.2", "ann.3", "bob.4", "bob.5"]
        assert crowd.hub.disconnect(user="ann") == 2
        assert self.connected(crowd) == ["bob.4", "bob.5"]

    def test_one_connection_alone(self, crowd: World) -> None:
        assert crowd.hub.disconnect(client="ann.2") == 1
        assert self.connected(crowd) == ["ann.3", "bob.4", "bob.5"]

    def test_with_exceptions(self, crowd: World) -> None:
        assert crowd.hub.connections(user="ann").but(frozenset({"ann.3"})).close() == 1
        assert self.connected(crowd) == ["ann.3", "bob.4", "bob.5"]

    def test_nobody_of_that_name(self, crowd: World) -> None:
        assert crowd.hub.disconnect(user="eve") == 0
        assert crowd.hub.disconnect(user="ann", client="bob.4") == 0

    def test_it_must_be_said_whom(self, crowd: World) -> None:
        with pytest.raises(ValueError, match="name whom to disconnect"):
            crowd.hub.disconnect()

    def test_they_are_told_the_code_and_the_reason(self, crowd: World) -> None:
        crowd.hub.disconnect(user="ann", code=4001, reason="banned")
        crowd.loop.settle()
        closed = [getattr(reader, "closed_with", None) for reader in crowd.readers]
        assert closed == [(4001, "banned"), (4001, "banned"), None, None]


class TestStats:
    def test_are_one_snapshot_of_how_things_stand(self, world: World) -> None:
        for name, channels in (("ann", ("a", "b")), ("bob", ("a",))):
            world.connect(world.plain(name, *channels))
        world.loop.settle()
        world.publish("a")
        world.loop.settle()
        stats = world.hub.stats()
        assert (stats.clients, stats.users, stats.channels, stats.subscriptions) == (2, 2, 2, 3)
        assert stats.ring_bytes > 0
        assert stats.counters["published"] == 1
        assert stats.counters["connections"] == 2
        assert world.hub.channels() == {"a": 2, "b": 1}

    def test_return_to_nothing(self, world: World) -> None:
        client = world.plain("ann", "a")
        world.connect(client)
        world.loop.settle()
        world.publish("a")
        world.loop.settle()
        client.drop()
        world.loop.advance(10)
        stats = world.hub.stats()
        assert (stats.clients, stats.users, stats.channels, stats.subscriptions) == (0, 0, 0, 0)
        assert (stats.ring_bytes, stats.in_flight_bytes) == (0, 0)

    async def test_can_be_read_when_it_does_not_run(self) -> None:
        stats = hub_with().stats()
        assert (stats.clients, stats.uptime_seconds) == (0, 0.0)


class TestPresence:
    def test_who_is_subscribed_is_there_and_who_leaves_is_not(self) -> None:
        world = World({"room": ChannelOptions(presence=True)})
        try:
            client = world.plain("ann", "room")
            world.connect(client)
            world.loop.settle()
            members = world.loop.run(world.hub.presence("room"))
            assert {member.user for member in members.values()} == {"ann"}
            assert world.loop.run(world.hub.presence_stats("room")) == (1, 1)
            client.drop()
            world.loop.settle()
            assert world.loop.run(world.hub.presence("room")) == {}
        finally:
            world.close()

    def test_on_closing_everybody_leaves(self) -> None:
        world = World({"room": ChannelOptions(presence=True)})
        try:
            world.connect(world.plain("ann", "room"))
            world.loop.settle()
            store = world.hub.node.presence
            world.loop.run(world.hub.close())
            assert world.loop.run(store.members("room")) == {}
        finally:
            world.close()
