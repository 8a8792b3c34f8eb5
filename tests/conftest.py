"""What every test may use."""

from __future__ import annotations

import gc
import logging
from functools import cache
from pathlib import Path

import pytest

# Most tests serve a hub on a uvicorn as it is, and mean to. Who tests what is said of that turns it up.
logging.getLogger("gapless.flags").setLevel(logging.ERROR)

LONG = ("faults", "sessions/centrifuge/test_races.py", "simulation", "browser", "cli", "server")
"""What takes longest is begun first: else one worker has it alone in the end, and the others nothing."""

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = [HERE / part for part in LONG]

    @cache
    def turn(path: Path) -> int:
        among = (number for number, place in enumerate(places) if path.is_relative_to(place))
        return next(among, len(places))

    items.sort(key=lambda item: turn(item.path))


def pytest_collection_finish() -> None:
    """What thousands of tests consist of stays to the end: no collection of garbage looks at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
