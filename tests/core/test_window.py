"""The window: a list with a moving front, compared with a plain list."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gapless.core.window import Window


def test_positions_count_from_the_oldest_that_is_there() -> None:
    window: Window[str] = Window()
    for item in "abc":
        window.append(item)
    assert window.popleft() == "a"
    assert [window[0], window[1]] == ["b", "c"]


@pytest.mark.parametrize("position", [-1, 2])
def test_a_position_outside_is_an_index_error(position: int) -> None:
    window: Window[str] = Window()
    window.append("a")
    window.append("b")
    with pytest.raises(IndexError, match=f"position {position} of 2"):
        window[position]


def test_taking_from_an_empty_one_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        Window[str]().popleft()


def test_what_was_taken_is_let_go_at_once() -> None:
    window: Window[object] = Window()
    window.append(object())
    window.append(object())
    window.popleft()
    assert window._items[0] is None


def test_room_at_the_front_is_given_back() -> None:
    window: Window[int] = Window()
    for number in range(10_000):
        window.append(number)
        if len(window) > 10:
            window.popleft()
    assert len(window._items) < 200


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
