"""The doors over each WebSocket protocol that uvicorn may be told to use."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from ..support.centrifuge.fixtures import clock, codec
from ..support.serving import DIRECT_HTTP, FAST_PATH, PLAIN_ASGI, PLAIN_HTTP, Doors, doors

__all__ = ["clock", "codec"]

OpenDoors = Callable[..., AbstractAsyncContextManager[Doors]]


@pytest.fixture(params=[PLAIN_ASGI, FAST_PATH], ids=["asgi", "fast"])
def ws_protocol(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def open_doors(ws_protocol: str) -> OpenDoors:
    """`doors` with the WebSocket protocol under test."""
    return partial(doors, ws=ws_protocol)


@pytest.fixture(params=[PLAIN_HTTP, DIRECT_HTTP], ids=["asgi", "direct"])
def http_protocol(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def open_http(http_protocol: str) -> OpenDoors:
    """`doors` with the HTTP protocol under test."""
    return partial(doors, server={"http": http_protocol})
