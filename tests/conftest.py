"""What every test may use."""

from __future__ import annotations

import logging

import pytest

# Most tests serve a hub on a uvicorn as it is, and mean to. Who tests what is said of that turns it up.
logging.getLogger("gapless.flags").setLevel(logging.ERROR)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
