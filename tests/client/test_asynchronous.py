"""The publisher for asyncio: who waits for room, or for the end, holds no loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import AsyncPublisher, Overloaded, Position
from gapless.client.backoff import Backoff
from gapless.client.outgoing import ENTRY_BYTES
from gapless.client.remote import Remote
from gapless.client.ways import HttpWay

from ..support.until import DEADLINE, until
from .scripted import publications

pytestmark = pytest.mark.anyio


def publisher(url: str, **options: Any) -> AsyncPublisher:
    way = HttpWay(Remote.parse(url, "secret"), backoff=Backoff(first=0.0, longest=0.0))
    return AsyncPublisher(way, report=lambda line: None, **{"close_timeout": 0.0, **options})


async def test_who_publishes_into_what_is_full_waits_and_the_loop_goes_on() -> None:
    async with publications() as api, publisher(api.url, max_bytes=2 * ENTRY_BYTES) as out:
        api.answer.clear()
        first = await out.publish("logs", 1)
        await out.publish("logs", 2)
        third = asyncio.create_task(out.publish("logs", 3))
        await until(lambda: api.requests)
        assert not third.done()
        api.answer.set()
        async with asyncio.timeout(DEADLINE):
            assert [await first, await (await third)] == [Position(1, "E"), Position(3, "E")]
        assert api.taken == [1, 2, 3]


async def test_or_is_told_at_once_where_that_is_asked_for() -> None:
    async with publications() as api, publisher(api.url, max_bytes=ENTRY_BYTES, overflow="raise") as out:
        api.answer.clear()
        await out.publish("logs", 1)
        with pytest.raises(Overloaded):
            await out.publish("logs", 2)
        api.answer.set()
        assert await out.flush(DEADLINE) == 0


async def test_a_flush_and_a_close_that_end_too_early_say_how_many_still_wait() -> None:
    async with publications() as api:
        out = publisher(api.url)
        api.answer.clear()
        for number in range(3):
            await out.publish("logs", number)
        assert await out.flush(0.0) == 3
        assert await out.close() == 3
        with pytest.raises(ValueError, match="closed"):
            await out.publish("logs", 4)
        api.answer.set()


async def test_a_flush_that_is_given_up_leaves_the_others_waiting() -> None:
    async with publications() as api, publisher(api.url) as out:
        api.answer.clear()
        await out.publish("logs", 1)
        gone, stays = asyncio.create_task(out.flush()), asyncio.create_task(out.flush(DEADLINE))
        await until(lambda: api.requests)
        gone.cancel()
        api.answer.set()
        assert await stays == 0
        with pytest.raises(asyncio.CancelledError):
            await gone
