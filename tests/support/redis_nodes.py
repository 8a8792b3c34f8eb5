"""Nodes on Redis for tests: each a broker of its own with its sink, closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from gapless import BrokerError, Limits
from gapless.brokers.redis.broker import ONE_CALL, PageSize, RedisBroker
from gapless.model import History, Position

from ..brokers.harness import Harness
from .redis_server import RedisServer
from .until import until

FAILOVER_SECONDS = 40.0
"""A cluster or its sentinels may take this long to agree, on a machine that does other things too."""

Node = Callable[..., Awaitable[Harness]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that this test may do anything to."""
    with RedisServer(tmp_path / "redis") as one:
        yield one


@pytest.fixture
async def node(anyio_backend: str) -> AsyncIterator[Node]:
    """Make nodes; they are closed at the end."""
    made: list[Harness] = []

    async def make(
        url: str,
        *,
        prefix: str = "test",
        probe_seconds: float = 10.0,
        page: PageSize = ONE_CALL,
        **limits: float,
    ) -> Harness:
        bounds = Limits(**limits)  # type: ignore[arg-type]  # ints and floats, by name
        broker = RedisBroker(f"{url}?prefix={prefix}", bounds, probe_seconds=probe_seconds, page=page)
        harness = Harness(broker, broker.presence)
        made.append(harness)
        await harness.start()
        return harness

    yield make
    for harness in made:
        await harness.broker.close()


def own(harness: Harness) -> RedisBroker:
    assert isinstance(harness.broker, RedisBroker)
    return harness.broker


async def ready(harness: Harness) -> None:
    await until(lambda: own(harness).unready() is None)


def payloads(page: History) -> list[bytes]:
    return [publication.payload for publication in page.publications]


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
