"""The live connections of somebody: what an application does to them all, here and on other nodes."""

from __future__ import annotations

from typing import Any

import pytest

from gapless import BrokerError, Disconnect, Position
from gapless.model import ServerSubscription
from gapless.node.connections import Connections, Whom

from ..support.somebody import Somebody

pytestmark = pytest.mark.anyio


class Others:
    """The other nodes: what they were told to do, and to whom."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Whom, dict[str, Any]]] = []

    def __call__(self, verb: str, whom: Whom, **arguments: Any) -> None:
        self.told.append((verb, whom, arguments))


def crowd(*clients: str) -> list[Somebody]:
    return [Somebody(client, "ann", channels=["a", "b"]) for client in clients]


async def test_each_verb_does_it_to_all_and_says_how_many() -> None:
    found = crowd("one", "two")
    connections = Connections(list(found))
    assert len(connections) == 2
    assert await connections.subscribe("news") == 2
    assert connections.unsubscribe("news", 2001) == 2
    assert connections.refresh(60.0, b"{}") == 2
    assert connections.close(3500, "enough") == 2
    for each in found:
        assert each.done == [("subscribe", "news"), ("unsubscribe", "news", 2001), ("refresh", 60.0, b"{}")]
        assert each.closed is not None
        assert (each.closed.code, each.closed.reason) == (3500, "enough")


async def test_nobody_is_none_and_no_error() -> None:
    nobody = Connections([])
    assert (await nobody.subscribe("a"), nobody.unsubscribe(None), nobody.close()) == (0, 0, 0)


def test_without_a_channel_all_subscriptions_end() -> None:
    [one] = found = crowd("one")
    Connections(list(found)).unsubscribe(None)
    assert one.done == [("unsubscribe", "a", 2000), ("unsubscribe", "b", 2000)]


class TestSubscribing:
    async def test_one_that_cannot_be_takes_no_other_along(self) -> None:
        bad, good = found = crowd("bad", "good")
        bad.refuses = BrokerError("down")
        with pytest.raises(BrokerError, match="down"):
            await Connections(list(found)).subscribe("news")
        assert good.done == [("subscribe", "news")]

    async def test_the_first_in_the_way_is_the_one_that_is_raised(self) -> None:
        first, second = found = crowd("first", "second")
        first.refuses, second.refuses = BrokerError("first"), BrokerError("second")
        with pytest.raises(BrokerError, match="first"):
            await Connections(list(found)).subscribe("news")

    async def test_who_left_meanwhile_is_no_failure(self) -> None:
        [gone] = found = crowd("gone")
        gone.refuses = Disconnect(3000)
        gone.closed = Disconnect(3000)
        assert await Connections(list(found)).subscribe("news") == 1


class TestSparing:
    def test_who_is_spared_is_neither_counted_nor_touched(self) -> None:
        kept, other = found = crowd("kept", "other")
        assert Connections(list(found)).but(frozenset({"kept"})).close() == 1
        assert (kept.closed is None, other.closed is None) == (True, False)

    def test_those_it_was_made_of_stay_what_they_were(self) -> None:
        all_of_them = Connections(list(crowd("one", "two")))
        all_of_them.but(frozenset({"one"}))
        assert len(all_of_them) == 2

    def test_other_nodes_spare_all_that_were_named(self) -> None:
        others = Others()
        some = Connections(list(crowd("one", "two")), Whom(user="ann"), others)
        some.but(frozenset({"one"})).but(frozenset({"two", "elsewhere"})).close()
        [(_, whom, _)] = others.told
        assert whom == Whom(user="ann", keep=frozenset({"one", "two", "elsewhere"}))


class TestOtherNodes:
    """They are told the same even where nobody is connected here."""

    async def test_are_told_each_verb_with_all_that_it_says(self) -> None:
        others = Others()
        ann, since, server = Whom(user="ann"), Position(7, "e"), ServerSubscription()
        connections = Connections([], ann, others)
        await connections.subscribe("news", server, since=since)
        connections.unsubscribe(None, 2001, "moved")
        connections.refresh(None, b"1")
        connections.close(3501, "bad")
        assert others.told == [
            ("subscribe", ann, {"channel": "news", "server": server, "since": since}),
            ("unsubscribe", ann, {"channel": None, "code": 2001, "reason": "moved"}),
            ("refresh", ann, {"expires_at": None, "info": b"1"}),
            ("close", ann, {"code": 3501, "reason": "bad"}),
        ]

    async def test_are_told_also_where_one_here_cannot_be_subscribed(self) -> None:
        [bad] = found = crowd("bad")
        bad.refuses = BrokerError("down")
        others = Others()
        with pytest.raises(BrokerError):
            await Connections(list(found), tell=others).subscribe("news")
        assert [verb for verb, _, _ in others.told] == ["subscribe"]
