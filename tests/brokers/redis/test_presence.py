"""Presence that several nodes share."""

from __future__ import annotations

import asyncio

import pytest
from redis import Redis

from gapless.brokers.redis.keys import EXPIRIES, MEMBERS
from gapless.model import Member

from ...support.redis_nodes import Node, own
from ...support.redis_server import RedisServer, has

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]


class TestPresenceOfManyNodes:
    async def test_members_of_all_nodes_are_seen_and_announced_everywhere(
        self, server: RedisServer, node: Node
    ) -> None:
        one, two = await node(server.url), await node(server.url)
        await two.broker.subscribe("c")
        await one.presence.join("c", Member("a", "1"), announce=True)
        await two.presence.join("c", Member("b", "1"), announce=True)
        await one.presence.leave("c", "a", announce=True)
        assert await one.presence.members("c") == {"b": Member("b", "1")}
        await two.sink.until(lambda: len(two.sink.members) == 3)
        assert two.sink.members == [("join", "c", "a"), ("join", "c", "b"), ("leave", "c", "a")]

    async def test_the_members_of_a_node_that_died_are_removed_by_another(
        self, server: RedisServer, node: Node
    ) -> None:
        one, two = await node(server.url, presence_expiry=0.2), await node(server.url, presence_expiry=0.2)
        await two.broker.subscribe("c")
        await one.presence.join("c", Member("a", "1"), announce=True)
        await one.presence.join("c", Member("a", "1"), announce=False)  # a refresh
        now = 2_000_000_000.0
        while len(two.sink.members) < 2:
            now += 100
            two.presence.expire(now)
            await asyncio.sleep(0.02)
        assert two.sink.members == [("join", "c", "a"), ("leave", "c", "a")]
        assert await two.presence.counts("c") == (0, 0)

    @pytest.mark.parametrize("foreign", ["garbage", "", "01:", '02:ab["a"]', "15:u[1]"])
    async def test_what_no_node_has_written_is_no_member_and_holds_nobody_up(
        self, server: RedisServer, node: Node, foreign: str
    ) -> None:
        one = await node(server.url)
        await one.presence.join("c", Member("a", "1"), announce=False)
        key = own(one).keys.of(0, MEMBERS, "c")
        server.ask("HSET", key, "foreign", foreign)
        assert await one.presence.members("c") == {"a": Member("a", "1")}
        assert await one.presence.join("c", Member("foreign", "2"), announce=False) is False
        assert await one.presence.members("c") == {"a": Member("a", "1"), "foreign": Member("foreign", "2")}

    async def test_who_is_late_goes_beside_what_no_node_has_written(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url, presence_expiry=0.05)
        await one.presence.join("c", Member("a", "1"), announce=False)
        keys = own(one).keys
        server.ask("HSET", keys.of(0, MEMBERS, "c"), "foreign", "garbage")
        server.ask("ZADD", keys.of(0, EXPIRIES, "c"), "1", "foreign")
        with Redis(port=server.port) as redis:
            redis.zadd(keys.due(0), {b"\xff": 1})
        now = 2_000_000_000.0
        while await one.presence.counts("c") != (0, 0):
            now += 100
            one.presence.expire(now)
            await asyncio.sleep(0.02)
