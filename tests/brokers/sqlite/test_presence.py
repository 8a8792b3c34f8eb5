"""Who is present in a store that several processes share."""

from __future__ import annotations

import pytest

from gapless import Limits
from gapless.model import Member

from ...support.clock import Clock
from .opening import Open, settled

pytestmark = pytest.mark.anyio


class TestPresence:
    async def test_who_is_not_refreshed_in_time_is_gone_and_announced(self, open_store: Open) -> None:
        clock = Clock()
        harness = await open_store(now=clock, limits=Limits(presence_expiry=60.0))
        await harness.broker.subscribe("c")
        for client in ("dead", "alive"):
            await harness.presence.join("c", Member(client), announce=True)
        await harness.presence.join("c", Member("silent"), announce=False)
        clock.now += 40
        await harness.presence.join("c", Member("alive"), announce=False)  # as a refresh is
        clock.now += 40
        harness.presence.expire(clock.now)
        await settled(harness)
        assert list(await harness.presence.members("c")) == ["alive"]
        assert harness.sink.members[2:] == [("leave", "c", "dead")]
        clock.now += 61
        harness.presence.expire(clock.now)
        await settled(harness)
        assert harness.sink.members[3:] == [("leave", "c", "alive")]

    async def test_an_older_clock_does_not_shorten_a_lease(self, open_store: Open) -> None:
        clock = Clock()
        harness = await open_store(now=clock)
        await harness.presence.join("c", Member("a"), announce=False)
        clock.now -= 1000
        await harness.presence.join("c", Member("a"), announce=False)
        harness.presence.expire(clock.now + 1050)
        await settled(harness)
        assert list(await harness.presence.members("c")) == ["a"]
