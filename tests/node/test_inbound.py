"""What all peers together may have waiting: counted for each, given back, and the fullest goes first."""

from __future__ import annotations

import pytest

from gapless import Limits
from gapless.core.counters import Counters
from gapless.node.inbound import Inbound

pytestmark = pytest.mark.anyio


class Keeper:
    """Holds bytes of one peer."""

    def __init__(self, inbound: Inbound) -> None:
        self.given_up = 0
        self._inbound = inbound

    def hold(self, size: int) -> None:
        self._inbound.hold(self, size)

    def give_up(self) -> None:
        self.given_up += 1
        self.hold(0)


async def test_what_is_held_is_counted_once_and_given_back() -> None:
    inbound = Inbound(Limits(), Counters())
    one, other = Keeper(inbound), Keeper(inbound)
    for size in (10, 30, 20):
        one.hold(size)
    other.hold(5)
    assert inbound.used == 25
    one.hold(0)
    one.hold(0)
    other.hold(0)
    assert inbound.used == 0


async def test_at_the_bound_nobody_goes_and_one_past_it_the_fullest_does() -> None:
    inbound = Inbound(Limits(inbound_budget_bytes=100), Counters())
    keepers = [Keeper(inbound) for _ in range(3)]
    for keeper, size in zip(keepers, (20, 50, 30), strict=True):
        keeper.hold(size)
    assert (inbound.used, inbound.counters.inbound_full) == (100, 0)
    keepers[0].hold(21)
    assert [keeper.given_up for keeper in keepers] == [0, 1, 0]
    assert (inbound.used, inbound.counters.inbound_full) == (51, 1)


async def test_one_alone_that_holds_more_than_all_may_goes_itself() -> None:
    inbound = Inbound(Limits(inbound_budget_bytes=100), Counters())
    keeper = Keeper(inbound)
    keeper.hold(101)
    assert (keeper.given_up, inbound.used) == (1, 0)
