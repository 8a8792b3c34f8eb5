"""Patterns of channel names, as shells have them."""

from __future__ import annotations

import pytest

from gapless.api.glob import glob
from gapless.errors import BadRequest

NAMES = ["a", "b", "ab", "a:1", "a:2", "b:1", "a\n", "[a]"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", NAMES),
        ("*", NAMES),
        ("a", ["a"]),
        ("?", ["a", "b"]),
        ("a:*", ["a:1", "a:2"]),
        ("[ab]:1", ["a:1", "b:1"]),
        ("[!a]:1", ["b:1"]),
        ("{a,b}:1", ["a:1", "b:1"]),
        ("{a:{1,2},b:1}", ["a:1", "a:2", "b:1"]),
        ("{a,}", ["a"]),
        ("a.", []),
    ],
)
def test_a_pattern_finds_what_a_shell_would(pattern: str, found: list[str]) -> None:
    matches = glob(pattern)
    assert [name for name in NAMES if matches(name)] == found


def test_a_brace_that_is_not_closed_is_said() -> None:
    with pytest.raises(BadRequest, match="not closed"):
        glob("{a,b")


@pytest.mark.parametrize("pattern", ["{" + "a," * 64 + "b}", "{a,b}" * 7, "{a,b}" * 2000])
def test_alternatives_are_bounded(pattern: str) -> None:
    with pytest.raises(BadRequest, match="more than 64 alternatives"):
        glob(pattern)


def test_a_pattern_of_stars_takes_no_time() -> None:
    assert not glob("*a" * 50 + "b")("a" * 255)
