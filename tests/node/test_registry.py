"""Which options a channel's name has, and whether a channel can have it."""

from __future__ import annotations

import pytest

from gapless import ChannelOptions, Limits
from gapless.errors import BadRequest, LimitExceeded
from gapless.node.registry import Registry

LOGS, ERRORS = ChannelOptions(history=10), ChannelOptions(history=20)


@pytest.fixture
def registry() -> Registry:
    return Registry({"logs:*": LOGS, "logs:errors:*": ERRORS}, Limits(channel_bytes=20))


def test_the_longest_pattern_that_matches_decides(registry: Registry) -> None:
    assert registry.declared("logs:web") is LOGS
    assert registry.declared("logs:errors:web") is ERRORS


def test_what_no_pattern_declares_is_the_applications_own(registry: Registry) -> None:
    assert registry.declared("jobs") is None
    assert registry.options("jobs") == ChannelOptions()


@pytest.mark.parametrize("name", ["", "a\nb", "a\x00", "\ud83d", "a\u2028b"])
def test_a_name_that_cannot_be_shown_is_refused(registry: Registry, name: str) -> None:
    with pytest.raises(BadRequest) as refused:
        registry.check(name)
    assert refused.value.code == 107


def test_a_name_is_measured_in_bytes(registry: Registry) -> None:
    registry.check("é" * 10)
    with pytest.raises(LimitExceeded) as refused:
        registry.check("é" * 10 + "x")
    assert (refused.value.code, refused.value.limit, refused.value.actual) == (107, 20, 21)


def test_asking_for_options_makes_no_name_a_good_one(registry: Registry) -> None:
    registry.declared("x" * 21)
    with pytest.raises(LimitExceeded):
        registry.check("x" * 21)
