"""A token bucket: so many at once, so many a second."""

from __future__ import annotations

from gapless.core.rate import Rate


def test_a_burst_is_allowed_at_once_and_no_more() -> None:
    rate = Rate(1.0, 3)
    assert [rate.take(0.0) for _ in range(5)] == [True, True, True, False, False]


def test_it_fills_up_with_time() -> None:
    rate = Rate(2.0, 1)
    assert rate.take(0.0)
    assert not rate.take(0.4)
    assert rate.take(0.5)


def test_it_fills_up_to_the_burst_only() -> None:
    rate = Rate(10.0, 2)
    assert [rate.take(1000.0) for _ in range(3)] == [True, True, False]


def test_it_says_how_long_until_there_is_one() -> None:
    rate = Rate(4.0, 1)
    assert rate.wait(0.0) == 0.0
    rate.take(0.0)
    assert rate.wait(0.0) == 0.25
    assert rate.wait(0.25) == 0.0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    rate = Rate(1.0, 1)
    assert rate.take(100.0)
    assert not rate.take(50.0)


def test_nothing_a_second_means_never_again() -> None:
    rate = Rate(0.0, 1)
    assert rate.take(0.0)
    assert not rate.take(1e6)
    assert rate.wait(1e6) > 1e6
