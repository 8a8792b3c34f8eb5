"""Members that come and go faster than the presence store answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gapless import Hub, Member
from gapless.node.members import Members

from ..support.presence import FakePresence
from ..support.until import turns

pytestmark = pytest.mark.anyio


class Somebody:
    """Who joins; `current` until it gives up."""

    def __init__(self) -> None:
        self.current = True


@asynccontextmanager
async def presence() -> AsyncIterator[tuple[Hub, FakePresence, Members]]:
    store = FakePresence()
    store.hold("join", "leave")
    async with Hub(presence=store) as hub:
        yield hub, store, hub.node.members


def joining(members: Members, somebody: Somebody) -> asyncio.Task[None]:
    return asyncio.create_task(
        members.join("c", Member("anna"), announce=False, is_current=lambda: somebody.current)
    )


async def test_who_comes_back_while_it_leaves_is_there_in_the_end() -> None:
    async with presence() as (hub, store, members):
        first, again = Somebody(), Somebody()
        joins = joining(members, first)
        await store.answer("join")
        members.leave("c", "anna", announce=False)
        rejoins = joining(members, again)
        await store.answer("leave")
        await store.answer("join")
        await asyncio.gather(joins, rejoins)
        assert list(await hub.presence("c")) == ["anna"]
        assert list(hub.node.members) == [("c", "anna")]


async def test_who_leaves_before_its_join_was_answered_leaves_again_and_only_then_comes_back() -> None:
    async with presence() as (hub, store, members):
        first, again = Somebody(), Somebody()
        joins = joining(members, first)
        await turns()
        _, late = store.waiting.pop()
        first.current = False
        members.leave("c", "anna", announce=False)
        await turns()
        late.set_result(None)
        await joins
        rejoins = joining(members, again)
        await store.answer("leave")
        await store.answer("leave")
        await store.answer("join")
        await rejoins
        assert store.calls == ["join", "leave", "leave", "join"]
        assert list(await hub.presence("c")) == ["anna"]


async def test_who_gave_up_while_it_waited_to_come_back_stays_away() -> None:
    async with presence() as (hub, store, members):
        first, again = Somebody(), Somebody()
        joins = joining(members, first)
        await store.answer("join")
        members.leave("c", "anna", announce=False)
        rejoins = joining(members, again)
        await turns()
        again.current = False
        await store.answer("leave")
        await asyncio.gather(joins, rejoins)
        assert store.calls == ["join", "leave"]
        assert not hub.node.members


async def test_who_is_no_member_leaves_nothing() -> None:
    async with presence() as (_, store, members):
        members.leave("c", "anna", announce=False)
        await turns()
        assert not store.waiting
