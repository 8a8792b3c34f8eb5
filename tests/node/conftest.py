"""Worlds to test in, and stores that nodes can share."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.redis_server import RedisServer, has
from ..support.worlds import make_world, world

__all__ = ["make_world", "server", "url", "world"]

NEEDS_REDIS = [
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as one:
        yield one


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=NEEDS_REDIS)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a store that is shared by whoever opens it here, and by nobody else."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/nodes.db"
    server = request.getfixturevalue("server")
    return f"{server.url}?prefix=test-{secrets.token_hex(4)}"
