"""Nodes and Redis die, freeze and come back under load: nothing acknowledged is lost, nobody is told wrong.

With `GAPLESS_FAULTS=long` there is more of everything: more nodes, more load, twenty kills.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.redis_proxy import Proxy
from ..support.redis_server import RedisServer, has
from .cloud import CHANNELS, Scale, cloud

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]

LONG = os.environ.get("GAPLESS_FAULTS") == "long"

MORE = Scale(nodes=3, subscribers=200, per_second=1000, faults=20, pause=3.0, frozen=30.0)
SCALE = MORE if LONG else Scale()

PERSISTENCE = {
    "none": (),
    "rdb": ("--save", "3600 1"),
    "aof": ("--appendonly", "yes", "--appendfsync", "everysec"),
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    one = RedisServer(tmp_path / "redis").start()
    yield one
    one.stop()


async def test_nodes_are_killed_while_they_publish_and_deliver(server: RedisServer, tmp_path: Path) -> None:
    async with cloud(server.url, tmp_path, SCALE) as made:
        for number in range(SCALE.faults):
            node = made.nodes[number % len(made.nodes)]
            await asyncio.to_thread(node.kill)
            await made.progress()
            await asyncio.to_thread(node.start)
            await made.progress()
    assert all(len(epochs) == 1 for epochs in made.epochs.values()), "a node's death is no new epoch"


@pytest.mark.parametrize("persistence", sorted(PERSISTENCE))
async def test_redis_is_killed_and_started_again(tmp_path: Path, persistence: str) -> None:
    server = RedisServer(tmp_path / "redis", *PERSISTENCE[persistence]).start()
    try:
        async with cloud(server.url, tmp_path, SCALE) as made:
            for _ in range(SCALE.faults):
                if persistence == "rdb":
                    server.ask("SAVE")
                    await made.progress()
                await asyncio.to_thread(server.kill)
                await asyncio.sleep(SCALE.pause / 2)
                await asyncio.to_thread(server.start)
                await made.progress()
        assert all(len(epochs) == 1 + SCALE.faults for epochs in made.epochs.values())
    finally:
        server.stop()


async def test_an_older_dump_is_restored(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", "--save", "3600 1000000").start()
    try:
        async with cloud(server.url, tmp_path, SCALE) as made:
            server.ask("SAVE")
            dump = server.directory / "dump.rdb"
            shutil.copy(dump, tmp_path / "older.rdb")
            await made.progress(200)
            server.ask("SAVE")
            await asyncio.to_thread(server.kill)
            shutil.copy(tmp_path / "older.rdb", dump)
            await asyncio.to_thread(server.start)
            await made.progress(200)
        assert all(len(made.epochs[channel]) == 2 for channel in CHANNELS)
    finally:
        server.stop()


async def test_redis_stands_still_for_longer_than_a_call_may_take(
    server: RedisServer, tmp_path: Path
) -> None:
    async with cloud(server.url, tmp_path, SCALE) as made:
        server.freeze()
        try:
            await asyncio.sleep(SCALE.frozen)
        finally:
            server.thaw()
        await made.progress()
    assert all(len(epochs) == 1 for epochs in made.epochs.values()), "it is the same run"


async def test_what_carries_the_notifications_is_cut_again_and_again(
    server: RedisServer, tmp_path: Path
) -> None:
    async with cloud(server.url, tmp_path, SCALE) as made:
        for _ in range(2 * SCALE.faults):
            server.ask("CLIENT", "KILL", "TYPE", "pubsub")
            await made.progress(20)
    assert all(len(epochs) == 1 for epochs in made.epochs.values())


async def test_nodes_and_redis_cannot_reach_each_other_for_a_while(
    server: RedisServer, tmp_path: Path
) -> None:
    async with Proxy(server.port) as proxy:
        async with cloud(f"redis://127.0.0.1:{proxy.port}", tmp_path, SCALE) as made:
            proxy.refusing = True
            for way in proxy.ways:
                way.mute()
            await asyncio.sleep(SCALE.frozen)
            proxy.refusing = False
            proxy.cut()
            await made.progress()
    assert all(len(epochs) == 1 for epochs in made.epochs.values())


@pytest.mark.skipif(not LONG, reason="takes two probes of ten seconds: GAPLESS_FAULTS=long")
async def test_what_carries_the_notifications_becomes_deaf(server: RedisServer, tmp_path: Path) -> None:
    async with Proxy(server.port) as proxy:
        async with cloud(f"redis://127.0.0.1:{proxy.port}", tmp_path, SCALE) as made:
            deaf = proxy.ears()
            for way in deaf:
                way.deaf = True
            async with asyncio.timeout(25):
                while any(way in proxy.ways for way in deaf):
                    await asyncio.sleep(0.1)
            await made.progress()
