"""What holds of `core/window`, whatever is put in."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gapless.core.window import Window


class AgainstAList(RuleBasedStateMachine):
    """Whatever is done to both, both hold the same."""

    def __init__(self) -> None:
        super().__init__()
        self.window: Window[int] = Window()
        self.plain: list[int] = []

    @rule(items=st.lists(st.integers(), max_size=100))
    def append(self, items: list[int]) -> None:
        for item in items:
            self.window.append(item)
            self.plain.append(item)

    @rule(items=st.lists(st.integers(), max_size=100))
    def extend(self, items: list[int]) -> None:
        self.window.extend(items)
        self.plain.extend(items)

    @rule(count=st.integers(0, 200))
    def drop(self, count: int) -> None:
        assert self.window.drop(count) == self.plain[:count]
        del self.plain[:count]

    @rule(count=st.integers(1, 90))
    def take(self, count: int) -> None:
        for _ in range(min(count, len(self.plain))):
            assert self.window.popleft() == self.plain.pop(0)

    @rule()
    def clear(self) -> None:
        self.window.clear()
        self.plain.clear()

    @rule(begin=st.integers(-5, 120), end=st.integers(-5, 120))
    def slice(self, begin: int, end: int) -> None:
        assert self.window.slice(begin, end) == self.plain[max(begin, 0) : max(end, 0)]

    @invariant()
    def same(self) -> None:
        assert list(self.window) == self.plain
        assert len(self.window) == len(self.plain)
        assert bool(self.window) == bool(self.plain)


AgainstAList.TestCase.settings = settings(max_examples=60, deadline=None)


TestAgainstAList = AgainstAList.TestCase
