"""Nodes and Redis die, freeze and come back under load: nothing acknowledged is lost, nobody is told wrong.

With `GAPLESS_FAULTS=long` there is more of everything: more nodes, more load, twenty kills.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from gapless import ChannelOptions, Hub, Position

from ..support.networks import HERE, command, networks, refusal
from ..support.redis_server import RedisServer, has
from ..support.tcp_proxy import Proxy
from .cloud import CHANNELS, Scale, cloud
from .hubs import Node, Nodes

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]

LONG = os.environ.get("GAPLESS_FAULTS") == "long"

SCALE = Scale(subscribers=200, publishers=8, at_once=8, per_second=1000) if LONG else Scale()
NODES, FAULTS = (3, 20) if LONG else (2, 2)

AWAY_SECONDS = 1.5 if LONG else 0.5
"""Redis is dead for so long."""

FROZEN_SECONDS = 30.0 if LONG else 7.0
"""Redis stands still for so long: longer than the deadline of a call."""

PERSISTENCE = {
    "none": (),
    "rdb": ("--save", "3600 1"),
    "aof": ("--appendonly", "yes", "--appendfsync", "everysec"),
}


async def test_nodes_are_killed_while_they_publish_and_deliver(server: RedisServer, tmp_path: Path) -> None:
    hubs = Nodes.on(server.url, tmp_path, NODES)
    async with cloud(hubs, SCALE) as made:
        for number in range(FAULTS):
            node = hubs.all[number % NODES]
            await asyncio.to_thread(node.kill)
            await made.progress()
            await asyncio.to_thread(node.start)
            await made.progress()
    assert all(len(epochs) == 1 for epochs in made.epochs.values()), "a node's death is no new epoch"


@pytest.mark.parametrize("persistence", sorted(PERSISTENCE))
async def test_redis_is_killed_and_started_again(tmp_path: Path, persistence: str) -> None:
    server = RedisServer(tmp_path / "redis", *PERSISTENCE[persistence]).start()
    try:
        async with cloud(Nodes.on(server.url, tmp_path, NODES), SCALE) as made:
            for _ in range(FAULTS):
                if persistence == "rdb":
                    server.ask("SAVE")
                    await made.progress()
                await asyncio.to_thread(server.kill)
                await asyncio.sleep(AWAY_SECONDS)
                await asyncio.to_thread(server.start)
                await made.progress()
        assert all(len(epochs) == 1 + FAULTS for epochs in made.epochs.values())
    finally:
        server.stop()


async def test_an_older_dump_is_restored(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", "--save", "3600 1000000").start()
    try:
        async with cloud(Nodes.on(server.url, tmp_path, NODES), SCALE) as made:
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
    async with cloud(Nodes.on(server.url, tmp_path, NODES), SCALE) as made:
        server.freeze()
        try:
            await asyncio.sleep(FROZEN_SECONDS)
        finally:
            server.thaw()
        await made.progress()
    assert all(len(epochs) == 1 for epochs in made.epochs.values()), "it is the same run"


async def test_what_carries_the_notifications_is_cut_again_and_again(
    server: RedisServer, tmp_path: Path
) -> None:
    async with cloud(Nodes.on(server.url, tmp_path, NODES), SCALE) as made:
        for _ in range(2 * FAULTS):
            server.ask("CLIENT", "KILL", "TYPE", "pubsub")
            await made.progress(20)
    assert all(len(epochs) == 1 for epochs in made.epochs.values())


async def test_nodes_and_redis_cannot_reach_each_other_for_a_while(
    server: RedisServer, tmp_path: Path
) -> None:
    async with Proxy(server.port) as proxy:
        async with cloud(Nodes.on(f"redis://127.0.0.1:{proxy.port}", tmp_path, NODES), SCALE) as made:
            proxy.refusing = True
            for way in proxy.ways:
                way.mute()
            await asyncio.sleep(FROZEN_SECONDS)
            proxy.refusing = False
            proxy.cut()
            await made.progress()
    assert all(len(epochs) == 1 for epochs in made.epochs.values())


@pytest.mark.skipif(not LONG, reason="takes two probes of ten seconds: GAPLESS_FAULTS=long")
async def test_what_carries_the_notifications_becomes_deaf(server: RedisServer, tmp_path: Path) -> None:
    async with Proxy(server.port) as proxy:
        async with cloud(Nodes.on(f"redis://127.0.0.1:{proxy.port}", tmp_path, NODES), SCALE) as made:
            deaf = proxy.ears()
            for way in deaf:
                way.deaf = True
            async with asyncio.timeout(25):
                while any(way in proxy.ways for way in deaf):
                    await asyncio.sleep(0.1)
            await made.progress()


async def test_nodes_and_redis_in_networks_of_their_own_are_cut_from_each_other_and_joined(
    tmp_path: Path,
) -> None:
    if reason := refusal():
        pytest.skip(reason)
    with networks() as net:
        home = net.place()
        asking = net.wire(HERE, home)
        server = RedisServer(
            tmp_path / "redis",
            *("--protected-mode", "no", "--bind", "0.0.0.0"),
            host=asking.addresses[1],
            within=command(home),
        ).start()
        wires, nodes = [], []
        for _ in range(NODES):
            place = net.place()
            front, wire = net.wire(HERE, place), net.wire(place, home)
            store = f"redis://{wire.addresses[1]}:{server.port}"
            more = ("--host", "0.0.0.0", "--insecure")
            nodes.append(Node(store, tmp_path, *more, host=front.addresses[1], within=command(place)))
            wires.append(wire)
        try:
            async with cloud(Nodes(*nodes), SCALE) as made:
                wires[0].cut()
                await made.progress()  # by way of the others
                await asyncio.sleep(FROZEN_SECONDS)
                wires[0].join()
                await made.progress()
                for wire in wires:
                    wire.cut()
                await asyncio.sleep(FROZEN_SECONDS)
                for wire in wires:
                    wire.join()
                await made.progress()
        finally:
            server.stop()
    assert all(len(epochs) == 1 for epochs in made.epochs.values()), "Redis was there all the time"


async def test_a_storm_of_those_who_come_back_is_served_from_the_ring(server: RedisServer) -> None:
    """In this process: what counts is what Redis is asked."""
    clients, published = 10_000 if LONG else 1_000, 100
    async with Hub(server.url, channels={"*": ChannelOptions(history=1000)}) as hub:
        async with hub.subscribe("c"):
            top = await hub.publish("c", 0)
            for number in range(1, published + 1):
                top = await hub.publish("c", number)
            assert top is not None
            server.ask("CONFIG", "RESETSTAT")

            async def come_back(missed: int) -> list[int]:
                since = Position(top.offset - missed, top.epoch)
                async with hub.subscribe("c", since=since) as feed:
                    return [(await anext(feed)).data for _ in range(missed)]

            missed = [1 + number % published for number in range(clients)]
            seen = await asyncio.gather(*map(come_back, missed))
            for count, numbers in zip(missed, seen, strict=True):
                assert numbers == list(range(published + 1 - count, published + 1))
            assert _calls(server, "xlen") <= 100, "each page that is read asks how long its stream is"
            server.ask("CONFIG", "RESETSTAT")
            await hub.history("c")
            assert _calls(server, "xlen") == 1
        async with hub.subscribe("c", since=Position(0, top.epoch)) as feed:
            assert [(await anext(feed)).data for _ in range(published + 1)] == list(range(published + 1))


def _calls(server: RedisServer, command: str) -> int:
    """How often Redis was asked, scripts included."""
    found = re.search(rf"cmdstat_{command}:calls=(\d+)", server.ask("INFO", "commandstats"))
    return int(found[1]) if found else 0
