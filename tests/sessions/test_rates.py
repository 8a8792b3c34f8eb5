"""The rates of one client: how often it may do something, and what happens beyond."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gapless import ClientError, Disconnect, Limits
from gapless.errors import LimitExceeded, PermissionDenied, TokenExpired, TooManyRequests, UnknownChannel
from gapless.sessions.rates import Rates

from ..support.world import World

LIMITS = Limits(
    commands=10.0,
    commands_burst=2,
    subscribe_rate=1.0,
    subscribe_burst=2,
    publish_rate=1.0,
    publish_burst=3,
    read_rate=1.0,
    read_burst=4,
    rejected_commands=2,
)


@pytest.fixture
def world() -> Iterator[World]:
    world = World({}, limits=LIMITS)
    yield world
    world.close()


@pytest.fixture
def rates(world: World) -> Rates:
    return Rates(world.hub.node)


@pytest.mark.parametrize(("what", "burst"), [("subscribe", 2), ("publish", 3), ("read", 4)])
def test_a_burst_passes_and_one_more_is_refused(world: World, rates: Rates, what: str, burst: int) -> None:
    for _ in range(burst):
        rates.spend(what)
    with pytest.raises(TooManyRequests):
        rates.spend(what)
    assert world.hub.counters.rate_limited == 1
    world.loop.advance(1.0)
    rates.spend(what)


def test_what_is_spent_on_one_thing_is_not_spent_on_another(rates: Rates) -> None:
    rates.spend("subscribe")
    rates.spend("subscribe")
    rates.spend("publish")


def test_who_comes_too_fast_waits_for_its_turn(world: World, rates: Rates) -> None:
    for _ in range(2):
        world.loop.run(rates.throttle())
    before = world.loop.time()
    world.loop.run(rates.throttle())
    assert world.loop.time() - before == pytest.approx(0.1)
    assert world.hub.counters.rate_limited == 1


def test_who_keeps_at_it_is_closed(world: World, rates: Rates) -> None:
    before = world.loop.time()
    with pytest.raises(Disconnect) as closed:
        for _ in range(700):
            world.loop.run(rates.throttle())
    assert closed.value.code == 3013
    assert world.loop.time() - before == pytest.approx(LIMITS.commands_seconds, abs=0.2)


def test_who_calms_down_is_forgiven(world: World, rates: Rates) -> None:
    for _ in range(20):
        world.loop.run(rates.throttle())
        world.loop.run(rates.throttle())
        world.loop.run(rates.throttle())
        world.loop.advance(5.0)


def test_refusals_are_counted_and_end_the_connection(world: World, rates: Rates) -> None:
    for _ in range(2):
        rates.count_error(ClientError())
    with pytest.raises(Disconnect) as closed:
        rates.count_error(ClientError())
    assert (closed.value.code, closed.value.reason) == (3013, "too many errors")
    assert world.hub.counters.client_errors == 3
    assert world.hub.counters.bad_protocol == 1


USUAL = [TokenExpired(), UnknownChannel(), PermissionDenied(), LimitExceeded("channels", 1, 2)]


def test_refusals_that_sound_clients_meet_end_nothing(world: World, rates: Rates) -> None:
    for error in USUAL * 5:
        rates.count_error(error)
    assert world.hub.counters.client_errors == 20


def test_a_request_that_cannot_be_is_counted_whatever_the_bound_that_it_broke(
    world: World, rates: Rates
) -> None:
    with pytest.raises(Disconnect):
        for _ in range(3):
            rates.count_error(LimitExceeded("bytes of a channel's name", 255, 256, code=107))


def test_publishing_has_no_rate_unless_somebody_asks_for_one() -> None:
    assert Limits().publish_rate is None
    world = World({})
    try:
        rates = Rates(world.hub.node)
        for _ in range(1000):
            rates.spend("publish")
    finally:
        world.close()
