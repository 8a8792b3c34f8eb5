"""Brokers to test: whoever keeps the promises is added to `MAKERS`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gapless import Limits
from gapless.brokers.memory import MemoryBroker, MemoryPresence
from gapless.brokers.sqlite import SqliteBroker

from ..support.broker import FakeBroker
from ..support.presence import FakePresence
from .harness import Harness

MakeBroker = Callable[[], Awaitable[Harness]]


def memory(directory: Path) -> Harness:
    limits = Limits()
    return Harness(MemoryBroker(limits), MemoryPresence(limits))


def fake(directory: Path) -> Harness:
    """What the other tests stand on: it misbehaves only where it is told to."""
    return Harness(FakeBroker(), FakePresence())


def sqlite(directory: Path) -> Harness:
    broker = SqliteBroker(directory / f"{len(list(directory.glob('*.db')))}.db", Limits())
    return Harness(broker, broker.presence)


MAKERS: dict[str, Callable[[Path], Harness]] = {"fake": fake, "memory": memory, "sqlite": sqlite}


@pytest.fixture(params=sorted(MAKERS))
async def make_broker(
    request: pytest.FixtureRequest, anyio_backend: str, tmp_path: Path
) -> AsyncIterator[MakeBroker]:
    """Make and start a broker; all that were made are closed at the end."""
    made: list[Harness] = []

    async def make() -> Harness:
        harness = MAKERS[request.param](tmp_path)
        made.append(harness)
        await harness.start()
        return harness

    yield make
    for harness in made:
        await harness.broker.close()


@pytest.fixture
async def broker(make_broker: MakeBroker) -> Harness:
    return await make_broker()
