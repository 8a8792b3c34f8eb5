"""Clusters whose slots move from one server to another, or fail over to a replica."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapless.model import Position

from ...support.redis_nodes import FAILOVER_SECONDS, Node, own, payloads, publish_until_taken, ready
from ...support.redis_server import RedisServer, cluster, has
from ...support.until import until
from ..harness import Harness

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]


def url(servers: list[RedisServer]) -> str:
    return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in servers)


class TestAClusterThatMoves:
    @pytest.fixture
    def servers(self, tmp_path: Path) -> Iterator[list[RedisServer]]:
        made = cluster(tmp_path)
        yield made
        for server in made:
            server.stop()

    def move(self, servers: list[RedisServer], harness: Harness, channel: str) -> None:
        """Give the slot of a channel to the next server, with its keys, as redis-cli does it."""
        _, keys = own(harness).keys.stored(channel)
        slot = servers[0].ask("CLUSTER", "KEYSLOT", keys[0])
        at = next(s for s in servers if s.ask("CLUSTER", "COUNTKEYSINSLOT", slot) != "0")
        to = servers[(servers.index(at) + 1) % len(servers)]
        ids = {server: server.ask("CLUSTER", "MYID") for server in (at, to)}
        assert to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[at]) == "OK"
        assert at.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to]) == "OK"
        while found := at.ask("CLUSTER", "GETKEYSINSLOT", slot, "1"):
            assert at.ask("MIGRATE", "127.0.0.1", str(to.port), found, "0", "5000") in ("OK", "NOKEY")
        for server in (to, at, *servers):
            server.ask("CLUSTER", "SETSLOT", slot, "NODE", ids[to])

    async def test_a_moved_slot_loses_nothing_and_keeps_the_order_of_calls(
        self, servers: list[RedisServer], node: Node
    ) -> None:
        one, two = await node(url(servers)), await node(url(servers[:1]))
        await two.broker.subscribe("c")
        (before,) = await one.fill("c", 1)
        moving = asyncio.create_task(asyncio.to_thread(self.move, servers, one, "c"))
        sent, number = [], 1
        while not moving.done() or number < 50:
            number += 1
            sent.append(one.send("c", b"%d" % number))
            if number % 8 == 0:
                await asyncio.sleep(0)
        await moving
        positions = await asyncio.gather(*sent)
        assert all(position is not None for position in positions)
        page = await one.history("c")
        expected = [b"%d" % n for n in range(1, number + 1)]
        assert payloads(page) == expected[-len(page.publications) :]
        assert page.top.offset == number
        assert page.top.epoch != before.epoch, "nobody can prove what another server has"
        await ready(one)
        last = await one.publish("c", b"last")
        await until(lambda: any(p.payload == b"last" for p in two.sink.of("c")) or two.sink.interruptions > 0)
        assert (await two.history("c")).top == last

    async def test_channels_of_all_groups_are_notified_of_after_a_move(
        self, servers: list[RedisServer], node: Node
    ) -> None:
        one = await node(url(servers))
        names = [f"c{n}" for n in range(40)]
        for name in names:
            await one.broker.subscribe(name)
            await one.fill(name, 1)
        await asyncio.to_thread(self.move, servers, one, "c0")
        await one.publish("c0", b"2")  # it learns of the move by this
        await until(lambda: one.sink.interruptions > 0)
        silent = set(names)
        async with asyncio.timeout(FAILOVER_SECONDS):
            while silent:  # what is not heard while it moves is announced as an interruption
                for name in silent:
                    await one.publish(name, b"3")
                await asyncio.sleep(0.05)
                silent = {name for name in silent if one.sink.of(name)[-1].payload != b"3"}
        assert own(one).unready() is None


class TestAClusterThatFailsOver:
    async def test_the_other_servers_go_on_and_the_replica_begins_new_epochs(
        self, tmp_path: Path, node: Node
    ) -> None:
        servers = cluster(tmp_path, replicas=1)
        try:
            one = await node(url(servers), probe_seconds=0.5)
            names = [f"c{n}" for n in range(30)]
            before = {}
            for name in names:
                await one.broker.subscribe(name)
                (before[name],) = await one.fill(name, 1)
            dead = servers[0]
            there = {
                name for name in names if dead.ask("EXISTS", own(one).keys.stored(name)[1][0]) in ("0", "1")
            }
            assert there
            assert there != set(names)
            dead.kill()
            elsewhere = next(name for name in names if name not in there)
            assert (await one.publish(elsewhere, b"2")) == Position(2, before[elsewhere].epoch)
            for name in names:
                position = await publish_until_taken(one, name, b"last")
                assert (position.epoch == before[name].epoch) == (name not in there)
            await ready(one)
            for name in names:
                await one.publish(name, b"end")
            await one.sink.until(lambda: all(one.sink.of(name)[-1].payload == b"end" for name in names))
        finally:
            for server in servers:
                server.stop()
