"""The SQLite broker in one process: what survives in the file, what it lets go of, and what it tells."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from gapless import Limits
from gapless.brokers.sqlite import retention
from gapless.brokers.sqlite.address import Tuning
from gapless.model import Member, Position

from ...support.clock import Clock
from ...support.until import DEADLINE
from ..harness import NOT_KEPT
from .opening import Open, own, rows, settled

pytestmark = pytest.mark.anyio


class TestSurviving:
    async def test_after_a_clean_stop_the_stream_goes_on(self, open_store: Open) -> None:
        first = await open_store()
        before = await first.fill("c", 3)
        await first.broker.close()
        again = await open_store()
        page = await again.history("c")
        assert [(p.position, p.payload) for p in page.publications] == [
            (position, b"%d" % number) for number, position in enumerate(before, 1)
        ]
        assert await again.publish("c") == Position(4, before[0].epoch)
        assert again.broker.known() == ["c"]

    async def test_a_clean_stop_leaves_one_whole_file(self, open_store: Open, path: Path) -> None:
        harness = await open_store()
        await harness.fill("c", 3)
        await harness.broker.close()
        assert not path.with_name("app.db-wal").exists()
        copy = path.with_name("copy.db")
        shutil.copy(path, copy)
        assert rows(copy, "SELECT count(*) FROM publications") == [(3,)]

    async def test_what_was_published_before_closing_is_stored(self, open_store: Open) -> None:
        harness = await open_store()
        sent = [harness.send("c", b"%d" % number) for number in range(500)]
        await harness.broker.close()
        assert [position.offset for position in await asyncio.gather(*sent) if position] == list(
            range(1, 501)
        )
        again = await open_store()
        assert (await again.history("c", limit=0)).top.offset == 500

    async def test_idempotency_keys_survive(self, open_store: Open) -> None:
        first = await open_store()
        position = await first.publish("c", b"1", idempotency_key="k")
        await first.broker.close()
        again = await open_store()
        assert await again.publish("c", b"1", idempotency_key="k") == position
        assert (await again.history("c", limit=0)).top == position

    async def test_after_their_time_keys_are_forgotten(self, open_store: Open, path: Path) -> None:
        clock = Clock()
        harness = await open_store(now=clock, limits=Limits(idempotency_seconds=10.0))
        await harness.publish("c", b"1", idempotency_key="k")
        clock.now += 11
        again = await harness.publish("c", b"2", idempotency_key="k")
        assert again is not None
        assert again.offset == 2
        clock.now += 11
        harness.broker.expire(clock.now)
        await settled(harness)
        assert rows(path, "SELECT count(*) FROM keys") == [(0,)]

    async def test_only_so_many_keys_are_kept(self, open_store: Open, path: Path) -> None:
        clock = Clock()
        harness = await open_store(now=clock, limits=Limits(idempotency_keys=3))
        for number in range(6):
            clock.now += 1
            await harness.publish("c", idempotency_key=str(number))
        await harness.broker.remove_history("c")  # so that there is something to let go of
        harness.broker.expire(clock.now)
        await settled(harness)
        assert rows(path, "SELECT key FROM keys ORDER BY key") == [("3",), ("4",), ("5",)]

    async def test_the_file_is_for_its_owner_only(self, open_store: Open, path: Path) -> None:
        before = os.umask(0)
        try:
            await open_store()
        finally:
            os.umask(before)
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


class TestSeveralBrokers:
    """Two of them on one file, as in two processes."""

    async def test_a_publication_of_one_reaches_the_other(self, open_store: Open) -> None:
        one, other = await open_store(), await open_store()
        await other.broker.subscribe("c")
        positions = await one.fill("c", 20)
        await other.sink.until(lambda: len(other.sink.of("c")) == 20)
        assert [p.position for p in other.sink.of("c")] == positions
        assert [p.payload for p in other.sink.of("c")] == [b"%d" % number for number in range(1, 21)]

    async def test_both_see_one_order_whoever_publishes(self, open_store: Open) -> None:
        both = [await open_store(), await open_store()]
        for harness in both:
            await harness.broker.subscribe("c")
        sent = [both[n % 2].send("c", b"%d" % n) for n in range(300)]
        positions = await asyncio.gather(*sent)
        assert sorted(position.offset for position in positions if position) == list(range(1, 301))
        for harness in both:
            await harness.sink.until(lambda harness=harness: len(harness.sink.of("c")) == 300)  # type: ignore[misc]
        one, other = ([(p.offset, p.payload) for p in harness.sink.of("c")] for harness in both)
        assert one == other
        assert [offset for offset, _ in one] == list(range(1, 301))

    async def test_a_lost_wake_up_is_made_up_for_by_the_clock(self, open_store: Open) -> None:
        one, other = await open_store(), await open_store()
        await other.broker.subscribe("c")
        own(one).store._wakeups.close()
        await one.publish("c", b"1")
        await other.sink.until(lambda: len(other.sink.of("c")) == 1)

    async def test_what_is_not_kept_reaches_the_other_as_well(self, open_store: Open) -> None:
        one, other = await open_store(), await open_store()
        await other.broker.subscribe("c")
        info = Member("client", "user", b'{"a":1}')
        await one.publish("c", b"1", NOT_KEPT, tags={"k": "v"}, info=info, exclude="client")
        await one.publish("c", b"2")
        await one.publish("c", b"3", skip_history=True)
        await other.sink.until(lambda: len(other.sink.of("c")) == 3)
        assert [(p.payload, p.offset) for p in other.sink.of("c")] == [(b"1", 0), (b"2", 1), (b"3", 0)]
        first = other.sink.of("c")[0]
        assert (first.tags, first.info, first.exclude) == ({"k": "v"}, info, "client")

    async def test_joins_and_leaves_reach_the_other(self, open_store: Open) -> None:
        one, other = await open_store(), await open_store()
        await other.broker.subscribe("c")
        await one.presence.join("c", Member("a", "u", b"1"), announce=True)
        assert await other.presence.members("c") == {"a": Member("a", "u", b"1")}
        await one.presence.leave("c", "a", announce=True)
        await other.sink.until(lambda: len(other.sink.members) == 2)
        assert other.sink.members == [("join", "c", "a"), ("leave", "c", "a")]

    async def test_each_knows_the_channels_of_the_other(self, open_store: Open) -> None:
        one, other = await open_store(), await open_store()
        await other.broker.subscribe("witness")
        await one.publish("new")
        await one.publish("witness")
        await other.sink.until(lambda: bool(other.sink.publications))
        assert set(other.broker.known()) == {"new", "witness"}

    async def test_keys_versions_and_numbers_are_common(self, open_store: Open) -> None:
        one, other = await open_store(), await open_store()
        first = await one.publish("c", b"1", idempotency_key="k", version=5)
        assert await other.publish("c", b"1", idempotency_key="k") == first
        assert await other.publish("c", b"2", version=5) == first
        assert first is not None
        assert await other.publish("c", b"3", version=6) == Position(2, first.epoch)
        assert await one.publish("c", b"4", version=6) == Position(2, first.epoch)

    async def test_whoever_was_stopped_for_long_is_told_that_it_missed_some(self, open_store: Open) -> None:
        one, other = await open_store(), await open_store(tuning=Tuning(read_on_entries=10))
        await other.broker.subscribe("c")
        gate = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stopped(_: Any) -> list[Any]:
            asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(DEADLINE)
            return []

        own(other).store.chore(stopped)
        await one.fill("c", 20)
        gate.set()
        await other.sink.until(lambda: other.sink.interruptions == 1)
        assert other.sink.of("c") == []
        await one.publish("c", b"after")
        await other.sink.until(lambda: [p.payload for p in other.sink.of("c")] == [b"after"])
        assert "c" in other.broker.known()

    async def test_notices_are_kept_for_a_while_only(self, open_store: Open, path: Path) -> None:
        clock = Clock()
        one, other = await open_store(now=clock), await open_store(now=clock)
        await one.publish("c", options=NOT_KEPT)
        await other.publish("c", options=NOT_KEPT)  # it knows by now that it is not alone
        assert rows(path, "SELECT count(*) > 0 FROM notices") == [(1,)]
        clock.now += retention.NOTICE_SECONDS + 1
        one.broker.expire(clock.now)
        await settled(one)
        assert rows(path, "SELECT count(*) FROM notices") == [(0,)]

    async def test_alone_it_writes_no_notices(self, open_store: Open, path: Path) -> None:
        one = await open_store()
        await one.publish("c", options=NOT_KEPT)
        assert rows(path, "SELECT count(*) FROM notices") == [(0,)]
        other = await open_store()
        await one.publish("c", options=NOT_KEPT)
        assert rows(path, "SELECT count(*) FROM notices") == [(1,)]
        await other.broker.close()
        one.broker.expire(1e9)  # looks around
        await one.publish("c", options=NOT_KEPT)
        assert rows(path, "SELECT count(*) FROM notices WHERE kind = 'publication'") == [(1,)]

    async def test_closing_one_leaves_the_other_at_work(self, open_store: Open) -> None:
        one, other = await open_store(), await open_store()
        (first,) = await one.fill("c", 1)
        await one.broker.close()
        assert await other.publish("c") == Position(2, first.epoch)
        again = await open_store()
        assert (await again.history("c", limit=0)).top == Position(2, first.epoch)
