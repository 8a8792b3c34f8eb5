"""What holds of `core/patterns`, whatever is put in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.core.patterns import Pattern


class TestMatching:
    @given(st.text(min_size=1, max_size=20).filter(lambda text: not set(text) & set("*{}")))
    @settings(max_examples=100, deadline=None)
    def test_everything_else_stands_for_itself(self, text: str) -> None:
        assert Pattern(text).match(text) == {}
        assert Pattern(text).match(text + "x") is None
