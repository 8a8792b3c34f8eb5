"""One process of each server for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .servers import SERVERS, served


@pytest.fixture(scope="module", params=SERVERS)
def host(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a server listens."""
    with served(request.param) as found:
        yield found
