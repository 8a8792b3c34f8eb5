"""Brokers to test: whoever keeps the promises is added to `MAKERS`."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from gapless import Limits
from gapless.brokers.memory import MemoryBroker
from gapless.brokers.presence import MemoryPresence
from gapless.brokers.redis.broker import RedisBroker
from gapless.brokers.sqlite.broker import SqliteBroker

from ..support.broker import FakeBroker
from ..support.presence import FakePresence
from ..support.redis_server import RedisServer, cluster, has
from .harness import Harness

MakeBroker = Callable[[], Awaitable[Harness]]


def memory(directory: Path, servers: Servers) -> Harness:
    limits = Limits()
    return Harness(MemoryBroker(limits), MemoryPresence(limits))


def fake(directory: Path, servers: Servers) -> Harness:
    """What the other tests stand on: it misbehaves only where it is told to."""
    return Harness(FakeBroker(), FakePresence())


def sqlite(directory: Path, servers: Servers) -> Harness:
    broker = SqliteBroker(directory / f"{len(list(directory.glob('*.db')))}.db", Limits())
    return Harness(broker, broker.presence)


def on_redis(url: str) -> Harness:
    """A node that shares nothing with any other: nobody has its prefix."""
    limits = Limits()
    broker = RedisBroker(f"{url}?prefix=test-{secrets.token_hex(6)}", limits)
    return Harness(broker, broker.presence)


def redis(directory: Path, servers: Servers) -> Harness:
    return on_redis(servers.single("redis-server").url)


def valkey(directory: Path, servers: Servers) -> Harness:
    return on_redis(servers.single("valkey-server").url)


def redis_cluster(directory: Path, servers: Servers) -> Harness:
    ports = ",".join(f"127.0.0.1:{server.port}" for server in servers.cluster())
    return on_redis(f"redis+cluster://{ports}")


class Servers:
    """What was started for this session, each when it was first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._single: dict[str, RedisServer] = {}
        self._cluster: list[RedisServer] = []

    def single(self, program: str) -> RedisServer:
        if not has(program):
            pytest.skip(f"{program} is not installed")
        if program not in self._single:
            self._single[program] = RedisServer(self._directory / program, program=program).start()
        return self._single[program]

    def cluster(self) -> list[RedisServer]:
        if not has("redis-server"):
            pytest.skip("redis-server is not installed")
        if not self._cluster:
            self._cluster = cluster(self._directory / "cluster")
        return self._cluster

    def stop(self) -> None:
        for server in (*self._single.values(), *self._cluster):
            server.stop()


MAKERS: dict[str, Callable[[Path, Servers], Harness]] = {
    "fake": fake,
    "memory": memory,
    "redis": redis,
    "sqlite": sqlite,
    "redis-cluster": redis_cluster,
    "valkey": valkey,
}

MARKED = [
    pytest.param(name, marks=[] if name in ("fake", "memory", "sqlite") else [pytest.mark.redis], id=name)
    for name in sorted(MAKERS)
]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("redis"))
    yield made
    made.stop()


@pytest.fixture(params=MARKED)
async def make_broker(
    request: pytest.FixtureRequest, anyio_backend: str, tmp_path: Path, servers: Servers
) -> AsyncIterator[MakeBroker]:
    """Make and start a broker; all that were made are closed at the end."""
    made: list[Harness] = []

    async def make() -> Harness:
        harness = MAKERS[request.param](tmp_path, servers)
        made.append(harness)
        await harness.start()
        return harness

    yield make
    for harness in made:
        await harness.broker.close()


@pytest.fixture
async def broker(make_broker: MakeBroker) -> Harness:
    return await make_broker()
