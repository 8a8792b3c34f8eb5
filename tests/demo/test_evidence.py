"""One sentence for a pattern, with the lines that show it."""

from __future__ import annotations

import pytest

from gapless.demo.definitions import Evidence
from gapless.demo.evidence import MAX_LINES, generator, in_lines, told


def test_each_mark_of_a_sentence_becomes_its_line() -> None:
    found = told("Pair", "It begins ({0}), ends ({1}) and begins again ({0}).", 3, 7)
    assert found == Evidence("Pair", "It begins (line 3), ends (line 7) and begins again (line 3).", (3, 7))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([3], "in line 3"),
        ([5, 3], "in lines 3 and 5"),
        ([9, 3, 5, 3], "in lines 3, 5 and 9"),
        (range(1, MAX_LINES + 1), "in lines 1, 2, 3, 4, 5 and 6"),
        (range(1, MAX_LINES + 3), "in lines 1, 2, 3, 4, 5, 6 and 2 more"),
    ],
)
def test_lines_are_named_once_in_order_and_many_are_counted(lines: list[int], said: str) -> None:
    assert in_lines(lines) == said


def test_the_lines_of_a_pattern_are_kept_as_they_are() -> None:
    assert generator([4, 2]) == Evidence("Iterator", "It is a generator: it yields in lines 2 and 4.", (4, 2))
