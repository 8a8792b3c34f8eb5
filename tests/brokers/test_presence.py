"""Presence in one process: who is not heard of any more goes, and is announced as whoever leaves."""

from __future__ import annotations

import pytest

from gapless import Limits, MemoryBroker
from gapless.brokers.presence import MemoryPresence
from gapless.model import Member

from ..support.clock import Clock
from .harness import Harness

pytestmark = pytest.mark.anyio


def present(clock: Clock | None = None, *, presence_expiry: float = 60.0) -> Harness:
    limits = Limits(presence_expiry=presence_expiry)
    return Harness(MemoryBroker(limits), MemoryPresence(limits, now=clock or Clock()))


async def test_members_that_are_not_refreshed_are_gone() -> None:
    clock = Clock()
    harness = present(clock, presence_expiry=60.0)
    await harness.start()
    await harness.presence.join("c", Member("a"), announce=True)
    clock.now += 60
    harness.presence.expire(clock.now)
    assert await harness.presence.members("c") == {}
    assert harness.sink.members == [("join", "c", "a"), ("leave", "c", "a")]


async def test_several_that_expire_together_are_all_announced() -> None:
    clock = Clock()
    harness = present(clock)
    await harness.start()
    for client in "abc":
        await harness.presence.join("c", Member(client), announce=True)
    clock.now += 1000
    harness.presence.expire(clock.now)
    assert harness.sink.members[3:] == [("leave", "c", client) for client in "abc"]


async def test_those_of_a_silent_channel_go_silently() -> None:
    clock = Clock()
    harness = present(clock)
    await harness.start()
    await harness.presence.join("c", Member("a"), announce=False)
    clock.now += 1000
    harness.presence.expire(clock.now)
    assert harness.sink.members == []


async def test_refreshing_keeps_a_member_and_announces_nothing() -> None:
    clock = Clock()
    harness = present(clock, presence_expiry=60.0)
    await harness.start()
    await harness.presence.join("c", Member("a"), announce=True)
    for _ in range(5):
        clock.now += 25
        await harness.presence.join("c", Member("a"), announce=False)
        harness.presence.expire(clock.now)
    assert list(await harness.presence.members("c")) == ["a"]
    assert harness.sink.members == [("join", "c", "a")]


async def test_a_channel_without_members_is_forgotten() -> None:
    harness = present()
    assert isinstance(harness.presence, MemoryPresence)
    await harness.presence.join("c", Member("a"), announce=True)
    await harness.presence.leave("c", "a", announce=True)
    assert not harness.presence._channels
    assert not harness.presence._announced
