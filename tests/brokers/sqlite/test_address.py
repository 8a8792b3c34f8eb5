"""The URL of a store: its file, and how it is flushed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless import ConfigError
from gapless.brokers.sqlite import address

pytestmark = pytest.mark.anyio


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "path", "synchronous"),
        [
            ("sqlite:///app.db", "app.db", "full"),
            ("sqlite:////var/lib/app.db", "/var/lib/app.db", "full"),
            ("sqlite:///with%20space.db?synchronous=normal", "with space.db", "normal"),
        ],
    )
    def test_a_url_names_a_file(self, url: str, path: str, synchronous: str) -> None:
        assert address.parse(url) == address.Address(Path(path), synchronous)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "url",
        [
            "sqlite://app.db",
            "sqlite:app.db",
            "sqlite:///",
            "sqlite:////var/lib/",
            "sqlite:///app.db?synchronous=off",
            "sqlite:///app.db?max_mib=",
            "sqlite:///app.db?max_mib=0",
            "sqlite:///app.db?max_mib=1.5",
            "sqlite:///app.db?mode=ro",
            "sqlite:///a%00b",
        ],
    )
    def test_what_names_none_is_refused(self, url: str) -> None:
        with pytest.raises(ConfigError):
            address.parse(url)

    def test_the_largest_size_stands_in_the_url(self) -> None:
        assert address.parse("sqlite:///app.db?max_mib=64").max_mib == 64
