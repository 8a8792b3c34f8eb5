"""What several verbs take."""

from __future__ import annotations

import pytest

from gapless.cli.common import DEFAULT_URL, WrongUsage, hub_at


def test_the_hub_is_where_the_url_says() -> None:
    assert hub_at(DEFAULT_URL, None).url == DEFAULT_URL


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:99999"])
def test_a_url_that_cannot_be_is_a_wrong_command_line(url: str) -> None:
    with pytest.raises(WrongUsage, match="http"):
        hub_at(url, None)
