"""What a node does by itself, and what it does not hold on to meanwhile."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from gapless import Hub, Limits

from ..support.somebody import Somebody
from ..support.until import until

pytestmark = pytest.mark.anyio

OFTEN = Limits(housekeeping=0.01)


class Visitor(Somebody):
    """A session that counts how often it was checked."""

    def __init__(self, client: str, fails: bool = False) -> None:
        super().__init__(client)
        self.checked = 0
        self.fails = fails

    def check(self, now: float) -> None:
        self.checked += 1
        if self.fails:
            raise RuntimeError("planted")


async def test_housekeeping_holds_no_session_while_it_sleeps() -> None:
    async with Hub(limits=OFTEN) as hub:
        visitors = [Visitor("one")]
        hub.node.roster.add(visitors[0])
        await until(lambda: visitors[0].checked)
        left = weakref.ref(visitors[0])
        hub.node.roster.discard(visitors.pop())
        gc.collect()
        await until(lambda: left() is None, "the session to be freed")


async def test_a_check_that_fails_keeps_no_other_from_being_done(caplog: pytest.LogCaptureFixture) -> None:
    async with Hub(limits=OFTEN) as hub:
        visitors = [Visitor(str(n), fails=n % 2 == 0) for n in range(4)]
        for visitor in visitors:
            hub.node.roster.add(visitor)
        await until(lambda: all(visitor.checked > 1 for visitor in visitors))
        for visitor in visitors:
            hub.node.roster.discard(visitor)
    assert "a session's check" in caplog.text


async def test_many_sessions_are_checked_with_turns_for_others_between() -> None:
    async with Hub(limits=OFTEN) as hub:
        visitors = [Visitor(str(n)) for n in range(2_500)]
        for visitor in visitors:
            hub.node.roster.add(visitor)
        halves: set[int] = set()
        while not visitors[-1].checked:
            halves.add(sum(1 for visitor in visitors if visitor.checked))
            await asyncio.sleep(0)
        assert len(halves) > 1, "nobody else had a turn while all were checked"
        for visitor in visitors:
            hub.node.roster.discard(visitor)
