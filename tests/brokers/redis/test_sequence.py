"""Nothing is stored that stands behind a publication which was not, whatever Redis does to one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from gapless import BrokerError, ChannelOptions, Position
from gapless.brokers.redis.link import Awaited
from gapless.brokers.redis.sequence import Sequence as Runs

from ...support.redis_nodes import Node, own, payloads, ready
from ...support.redis_server import RedisServer, has
from ...support.tcp_proxy import Proxy
from ...support.until import until
from ..harness import KEPT, NOT_KEPT, Harness


def test_a_run_goes_on_while_something_of_it_is_under_way_and_ends_with_a_failure() -> None:
    runs = Runs()
    first = runs.next("c")
    number = first.number
    assert first.place() == ("", f"{number} 0 ")
    assert runs.next("c") is first
    assert first.place() == (f"{number} 0 ", f"{number} 1 ")
    assert runs.next("d") is not first
    runs.done(first)
    assert runs.next("c") is first
    runs.failed(first)
    other = runs.next("c")
    assert other.number > number
    assert other.place() == ("", f"{other.number} 0 ")
    runs.done(first)  # what is still under way of the other says nothing of this one
    assert runs.next("c") is other


def test_what_has_its_answer_is_not_remembered() -> None:
    runs = Runs()
    for number in range(1000):
        run = runs.next(f"c{number}")
        run.place()
        runs.done(run)
    assert len(runs) == 0


pytestmark_redis = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]


def bound(harness: Harness, size: int) -> None:
    """On the connection that publications take, in its turn: what Redis may hold, 0 for any."""
    call = Awaited(asyncio.get_running_loop().create_future())
    own(harness).site.send(0, call, b"CONFIG", b"SET", b"maxmemory", size)


def send(harness: Harness, numbers: Sequence[int], **how: Any) -> list[asyncio.Future[Position | None]]:
    return [harness.send("c", b"%d" % number, idempotency_key=str(number), **how) for number in numbers]


class TestWithRedis:
    pytestmark = pytestmark_redis

    @pytest.mark.parametrize("options", [KEPT, NOT_KEPT], ids=["kept", "not kept"])
    async def test_what_stands_behind_one_that_was_refused_is_refused_too(
        self, server: RedisServer, node: Node, options: ChannelOptions
    ) -> None:
        one = await node(server.url)
        await one.broker.subscribe("c")
        receipts = send(one, [1], options=options)
        bound(one, 1)
        receipts += send(one, [2], options=options)
        bound(one, 0)
        receipts += send(one, [3, 4], options=options)
        first, *others = await asyncio.gather(*receipts, return_exceptions=True)
        assert not isinstance(first, BaseException)
        assert all(isinstance(error, BrokerError) for error in others)
        assert "maxmemory" in str(others[0])
        assert "published before this" in str(others[1])
        await asyncio.gather(*send(one, [1, 2, 3, 4], options=options))
        await one.sink.until(lambda: len(one.sink.of("c")) == 4)
        assert [p.payload for p in one.sink.of("c")] == [b"1", b"2", b"3", b"4"]

    async def test_what_a_lost_connection_still_carried_is_not_stored_behind_what_came_later(
        self, server: RedisServer, node: Node
    ) -> None:
        async with Proxy(server.port) as proxy:
            one = await node(f"redis://127.0.0.1:{proxy.port}", broker_seconds=0.5)
            await one.publish("c", b"1")
            (link,) = proxy.links()
            link.hold()
            with pytest.raises(BrokerError, match="no answer within"):
                await one.publish("c", b"2")
            await ready(one)
            await one.publish("c", b"3")
            link.release()
            await until(lambda: "errorstat_OVERTAKES:count=1" in server.ask("INFO", "errorstats"))
            assert payloads(await one.history("c")) == [b"1", b"3"]

    async def test_others_and_other_channels_go_on(self, server: RedisServer, node: Node) -> None:
        one, two = await node(server.url), await node(server.url)
        await asyncio.gather(*send(one, [1, 2, 3]), *send(two, [4, 5, 6]))
        bound(one, 1)
        refused = one.send("c")
        bound(one, 0)
        assert await one.send("d") is not None
        assert await two.send("c") is not None
        with pytest.raises(BrokerError):
            await refused
        assert await one.send("c") is not None

    async def test_nodes_that_are_gone_leave_nothing_for_ever(self, server: RedisServer, node: Node) -> None:
        one = await node(server.url, prefix="p")
        await one.publish("c")
        state = "p:{0}:c:c"
        for number in range(60):
            server.ask("HSET", state, f"by gone{number}", "7 0 1000")
        await one.publish("c")
        assert int(server.ask("HLEN", state)) > 60
        two = await node(server.url, prefix="p")
        await two.publish("c")
        names = server.ask("HKEYS", state)
        assert names.count("by ") == 2
        assert "gone" not in names
        assert await one.publish("c") is not None

    async def test_what_is_noted_of_a_channel_without_history_goes_with_time(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url, prefix="p")
        for _ in range(2):  # the second is known already
            await one.publish("c", options=NOT_KEPT, idempotency_key="k")
            assert int(server.ask("PTTL", "p:{0}:c:c")) > 0
            server.ask("DEL", "p:{0}:c:c")
