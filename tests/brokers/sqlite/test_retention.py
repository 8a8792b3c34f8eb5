"""What a store lets go of by itself: what is too old, too much, and what nobody uses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gapless import ChannelOptions
from gapless.brokers.sqlite.address import Tuning
from gapless.brokers.sqlite.streams import SLACK

from ...support.clock import Clock
from .opening import Open, rows, settled

pytestmark = pytest.mark.anyio


class TestLettingGo:
    async def test_rows_that_are_no_longer_kept_are_deleted_together(
        self, open_store: Open, path: Path
    ) -> None:
        options = ChannelOptions(history=5)
        harness = await open_store()
        await asyncio.gather(*(harness.send("c", b"1", options) for _ in range(20)))
        assert [p.offset for p in (await harness.history("c", options)).publications] == [16, 17, 18, 19, 20]
        assert rows(path, "SELECT count(*) FROM publications") == [(20,)]
        await asyncio.gather(*(harness.send("c", b"1", options) for _ in range(SLACK)))
        assert rows(path, "SELECT count(*) < 300 FROM publications") == [(1,)]
        harness.broker.expire(0.0)
        await settled(harness)
        assert rows(path, "SELECT count(*) FROM publications") == [(5,)]

    async def test_much_is_deleted_in_bites(self, open_store: Open, path: Path) -> None:
        harness = await open_store(tuning=Tuning(delete_rows=10))
        await harness.fill("c", 25)
        await harness.broker.remove_history("c")
        left = []
        for _ in range(3):
            harness.broker.expire(0.0)
            await settled(harness)
            left += rows(path, "SELECT count(*) FROM publications")
        assert left == [(15,), (5,), (0,)]

    async def test_what_is_too_old_is_not_read_and_then_deleted(self, open_store: Open, path: Path) -> None:
        options = ChannelOptions(history=100, history_age=10.0, idle_expiry=100.0)
        clock = Clock()
        harness = await open_store(now=clock)
        await harness.fill("c", 2, options)
        clock.now += 5
        await harness.fill("c", 1, options)
        clock.now += 5
        page = await harness.history("c", options)
        assert ([p.offset for p in page.publications], page.oldest) == ([3], 3)
        clock.now += 5
        page = await harness.history("c", options)
        assert (page.publications, page.oldest, page.top.offset) == ([], 4, 3)
        harness.broker.expire(clock.now)
        await settled(harness)
        assert rows(path, "SELECT count(*) FROM publications") == [(0,)]

    async def test_fewer_are_kept_as_soon_as_the_options_say_so(self, open_store: Open) -> None:
        harness = await open_store()
        await harness.fill("c", 10)
        small = ChannelOptions(history=3)
        await harness.publish("c", b"1", small)
        assert [p.offset for p in (await harness.history("c", small)).publications] == [9, 10, 11]

    async def test_bytes_are_counted_exactly_after_removing_and_trimming(self, open_store: Open) -> None:
        options = ChannelOptions(history=4, history_bytes=1000)
        harness = await open_store()
        for size in (400, 10, 10, 10, 10, 400, 500, 400):
            await harness.publish("c", b"1" * size, options)
        assert [p.offset for p in (await harness.history("c", options)).publications] == [7, 8]
        await harness.broker.remove_history("c")
        await harness.publish("c", b"1" * 600, options)
        await harness.publish("c", b"1" * 400, options)
        assert [p.offset for p in (await harness.history("c", options)).publications] == [9, 10]
