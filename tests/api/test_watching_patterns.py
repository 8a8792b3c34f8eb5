"""Which channels are asked for: patterns of their names, as shells have them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.api.watching import glob
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


@settings(deadline=None)
@given(st.text(alphabet="ab[]{}!-*?,\\&~|^", max_size=40), st.text(alphabet="ab[]{}*", max_size=20))
def test_any_pattern_matches_or_is_refused(pattern: str, name: str) -> None:
    try:
        glob(pattern)(name)
    except BadRequest:
        assert "{" in pattern


@pytest.mark.parametrize("pattern", ["{a,b}" * 30, "{,}" * 300, "{" + "a," * 100 + "}"])
def test_a_pattern_of_too_many_alternatives_is_refused(pattern: str) -> None:
    with pytest.raises(BadRequest, match="more than 64 alternatives"):
        glob(pattern)


def test_a_pattern_of_many_stars_does_not_try_every_way_to_match() -> None:
    assert not glob("*a" * 1000)("a" * 255 + "b")


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("", ["", "anything"], []),
        ("*", ["", "a:b", "a/b\n"], []),
        ("logs:?", ["logs:a"], ["logs:", "logs:ab", "logsxa"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "x", "Ax"]),
        ("[!a]x", ["bx"], ["ax"]),
        ("{a,b}{c,d}", ["ac", "bd"], ["ab", "a", "{a,b}{c,d}"]),
        ("x{a,{b,c}}", ["xa", "xb", "xc"], ["x", "xd"]),
        ("a.c", ["a.c"], ["abc"]),
        ("a{}c", ["ac"], ["a{}c"]),
        ("[", ["["], ["a"]),
    ],
)
def test_patterns_are_those_of_a_shell(pattern: str, matching: list[str], others: list[str]) -> None:
    matches = glob(pattern)
    assert all(map(matches, matching))
    assert not any(map(matches, others))
