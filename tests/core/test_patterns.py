"""Channel patterns: which names match, with which parts, and which pattern wins."""

from __future__ import annotations

import pytest

from gapless import ConfigError
from gapless.core.patterns import Pattern, PatternMap

from ..support.alarm import not_for_ever


class TestMatching:
    @pytest.mark.parametrize(
        ("pattern", "channel"),
        [
            ("logs", "logs"),
            ("*", "anything"),
            ("*", ""),
            ("orders:*", "orders:7"),
            ("orders:*", "orders:"),
            ("orders:*", "orders:eu:7"),
            ("*:logs", "app:logs"),
            ("a*c", "abbbc"),
            ("a.b", "a.b"),
            ("a+b[0]", "a+b[0]"),
            ("*", "two\nlines"),
        ],
    )
    def test_these_match(self, pattern: str, channel: str) -> None:
        assert Pattern(pattern).match(channel) == {}

    @pytest.mark.parametrize(
        ("pattern", "channel"),
        [
            ("logs", "logs2"),
            ("logs", "Logs"),
            ("orders:*", "orders"),
            ("a.b", "axb"),
            ("orders:{id}", "orders:"),
            ("orders:{id}", "orders:eu:7"),
            ("orders:{id}", "orders:7\n:x"),
            ("a*", "ba"),
        ],
    )
    def test_these_do_not(self, pattern: str, channel: str) -> None:
        assert Pattern(pattern).match(channel) is None

    def test_named_parts_are_given_by_name(self) -> None:
        pattern = Pattern("{kind}:{id}:*")
        assert pattern.match("orders:7:eu:x") == {"kind": "orders", "id": "7"}


class TestManyWildcards:
    @pytest.mark.parametrize(
        ("pattern", "character"),
        [("{a}.{b}.{c}.{d}.{e}.{f}:x", "."), ("*:*:*:*:*:*:x", ":"), ("{a}{b}{c}{d}{e}{f}:x", "y")],
    )
    def test_no_name_takes_for_ever(self, pattern: str, character: str) -> None:
        with not_for_ever():
            assert Pattern(pattern).match(character * 255) is None


class TestMistakes:
    @pytest.mark.parametrize("pattern", ["a{", "a}", "{}", "{1a}", "{a b}", "{{a}}"])
    def test_a_brace_that_names_nothing_is_refused_with_the_fix(self, pattern: str) -> None:
        with pytest.raises(ConfigError, match=r"write \{name\} or \*"):
            Pattern(pattern)

    def test_a_name_used_twice_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="'id' twice"):
            Pattern("{id}:{id}")


class TestTheLongestWins:
    def find(self, channel: str, *patterns: str) -> str | None:
        return PatternMap({pattern: pattern for pattern in patterns}).find(channel)

    def test_whatever_the_order_in_which_they_were_given(self) -> None:
        for patterns in (("*", "orders:*", "orders:eu:*"), ("orders:eu:*", "orders:*", "*")):
            assert self.find("orders:eu:7", *patterns) == "orders:eu:*"
            assert self.find("orders:us:7", *patterns) == "orders:*"
            assert self.find("logs", *patterns) == "*"

    def test_one_without_a_wildcard_before_one_with(self) -> None:
        assert self.find("logs", "logs*", "logs") == "logs"

    def test_a_named_part_before_a_star(self) -> None:
        assert self.find("orders:7", "orders:*", "orders:{id}") == "orders:{id}"
        assert self.find("orders:eu:7", "orders:*", "orders:{id}") == "orders:*"

    def test_none_where_none_matches(self) -> None:
        assert self.find("logs", "orders:*") is None
        assert self.find("logs") is None
