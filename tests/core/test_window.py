"""The window: a list with a moving front, compared with a plain list."""

from __future__ import annotations

import pytest

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
    window.extend(object() for _ in range(4))
    window.popleft()
    window.drop(2)
    assert window._items[:3] == [None] * 3


def test_room_at_the_front_is_given_back() -> None:
    window: Window[int] = Window()
    for number in range(10_000):
        window.append(number)
        if len(window) > 10:
            window.popleft()
    assert len(window._items) < 200
