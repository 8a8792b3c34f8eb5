"""How fast something grows, by two looks."""

from __future__ import annotations

from gapless.core.growth import FORGET_SECONDS, LEAST_SECONDS, Growth


def test_the_first_look_knows_nothing_and_the_second_does() -> None:
    growth = Growth()
    assert growth.look(100.0, "a", 10, 1_000) is None
    assert growth.look(102.0, "a", 14, 1_500) == (2.0, 250.0)
    assert growth.look(104.0, "a", 14, 1_500) == (0.0, 0.0)


def test_who_looks_soon_after_somebody_else_is_told_the_same() -> None:
    growth = Growth()
    growth.look(100.0, "a", 0)
    assert growth.look(102.0, "a", 4) == (2.0,)
    assert growth.look(102.0 + LEAST_SECONDS / 2, "a", 400) == (2.0,)
    assert growth.look(104.0, "a", 400) == (198.0,)  # nothing of it was lost


def test_another_life_begins_anew_and_what_went_back_did_not_grow() -> None:
    growth = Growth()
    growth.look(100.0, "a", 50)
    assert growth.look(102.0, "b", 2) is None
    assert growth.look(104.0, "b", 1) == (0.0,)


def test_a_look_long_ago_says_nothing_about_now() -> None:
    growth = Growth()
    growth.look(100.0, "a", 0)
    assert growth.look(101.0, "a", 5) == (5.0,)
    assert growth.look(102.0 + FORGET_SECONDS, "a", 5_000) is None


def test_a_clock_that_was_set_back_makes_no_rate() -> None:
    growth = Growth()
    growth.look(100.0, "a", 0)
    assert growth.look(50.0, "a", 5) is None
    assert growth.look(52.0, "a", 9) == (2.0,)
