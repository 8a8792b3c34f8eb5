"""The Redis broker where servers change: slots of a cluster move or fail over, sentinels name another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapless import BrokerError
from gapless.model import Position

from ..support.redis_server import RedisServer, cluster, eventually, has
from ..support.until import until
from .harness import Harness
from .redis_nodes import Node, node, own, payloads, ready

__all__ = ["node"]  # fixtures

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]

FAILOVER_SECONDS = 40.0
"""A cluster or its sentinels may take this long to agree, on a machine that does other things too."""


def url(servers: list[RedisServer]) -> str:
    return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in servers)


async def publish_until_taken(harness: Harness, channel: str, payload: bytes = b"0") -> Position:
    """As a publisher that tries again with its key."""
    async with asyncio.timeout(FAILOVER_SECONDS):
        while True:
            try:
                position = await harness.publish(channel, payload, idempotency_key=payload.decode())
            except BrokerError:
                await asyncio.sleep(0.05)
            else:
                assert position is not None
                return position


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


@pytest.mark.skipif(not has("redis-sentinel"), reason="redis-sentinel is not installed")
class TestSentinels:
    async def test_when_they_name_another_master_everybody_goes_there(
        self, tmp_path: Path, node: Node
    ) -> None:
        master = RedisServer(tmp_path / "master", "--repl-diskless-sync-delay", "0").start()
        replica = RedisServer(tmp_path / "replica", "--replicaof", f"127.0.0.1 {master.port}").start()
        eventually(lambda: "master_link_status:up" in replica.ask("INFO", "replication"), "the replica")
        watchers = [self.sentinel(tmp_path / f"sentinel{n}", master) for n in range(3)]
        eventually(
            lambda: all("sentinels=3" in w.ask("INFO", "sentinel") for w in watchers), "sentinels to meet"
        )
        try:
            where = ",".join(f"127.0.0.1:{watcher.port}" for watcher in watchers)
            one = await node(f"redis+sentinel://{where}/main", probe_seconds=0.5)
            two = await node(f"redis+sentinel://{where}/main", probe_seconds=0.5)
            await two.broker.subscribe("c")
            before = (await one.fill("c", 3))[-1]
            eventually(lambda: replica.ask("XLEN", own(one).keys.stored("c")[1][1]) == "3", "the copy")
            master.kill()
            after = await publish_until_taken(one, "c", b"4")
            assert after.offset == 4
            assert after.epoch != before.epoch
            await ready(two)
            await until(lambda: two.sink.interruptions > 0)
            await one.publish("c", b"5")
            await two.sink.until(lambda: any(p.payload == b"5" for p in two.sink.of("c")))
            assert payloads(await two.history("c")) == [b"1", b"2", b"3", b"4", b"5"]
        finally:
            for server in (*watchers, replica, master):
                server.stop()

    def sentinel(self, directory: Path, master: RedisServer) -> RedisServer:
        directory.mkdir()
        configuration = directory / "sentinel.conf"
        configuration.write_text(
            f"sentinel monitor main 127.0.0.1 {master.port} 2\n"
            "sentinel down-after-milliseconds main 1000\n"
            "sentinel failover-timeout main 3000\n"
        )
        return RedisServer(directory, program="redis-sentinel", configuration=configuration).start()
