"""What holds of `core/patterns`, whatever is put in."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.core.patterns import Pattern

WILDCARDS = {"*": ".*", "a": "a", "b": "b", ":": ":"}


class TestMatching:
    @given(st.text(min_size=1, max_size=20).filter(lambda text: not set(text) & set("*{}")))
    @settings(max_examples=100, deadline=None)
    def test_everything_else_stands_for_itself(self, text: str) -> None:
        assert Pattern(text).match(text) == {}
        assert Pattern(text).match(text + "x") is None


class TestManyWildcards:
    @given(st.lists(st.sampled_from(["*", "a", "b", ":", "{}"]), max_size=9), st.text("ab:", max_size=9))
    @settings(max_examples=400)
    def test_they_match_as_a_regular_expression_does(self, pieces: list[str], channel: str) -> None:
        parts = [piece if piece != "{}" else f"{{p{at}}}" for at, piece in enumerate(pieces)]
        expression = "".join(WILDCARDS.get(piece, f"(?P<p{at}>[^:]+)") for at, piece in enumerate(pieces))
        found = re.fullmatch(expression, channel)
        assert Pattern("".join(parts)).match(channel) == (None if found is None else found.groupdict())
