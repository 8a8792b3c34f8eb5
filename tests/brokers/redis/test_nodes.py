"""What nodes say to each other through a Redis: to all, to one, that they live, and who is with them."""

from __future__ import annotations

import asyncio

import pytest

from gapless.brokers.redis.nodes import RedisNodes

from ...support.redis_nodes import Node, own
from ...support.redis_server import RedisServer, has
from ...support.until import until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]


async def entered(node: Node, server: RedisServer, name: str, **more: str) -> tuple[RedisNodes, list[bytes]]:
    """A node of that name, and what it hears."""
    nodes = own(await node(server.url, **more)).nodes
    heard: list[bytes] = []
    await nodes.enter(name, heard.append)
    return nodes, heard


async def test_what_is_said_to_all_is_heard_by_all_and_what_to_one_by_that_one(
    server: RedisServer, node: Node
) -> None:
    one, at_one = await entered(node, server, "one")
    two, at_two = await entered(node, server, "two")
    one.tell(b"to two", "two")
    one.tell(b"to all")
    two.tell(b"to one", "one")
    await until(lambda: len(at_one) == 2 and len(at_two) == 2)
    assert (sorted(at_one), at_two) == ([b"to all", b"to one"], [b"to two", b"to all"])


async def test_hubs_of_another_prefix_are_not_heard(server: RedisServer, node: Node) -> None:
    one, at_one = await entered(node, server, "one")
    other, at_other = await entered(node, server, "one", prefix="other")
    one.tell(b"ours")
    other.tell(b"theirs")
    await until(lambda: at_one and at_other)
    assert (at_one, at_other) == ([b"ours"], [b"theirs"])
    assert await one.meet("one", b"x", 60.0) == {"one": b"x"}
    assert await other.meet("one", b"y", 60.0) == {"one": b"y"}


async def test_a_meeting_gives_who_lives_with_what_each_says(server: RedisServer, node: Node) -> None:
    one, _ = await entered(node, server, "one")
    two, _ = await entered(node, server, "two")
    assert await one.meet("one", b"1 of one", 60.0) == {"one": b"1 of one"}
    assert await two.meet("two", b"with a space", 60.0) == {"one": b"1 of one", "two": b"with a space"}
    await one.part("one")
    assert await two.meet("two", b"again", 60.0) == {"two": b"again"}


@pytest.mark.parametrize("foreign", ["garbage", "", "12x:y", "[]", " 99999999999999 x"])
async def test_what_no_node_has_written_is_no_node_and_goes(
    server: RedisServer, node: Node, foreign: str
) -> None:
    one, _ = await entered(node, server, "one")
    await one.meet("one", b"1", 60.0)
    server.ask("HSET", "test:{0}:nodes", "foreign", foreign)
    assert await one.count("one", "anna", 1, 1), "nor has it any connections"
    assert await one.meet("one", b"1", 60.0) == {"one": b"1"}
    assert server.ask("HKEYS", "test:{0}:nodes") == "one"


async def test_who_does_not_come_again_in_time_lives_no_more(server: RedisServer, node: Node) -> None:
    one, _ = await entered(node, server, "one")
    two, _ = await entered(node, server, "two")
    await one.meet("one", b"", 0.001)

    async def alone() -> bool:
        return list(await two.meet("two", b"", 60.0)) == ["two"]

    await until(alone)


async def test_the_connections_of_a_user_are_counted_over_all_that_live(
    server: RedisServer, node: Node
) -> None:
    one, _ = await entered(node, server, "one")
    two, _ = await entered(node, server, "two")
    await one.meet("one", b"", 60.0)
    await two.meet("two", b"", 60.0)
    assert await one.count("one", "anna", 2, 3)
    assert not await two.count("two", "anna", 2, 3), "four, with those of the other"
    assert await two.count("two", "anna", 1, 3)
    assert not await one.count("one", "anna", 3, 3), "its own count only once"
    assert await two.count("two", "ben", 3, 3), "of another user"
    await one.part("one")
    assert await two.count("two", "anna", 3, 3), "what is gone counts no more"


async def test_a_count_without_a_limit_is_only_said(server: RedisServer, node: Node) -> None:
    one, _ = await entered(node, server, "one")
    two, _ = await entered(node, server, "two")
    await asyncio.gather(one.meet("one", b"", 60.0), two.meet("two", b"", 60.0))
    assert await one.count("one", "anna", 50, None)
    assert not await two.count("two", "anna", 1, 50)
    assert await one.count("one", "anna", 0, None)
    assert await two.count("two", "anna", 50, 50)


async def test_parting_from_a_redis_that_is_away_raises_nothing(server: RedisServer, node: Node) -> None:
    one, _ = await entered(node, server, "one")
    server.kill()
    await one.part("one")
