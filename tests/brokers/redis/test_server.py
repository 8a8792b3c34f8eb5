"""A server that goes away and comes back, and connections that break, freeze and go deaf."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gapless import BrokerError
from gapless.model import Position

from ...support.redis_nodes import Node, own, payloads, ready
from ...support.redis_server import RedisServer, has
from ...support.tcp_proxy import Proxy
from ...support.until import DEADLINE, until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]


class TestARedisThatComesBack:
    """As old as it was, older, or empty: another life of every stream, for nobody can prove the contrary."""

    async def test_without_persistence_numbers_begin_anew_in_another_epoch(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        before = await one.fill("c", 3)
        server.kill()
        server.start()
        await until(lambda: own(one).servers()[0].link_failures > 0)
        await ready(one)
        after = await one.publish("c")
        assert after is not None
        assert after.offset == 1
        assert after.epoch != before[0].epoch

    @pytest.mark.parametrize("durable", ["rdb", "aof"])
    async def test_what_was_kept_is_there_but_in_another_epoch(
        self, tmp_path: Path, node: Node, durable: str
    ) -> None:
        how = ("--save", "3600 1") if durable == "rdb" else ("--appendonly", "yes", "--appendfsync", "always")
        server = RedisServer(tmp_path / "redis", *how).start()
        try:
            one = await node(server.url)
            before = await one.fill("c", 3)
            server.stop() if durable == "rdb" else server.kill()
            server.start()
            await until(lambda: own(one).servers()[0].link_failures > 0)
            await ready(one)
            page = await one.history("c")
            assert payloads(page) == [b"1", b"2", b"3"]
            assert page.top.offset == 3
            assert page.top.epoch != before[0].epoch
            assert await one.publish("c") == Position(4, page.top.epoch)
        finally:
            server.stop()

    async def test_an_older_dump_never_continues_the_epoch_it_was_made_in(
        self, tmp_path: Path, node: Node
    ) -> None:
        server = RedisServer(tmp_path / "redis").start()
        try:
            one = await node(server.url)
            await one.fill("c", 2)
            server.ask("SAVE")
            beyond = (await one.fill("c", 3))[-1]
            assert beyond.offset == 5
            server.kill()  # offsets 3 to 5 go with it
            server.start()
            await until(lambda: own(one).servers()[0].link_failures > 0)
            await ready(one)
            again = [await one.publish("c", b"other") for _ in range(3)]
            assert [position.offset for position in again if position] == [3, 4, 5]
            assert all(position and position.epoch != beyond.epoch for position in again)
        finally:
            server.stop()

    async def test_all_nodes_agree_on_the_new_epoch(self, server: RedisServer, node: Node) -> None:
        nodes = [await node(server.url) for _ in range(3)]
        server.kill()
        server.start()
        for one in nodes:
            await until(lambda o=one: own(o).servers()[0].link_failures > 0)  # type: ignore[misc]
            await ready(one)
        found = {position.epoch for one in nodes if (position := await one.publish("c"))}
        assert len(found) == 1

    async def test_losing_what_says_which_run_it_was_is_a_new_epoch_too(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        (before,) = await one.fill("c", 1)
        server.ask("DEL", own(one).keys.generation(0))
        after = await one.publish("c")
        assert after is not None
        assert after.offset == 2
        assert after.epoch != before.epoch

    async def test_connecting_anew_to_the_same_run_changes_nothing(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        (before,) = await one.fill("c", 1)
        server.ask("CLIENT", "KILL", "TYPE", "normal")
        await until(lambda: own(one).servers()[0].link_failures > 0)
        await ready(one)
        two = await node(server.url)
        assert await two.publish("c") == Position(2, before.epoch)

    async def test_leftovers_of_a_channel_that_was_evicted_are_deleted(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        await one.fill("c", 3)
        server.ask("DEL", own(one).keys.stored("c")[1][0])
        page = await one.history("c")
        assert (payloads(page), page.top.offset) == ([], 0)
        assert await one.publish("c", b"new") == Position(1, page.top.epoch)


class TestAnOutage:
    async def test_publishing_fails_at_once_and_says_why(self, server: RedisServer, node: Node) -> None:
        one = await node(server.url)
        await one.fill("c", 1)
        server.kill()
        await until(lambda: own(one).unready() is not None)
        sent = one.send("c")
        assert sent.done()  # not queued, not waited for
        with pytest.raises(BrokerError, match="Redis is away"):
            await sent
        assert "Redis" in str(own(one).unready())

    async def test_what_was_under_way_fails_and_may_be_repeated_with_its_key(
        self, server: RedisServer, node: Node
    ) -> None:
        async with Proxy(server.port) as proxy:
            one = await node(f"redis://127.0.0.1:{proxy.port}")
            (link,) = proxy.links()
            link.deaf = True
            sent = one.send("c", b"1", idempotency_key="k")
            await until(lambda: "1" in server.ask("XLEN", own(one).keys.stored("c")[1][1]))
            proxy.cut()
            with pytest.raises(BrokerError):
                await sent
            await ready(one)
            assert (await one.publish("c", b"1", idempotency_key="k")) is not None
            assert payloads(await one.history("c")) == [b"1"]

    async def test_it_listens_again_by_itself_and_says_that_something_was_missed(
        self, server: RedisServer, node: Node
    ) -> None:
        one, two = await node(server.url), await node(server.url)
        await one.broker.subscribe("c")
        server.ask("CLIENT", "KILL", "TYPE", "pubsub")
        await until(lambda: one.sink.interruptions == 1)
        await two.fill("c", 1)
        await one.sink.until(lambda: len(one.sink.of("c")) == 1)

    async def test_whoever_subscribes_meanwhile_waits_and_then_hears(
        self, server: RedisServer, node: Node
    ) -> None:
        async with Proxy(server.port) as proxy:
            one = await node(f"redis://127.0.0.1:{proxy.port}")
            proxy.refusing = True
            proxy.cut()
            await until(lambda: own(one).unready() is not None)
            subscribing = asyncio.create_task(one.broker.subscribe("c"))
            proxy.refusing = False
            await asyncio.wait_for(subscribing, DEADLINE)
            await ready(one)
            await one.fill("c", 1)
            await one.sink.until(lambda: len(one.sink.of("c")) == 1)

    async def test_a_connection_that_became_deaf_is_found_and_replaced(
        self, server: RedisServer, node: Node
    ) -> None:
        async with Proxy(server.port) as proxy:
            one = await node(f"redis://127.0.0.1:{proxy.port}", probe_seconds=0.2)
            await one.broker.subscribe("c")
            for ear in proxy.ears():
                ear.deaf = True
            await one.fill("c", 1)
            await until(lambda: one.sink.interruptions > 0)
            await one.fill("c", 1)
            await one.sink.until(lambda: [p.offset for p in one.sink.of("c")] == [2])

    async def test_one_that_hears_is_left_alone(self, server: RedisServer, node: Node) -> None:
        async with Proxy(server.port) as proxy:
            one = await node(f"redis://127.0.0.1:{proxy.port}", probe_seconds=0.05)
            sent = int(
                server.ask("INFO", "commandstats").partition("cmdstat_publish:calls=")[2].split(",")[0] or 0
            )
            assert sent == 0

            def probes() -> int:
                counted = server.ask("INFO", "commandstats").partition("cmdstat_publish:calls=")[2]
                return int(counted.split(",")[0] or 0)

            await until(lambda: probes() >= 5)
            assert proxy.made == 2
            assert one.sink.interruptions == 0

    async def test_a_frozen_redis_fails_what_waits_and_is_used_again_when_it_goes_on(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url, broker_seconds=0.3)
        await one.fill("c", 1)
        server.freeze()
        try:
            with pytest.raises(BrokerError, match="no answer within"):
                await one.publish("c")
            sent = one.send("c")
            assert sent.done()
            with pytest.raises(BrokerError):
                await sent
        finally:
            server.thaw()
        await ready(one)
        assert await one.publish("c") is not None

    async def test_scripts_that_redis_forgot_are_given_to_it_again(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        server.ask("SCRIPT", "FLUSH")
        with pytest.raises(BrokerError):
            await one.publish("c")
        await ready(one)
        assert await one.publish("c") is not None

    async def test_a_refusal_is_told_and_the_next_one_goes_through(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        server.ask("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(BrokerError, match=r"Redis refused: .*maxmemory"):
            await one.publish("c")
        server.ask("CONFIG", "SET", "maxmemory", "0")
        assert await one.publish("c") is not None

    async def test_closing_waits_for_what_is_under_way(self, server: RedisServer, node: Node) -> None:
        one = await node(server.url)
        sent = [one.send("c") for _ in range(100)]
        await one.broker.close()
        assert all(position is not None for position in await asyncio.gather(*sent))

    async def test_after_closing_publishing_fails(self, server: RedisServer, node: Node) -> None:
        one = await node(server.url)
        await one.broker.close()
        with pytest.raises(BrokerError):
            await one.publish("c")
