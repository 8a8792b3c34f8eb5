"""How far a request was done that may be sent again."""

from __future__ import annotations

from gapless import Position
from gapless.doors.once import Once, Progress


def test_a_key_is_known_until_its_time_is_over() -> None:
    now = [0.0]
    once = Once(10.0, 100, lambda: now[0])
    first = once.progress("c", "k")
    assert once.progress("c", "k") is first
    assert once.progress("d", "k") is not first
    assert once.progress("c", None) is not once.progress("c", None)
    now[0] = 10.0
    assert once.progress("c", "k") is not first


def test_above_the_bound_the_oldest_is_forgotten() -> None:
    once = Once(10.0, 2, lambda: 0.0)
    first = once.progress("c", "1")
    second = once.progress("c", "2")
    once.progress("c", "3")
    assert once.progress("c", "2") is second
    assert once.progress("c", "1") is not first


def test_runs_without_a_hole_are_told_apart() -> None:
    progress = Progress()
    for offset in (1, 2, 5, 6, 9):
        progress.note(Position(offset, "E"))
    assert (progress.done, progress.runs) == (5, [[1, 2], [5, 6], [9, 9]])
    progress.note(Position(1, "F"))
    assert (progress.epoch, progress.runs) == ("F", [[1, 1]])
    progress.note(None)
    assert progress.done == 7
