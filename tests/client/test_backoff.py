"""How long to wait before the next attempt."""

from __future__ import annotations

from gapless.client.backoff import Backoff


def test_delays_double_up_to_a_bound() -> None:
    backoff = Backoff(first=1.0, longest=10.0, random=lambda: 1.0)
    assert [backoff.next() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_each_is_spread_over_its_upper_half() -> None:
    for chance, delay in ((0.0, 2.0), (0.5, 3.0), (1.0, 4.0)):
        backoff = Backoff(first=4.0, random=lambda chance=chance: chance)  # type: ignore[misc]
        assert backoff.next() == delay


def test_what_worked_begins_anew() -> None:
    backoff = Backoff(first=1.0, random=lambda: 1.0)
    backoff.next()
    backoff.next()
    backoff.reset()
    assert backoff.next() == 1.0


def test_it_can_go_on_for_ever() -> None:
    backoff = Backoff(first=0.1, longest=7.0, random=lambda: 1.0)
    assert [backoff.next() for _ in range(5000)][-1] == 7.0
