"""A store in a file, for every test of this room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gapless import Limits
from gapless.brokers.sqlite.broker import SqliteBroker

from ..harness import Harness
from .opening import Open


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
async def open_store(path: Path) -> AsyncIterator[Open]:
    """Open a store; all that were opened are closed at the end."""
    opened: list[Harness] = []

    async def make(**arguments: Any) -> Harness:
        limits = arguments.pop("limits", Limits())
        broker = SqliteBroker(arguments.pop("at", path), limits, **arguments)
        harness = Harness(broker, broker.presence)
        opened.append(harness)
        await harness.start()
        return harness

    yield make
    for harness in opened:
        await harness.broker.close()
