"""What those who watch are told: channels with their numbers, clients with how far they are behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gapless import BrokerError, ChannelOptions, Hub
from gapless.api import BadBody
from gapless.api.watching import MAX_ROWS
from gapless.watch.clients import SHOWN_SUBSCRIPTIONS

from ..support.world import World
from .calling import result

pytestmark = pytest.mark.anyio

KEPT = ChannelOptions(history=3, ring=8)


@pytest.fixture
def world() -> Iterator[World]:
    world = World({"kept:*": KEPT, "*": ChannelOptions(ring=8)})
    yield world
    world.close()


def ask(world: World, method: str, **said: Any) -> Any:
    return world.loop.run(result(world.hub, method, **said))


def connect(world: World, name: str, *channels: str) -> Any:
    client = world.plain(name, *channels)
    world.connect(client)
    world.loop.settle()
    return client


class TestChannels:
    def test_the_busiest_come_first_and_those_alike_by_name(self, world: World) -> None:
        for name, channels in (("1", ("b", "c")), ("2", ("c", "a"))):
            connect(world, name, *channels)
        found = ask(world, "channels", counters=True)
        assert list(found["channels"]) == ["c", "a", "b"]
        found = ask(world, "channels", counters=True, limit=2)
        assert (list(found["channels"]), found["total"]) == (["c", "a"], 3)

    def test_a_limit_alone_bounds_the_answer_and_counts_the_others(self, world: World) -> None:
        connect(world, "1", "z")
        for name in ("kept:b", "kept:a", "kept:c"):
            world.publish(name)
        found = ask(world, "channels", all=True, limit=3)
        assert {name: row["num_clients"] for name, row in found["channels"].items()} == {
            "z": 1,
            "kept:a": 0,
            "kept:b": 0,
        }
        assert found["total"] == 4
        assert "total" not in ask(world, "channels", all=True)

    def test_one_that_keeps_history_tells_where_it_stands(self, world: World) -> None:
        connect(world, "1", "kept:a", "b")
        for _ in range(5):
            world.publish("kept:a")
        channels = ask(world, "channels", counters=True)["channels"]
        assert channels["b"] == {"num_clients": 1}
        epoch = world.broker.stream("kept:a").epoch
        assert channels["kept:a"] == {"num_clients": 1, "offset": 5, "epoch": epoch, "oldest": 3, "kept": 3}

    def test_a_broker_that_does_not_say_where_leaves_the_others_their_answer(self, world: World) -> None:
        connect(world, "1", "kept:a", "b")
        world.broker.reads_fail = BrokerError("down")
        channels = ask(world, "channels", counters=True)["channels"]
        assert channels == {"b": {"num_clients": 1}, "kept:a": {"num_clients": 1}}


class TestClients:
    def rows(self, world: World, **said: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = ask(world, "clients", **said)["clients"]
        return rows

    def test_who_has_read_everything_is_well(self, world: World) -> None:
        connect(world, "ann", "kept:a", "b")
        world.publish("kept:a")
        world.loop.settle()
        [row] = self.rows(world)
        assert (row["user"], row["state"], row["behind"], row["num_subs"]) == ("ann", "ok", 0, 2)
        assert [reading["behind"] for reading in row["subscriptions"]] == [0, 0]

    def test_who_reads_nothing_is_behind_by_what_was_published_and_comes_first(self, world: World) -> None:
        quick, slow = connect(world, "quick", "kept:a", "b"), connect(world, "slow", "b", "kept:a")
        slow.stall()
        for _ in range(5):
            world.publish("kept:a")
            world.loop.settle()
        first, second = self.rows(world)
        assert (first["user"], second["user"]) == (slow.name, quick.name)
        assert (first["state"], second["state"], second["behind"]) == ("behind", "ok", 0)
        # The furthest behind of its channels is the first of them.
        assert [(each["channel"], each["behind"] > 0) for each in first["subscriptions"]] == [
            ("kept:a", True),
            ("b", False),
        ]
        assert first["behind"] == first["subscriptions"][0]["behind"] <= 5

    @pytest.mark.parametrize(
        ("query", "found"), [("ann", ["Ann"]), ("NN", ["Ann"]), ("nobody", []), ("1", None)]
    )
    def test_they_are_found_by_part_of_what_they_are_called(
        self, world: World, query: str, found: list[str] | None
    ) -> None:
        """By client id too: both have been here once."""
        for name in ("Ann", "bob"):
            connect(world, name, "b")
        users = [row["user"] for row in self.rows(world, q=query)]
        assert sorted(users) == (["Ann", "bob"] if found is None else found)

    def test_of_many_the_first_are_shown_and_all_are_counted(self, world: World) -> None:
        for name in ("ann", "bob"):
            connect(world, name, "b")
        for said in ({"limit": 1}, {"q": "bob"}):
            answer = ask(world, "clients", **said)
            assert (len(answer["clients"]), answer["total"]) == (1, 2)

    def test_of_many_subscriptions_the_first_are_shown_and_all_are_counted(self, world: World) -> None:
        connect(world, "ann", *(f"c{number}" for number in range(SHOWN_SUBSCRIPTIONS + 1)))
        [row] = self.rows(world)
        assert (row["num_subs"], len(row["subscriptions"])) == (SHOWN_SUBSCRIPTIONS + 1, SHOWN_SUBSCRIPTIONS)


@pytest.mark.parametrize("limit", [0, -1, MAX_ROWS + 1])
@pytest.mark.parametrize(("method", "said"), [("channels", {"counters": True}), ("clients", {})])
async def test_rows_have_a_bound(method: str, said: dict[str, Any], limit: int) -> None:
    async with Hub() as hub:
        with pytest.raises(BadBody, match="limit is between 1 and"):
            await result(hub, method, limit=limit, **said)
