"""How late a loop is: measured while somebody asks, and right about who held it for how long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gapless.node.lag import ASKED_SECONDS, EVERY_SECONDS, KEPT_SECONDS, Lag

from ..support.virtual import VirtualLoop


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.end()


@pytest.fixture
def lag(loop: VirtualLoop) -> Lag:
    lag = Lag()
    loop.call(lag.begin)
    return lag


def test_nothing_is_measured_until_somebody_asks(loop: VirtualLoop, lag: Lag) -> None:
    loop.advance(10)
    assert not lag.is_measured
    assert lag.reading() is None
    assert lag.is_measured


def test_a_turn_that_holds_the_loop_is_the_longest_and_not_the_usual(loop: VirtualLoop, lag: Lag) -> None:
    lag.reading()
    loop.advance(10)
    loop.elapse(2.0)
    loop.settle()
    loop.advance(1)
    said = lag.reading()
    assert said is not None
    assert 2.0 - EVERY_SECONDS <= said.longest <= 2.0
    assert said.p50 == pytest.approx(0, abs=1e-3)
    assert said.p99 < 0.001, "one of two hundred"


def test_many_long_turns_are_in_what_99_of_100_wait(loop: VirtualLoop, lag: Lag) -> None:
    lag.reading()
    for _ in range(20):
        loop.advance(0.2)
        loop.elapse(0.3)
        loop.settle()
    said = lag.reading()
    assert said is not None
    assert said.p99 > 0.2


def test_what_is_longer_ago_than_a_minute_is_forgotten(loop: VirtualLoop, lag: Lag) -> None:
    lag.reading()
    loop.elapse(5)
    loop.settle()
    loop.advance(KEPT_SECONDS + 1)
    said = lag.reading()
    assert said is not None
    assert said.longest < 0.001


def test_after_a_while_without_a_question_it_rests_and_begins_anew(loop: VirtualLoop, lag: Lag) -> None:
    lag.reading()
    loop.elapse(5)
    loop.settle()
    loop.advance(ASKED_SECONDS + 1)
    assert not lag.is_measured
    assert lag.reading() is None, "what was before it rested is not told as what is now"


def test_the_end_of_the_node_is_the_end_of_it(loop: VirtualLoop, lag: Lag) -> None:
    lag.reading()
    lag.end()
    loop.advance(1)
    assert not lag.is_measured
