"""Presence that several nodes share."""

from __future__ import annotations

import asyncio

import pytest

from gapless.model import Member

from ...support.redis_nodes import Node
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
