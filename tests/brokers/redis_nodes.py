"""Nodes on Redis for tests: each a broker of its own with its sink, closed at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from gapless import Limits
from gapless.brokers.redis.broker import RedisBroker
from gapless.model import History

from ..support.redis_server import RedisServer
from ..support.until import until
from .harness import Harness

Node = Callable[..., Awaitable[Harness]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that this test may do anything to."""
    one = RedisServer(tmp_path / "redis").start()
    yield one
    one.stop()


@pytest.fixture
async def node(anyio_backend: str) -> AsyncIterator[Node]:
    """Make nodes; they are closed at the end."""
    made: list[Harness] = []

    async def make(
        url: str, *, prefix: str = "test", probe_seconds: float = 10.0, **limits: float
    ) -> Harness:
        bounds = Limits(**limits)  # type: ignore[arg-type]  # ints and floats, by name
        broker = RedisBroker(f"{url}?prefix={prefix}", bounds, probe_seconds=probe_seconds)
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
