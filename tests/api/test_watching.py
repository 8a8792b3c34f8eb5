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
        assert channels["b"] == {"num_clients": 1, "gaps": 0}
        stream = world.broker.stream("kept:a")
        assert channels["kept:a"] == {
            "num_clients": 1,
            "gaps": 0,
            "last": round(stream.kept[-1].time, 3),
            "offset": 5,
            "epoch": stream.epoch,
            "oldest": 3,
            "kept": 3,
            "retention": {"publications": 3, "bytes": KEPT.history_bytes, "seconds": None},
        }

    def test_a_broker_that_does_not_say_where_leaves_the_others_their_answer(self, world: World) -> None:
        connect(world, "1", "kept:a", "b")
        world.broker.reads_fail = BrokerError("down")
        channels = ask(world, "channels", counters=True)["channels"]
        assert channels == {name: {"num_clients": 1, "gaps": 0} for name in ("b", "kept:a")}

    def test_all_are_answered_in_pages_each_of_them_once(self, world: World) -> None:
        names = [f"kept:{number:02}" for number in range(25)]
        for name in names:
            world.publish(name)
        connect(world, "1", "kept:07", "z")
        found: list[str] = []
        cursor = ""
        for size in (10, 10, 6):
            page = ask(world, "channels", all=True, limit=10, cursor=cursor)
            assert (len(page["channels"]), page["total"]) == (size, 26)
            found += page["channels"]
            cursor = page.get("cursor", "")
        assert cursor == ""
        assert found == ["kept:07", "z", *(name for name in names if name != "kept:07")]

    @pytest.mark.parametrize(
        ("order", "found"),
        [
            ({"sort": "name"}, ["a", "b", "c"]),
            ({"sort": "name", "order": "desc"}, ["c", "b", "a"]),
            ({"sort": "num_clients", "order": "asc"}, ["a", "b", "c"]),
            ({"order": "desc"}, ["c", "a", "b"]),
        ],
    )
    def test_they_come_in_the_order_that_is_asked_for(
        self, world: World, order: dict[str, str], found: list[str]
    ) -> None:
        for name, channels in (("1", ("b", "c")), ("2", ("c", "a"))):
            connect(world, name, *channels)
        assert list(ask(world, "channels", **order)["channels"]) == found

    def test_those_that_much_comes_in_stand_first_and_those_nobody_can_say_it_of_last(
        self, world: World
    ) -> None:
        connect(world, "1", "kept:a", "b", "c")
        world.publish("kept:idle")
        ask(world, "channels", sort="rate")  # of two looks
        for name, number in (("kept:a", 4), ("b", 8)):
            for _ in range(number):
                world.publish(name)
        world.loop.advance(2.0)
        found = ask(world, "channels", all=True, counters=True, sort="rate")["channels"]
        assert [(name, row.get("rate")) for name, row in found.items()] == [
            ("b", 4.0),
            ("kept:a", 2.0),
            ("c", 0.0),
            ("kept:idle", None),
        ]

    def test_a_pattern_is_of_all_pages(self, world: World) -> None:
        connect(world, "1", "a1", "a2", "b1")
        page = ask(world, "channels", pattern="a*", limit=1)
        assert (list(page["channels"]), page["total"]) == (["a1"], 2)
        page = ask(world, "channels", pattern="a*", limit=1, cursor=page["cursor"])
        assert (list(page["channels"]), page["total"], "cursor" in page) == (["a2"], 2, False)


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

    def test_all_are_answered_in_pages_each_of_them_once(self, world: World) -> None:
        for number in range(7):
            connect(world, f"user{number}", "b")
        found: list[str] = []
        cursor = ""
        for size in (3, 3, 1):
            page = ask(world, "clients", limit=3, sort="user", cursor=cursor)
            found += [row["user"] for row in page["clients"]]
            assert (len(page["clients"]), page["total"]) == (size, 7)
            cursor = page.get("cursor", "")
        assert cursor == ""
        assert found == [f"user{number}" for number in range(7)]

    def test_they_come_in_the_order_that_is_asked_for(self, world: World) -> None:
        for name, channels in (("b", ("x",)), ("c", ("x", "y", "z")), ("a", ("x", "y"))):
            connect(world, name, *channels)
        assert [row["user"] for row in self.rows(world, sort="num_subs")] == ["c", "a", "b"]
        assert [row["user"] for row in self.rows(world, sort="num_subs", order="asc")] == ["b", "a", "c"]
        assert [row["user"] for row in self.rows(world, sort="user", order="desc")] == ["c", "b", "a"]

    def test_of_many_subscriptions_the_first_are_shown_and_all_are_counted(self, world: World) -> None:
        connect(world, "ann", *(f"c{number}" for number in range(SHOWN_SUBSCRIPTIONS + 1)))
        [row] = self.rows(world)
        assert (row["num_subs"], len(row["subscriptions"])) == (SHOWN_SUBSCRIPTIONS + 1, SHOWN_SUBSCRIPTIONS)


@pytest.mark.parametrize("method", ["channels", "clients"])
@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"sort": "colour"}, "sort is one of"),
        ({"order": "up"}, "order is asc or desc"),
        ({"cursor": "{}"}, "cursor is what the page before said"),
        ({"cursor": "WyJjb2xvdXIiLHRydWUsMSwiYSJd"}, "cursor is what the page before said"),
        ({"cursor": 7}, "cursor is a string"),
    ],
)
async def test_an_order_that_there_is_not_is_refused(method: str, said: dict[str, Any], problem: str) -> None:
    async with Hub() as hub:
        with pytest.raises(BadBody, match=problem):
            await result(hub, method, **said)


@pytest.mark.parametrize("limit", [0, -1, MAX_ROWS + 1])
@pytest.mark.parametrize(("method", "said"), [("channels", {"counters": True}), ("clients", {})])
async def test_rows_have_a_bound(method: str, said: dict[str, Any], limit: int) -> None:
    async with Hub() as hub:
        with pytest.raises(BadBody, match="limit is between 1 and"):
            await result(hub, method, limit=limit, **said)
