"""One server that sentinels name, and another one after it failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ...support.redis_nodes import Node, own, payloads, publish_until_taken, ready
from ...support.redis_server import RedisServer, eventually, has
from ...support.until import until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]


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
