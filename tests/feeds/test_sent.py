"""What a restart goes on from: every row goes once, wherever the one before ended."""

from __future__ import annotations

import random

import pytest

from gapless.feeds.files import Mark
from gapless.feeds.sent import Reached, Sent


def mark(offset: int) -> list[Mark]:
    return [Mark(1, 2, offset, b"")]


def test_rows_are_counted_behind_the_last_place_that_is_known() -> None:
    sent = Sent(Reached([]))
    assert sent.new(["a", "b", "c"]) == ["a", "b", "c"]
    sent.mark(mark(30))
    assert sent.new(["d"]) == ["d"]
    assert sent.reached == Reached([], 0)
    sent.go()
    sent.go()
    assert sent.reached == Reached([], 2)
    sent.go()
    assert sent.reached == Reached(mark(30), 0)
    sent.go()
    assert sent.reached == Reached(mark(30), 1)
    sent.mark(mark(40))
    assert sent.reached == Reached(mark(40), 0)


def test_what_has_gone_in_an_earlier_life_is_left_out() -> None:
    sent = Sent(Reached(mark(10), 3))
    assert sent.reached == Reached(mark(10), 3)
    assert sent.new(["a", "b"]) == []
    sent.mark(mark(30))
    assert sent.reached == Reached(mark(30), 1)
    assert sent.new(["c", "d"]) == ["d"]
    sent.go()
    assert sent.reached == Reached(mark(30), 2)


@pytest.mark.parametrize("seed", range(20))
def test_through_any_number_of_lives_each_row_goes_once(seed: int) -> None:
    """A mark's offset is here the number of the row behind it."""
    chance = random.Random(seed)
    gone: list[int] = []
    reached = Reached([], 0)
    while len(gone) < 300:
        sent = Sent(reached)
        at = reached.marks[0].offset if reached.marks else 0
        waiting: list[int] = []
        for _ in range(chance.randrange(12)):
            rows = list(range(at, at + chance.randrange(1, 40)))
            at += len(rows)
            waiting += sent.new(rows)
            if chance.random() < 0.6:
                sent.mark(mark(at))
            for _ in range(chance.randrange(len(waiting) + 1)):
                gone.append(waiting.pop(0))
                sent.go()
            reached = sent.reached
    assert gone == list(range(len(gone)))
