"""Which broker a URL names."""

from __future__ import annotations

import pytest

from gapless import Limits, MemoryBroker
from gapless.brokers.url import broker_from
from gapless.errors import ConfigError


@pytest.mark.parametrize("url", ["memory://", "memory:"])
def test_memory_is_in_every_version(url: str) -> None:
    assert isinstance(broker_from(url, Limits()), MemoryBroker)


@pytest.mark.parametrize("url", ["kafka://host", "", "memory", "no url"])
def test_what_names_none_is_said_with_the_fix(url: str) -> None:
    with pytest.raises(ConfigError, match="memory://"):
        broker_from(url, Limits())
