"""The SQLite broker in one process: what survives in the file, what it lets go of, and what it tells."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gapless import BrokerError, ChannelOptions, Limits
from gapless.brokers.sqlite import SqliteBroker, Tuning, retention
from gapless.brokers.sqlite.streams import SLACK
from gapless.model import Member, Position

from ...support.clock import Clock
from ...support.until import DEADLINE
from ..harness import NOT_KEPT, Harness

pytestmark = pytest.mark.anyio

Open = Callable[..., Awaitable[Harness]]

WORKER = Path(__file__).with_name("worker.py")


def own(harness: Harness) -> SqliteBroker:
    assert isinstance(harness.broker, SqliteBroker)
    return harness.broker


async def settled(harness: Harness) -> None:
    """Everything that was put before has been done, and delivered."""
    await own(harness).remove_history("nothing of this name")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
async def open_store(path: Path) -> AsyncIterator[Open]:
    """Open a store; all that were opened are closed at the end."""
    opened: list[Harness] = []

    async def make(**arguments: Any) -> Harness:
        limits = arguments.pop("limits", Limits())
        broker = SqliteBroker(arguments.pop("at", path), limits, **arguments)
        harness = Harness(broker, broker.presence)
        opened.append(harness)
        await harness.start()
        return harness

    yield make
    for harness in opened:
        await harness.broker.close()


def rows(path: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@asynccontextmanager
async def killed_worker(
    path: Path, *arguments: str
) -> AsyncIterator[tuple[str, Callable[[], Awaitable[object]]]]:
    """A process that publishes until it is killed at the end; its epoch, and how to wait for some more."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), str(path), "w", "--at-once", "1", *arguments, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE):
            assert await process.stdout.readline() == b"ready\n"
            epoch = (await process.stdout.readline()).decode().split(" ")[2]
        yield epoch, process.stdout.readline
    finally:
        process.kill()
        await process.communicate()


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


class TestEpochs:
    """They change whenever continuity cannot be proven, and only then."""

    async def test_a_file_that_was_put_back_gets_new_ones(self, open_store: Open, path: Path) -> None:
        harness = await open_store()
        (old, *_) = await harness.fill("c", 2)
        await harness.broker.close()
        shutil.copy(path, path.with_name("backup"))
        harness = await open_store()
        await harness.fill("c", 3)
        await harness.broker.close()
        shutil.copy(path.with_name("backup"), path)
        harness = await open_store()
        page = await harness.history("c")
        assert page.top.epoch != old.epoch
        assert [p.position for p in page.publications] == [Position(n, page.top.epoch) for n in (1, 2)]

    async def test_so_does_one_of_this_very_life(self, open_store: Open, path: Path) -> None:
        """A copy made while it was open, put back after a crash: only the sequence tells."""
        copied = path.with_name("copied")
        async with killed_worker(path) as (old, more):
            rows(path, f"VACUUM INTO '{copied}'")
            await more()
        for name in ("app.db", "app.db-wal", "app.db-shm"):
            path.with_name(name).unlink(missing_ok=True)
        shutil.move(copied, path)
        again = await open_store()
        assert (await again.history("c", limit=0)).top.epoch != old

    async def test_so_does_one_without_its_side_file(self, open_store: Open, path: Path) -> None:
        harness = await open_store()
        (old,) = await harness.fill("c", 1)
        await harness.broker.close()
        path.with_name("app.db-life").unlink()
        harness = await open_store()
        assert (await harness.history("c", limit=0)).top.epoch != old.epoch

    @pytest.mark.parametrize("synchronous", ["full", "normal"])
    async def test_a_crash_of_the_process_changes_none(
        self, open_store: Open, path: Path, synchronous: str
    ) -> None:
        async with killed_worker(path, "--synchronous", synchronous) as (old, _):
            pass
        again = await open_store(synchronous=synchronous)
        assert (await again.history("c", limit=0)).top.epoch == old

    @pytest.mark.parametrize(("synchronous", "kept"), [("full", True), ("normal", False)])
    async def test_a_crash_of_the_machine_changes_those_that_were_not_flushed(
        self, open_store: Open, path: Path, monkeypatch: pytest.MonkeyPatch, synchronous: str, kept: bool
    ) -> None:
        async with killed_worker(path, "--synchronous", synchronous) as (old, _):
            pass
        monkeypatch.setattr("gapless.brokers.sqlite.journal.boot_id", lambda: "another")
        again = await open_store(synchronous=synchronous)
        assert ((await again.history("c", limit=0)).top.epoch == old) is kept

    async def test_a_clean_stop_before_the_machine_starts_anew_changes_none(
        self, open_store: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        harness = await open_store(synchronous="normal")
        (old,) = await harness.fill("c", 1)
        await harness.broker.close()
        monkeypatch.setattr("gapless.brokers.sqlite.journal.boot_id", lambda: "another")
        again = await open_store(synchronous="normal")
        assert (await again.history("c", limit=0)).top == old

    async def test_a_channel_that_nobody_uses_forgets_its_own(self, open_store: Open, path: Path) -> None:
        options = ChannelOptions(history=10, idle_expiry=100.0)
        clock = Clock()
        harness = await open_store(now=clock)
        (old,) = await harness.fill("idle", 1, options)
        await harness.fill("read", 1, options)
        await harness.fill("subscribed", 1, options)
        await harness.broker.subscribe("subscribed")
        clock.now += 60
        await harness.history("read", options)
        clock.now += 60
        harness.broker.expire(clock.now)
        await settled(harness)
        assert sorted(harness.broker.known()) == ["read", "subscribed"]
        assert rows(path, "SELECT count(*) FROM publications") == [(2,)]
        (new,) = await harness.fill("idle", 1, options)
        assert (new.offset, new.epoch != old.epoch) == (1, True)


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


class TestPages:
    async def test_the_same_question_gets_the_same_page_while_nothing_happens(self, open_store: Open) -> None:
        harness = await open_store()
        await harness.fill("c", 3)
        first = await harness.history("c", after=1)
        again = await harness.history("c", after=1)
        assert again.publications is first.publications
        await harness.publish("c")
        assert [p.offset for p in (await harness.history("c", after=1)).publications] == [2, 3, 4]
        await harness.broker.remove_history("c")
        assert (await harness.history("c", after=1)).publications == []
        assert (own(harness).reads, own(harness).shared_reads) == (4, 1)

    async def test_readers_cannot_write(self, open_store: Open) -> None:
        harness = await open_store()

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE streams SET top = 7")

        with pytest.raises(BrokerError, match="cannot be written"):
            await own(harness).store.read(write)


class TestGroups:
    async def test_what_comes_together_is_committed_together(self, open_store: Open) -> None:
        harness = await open_store()
        journal = own(harness).store._writer._journal  # type: ignore[union-attr]
        await harness.publish("c")
        before = journal.commits
        await asyncio.gather(*(harness.send(f"c{number % 7}") for number in range(200)))
        assert journal.commits - before <= 20

    async def test_what_cannot_be_stored_fails_alone(self, open_store: Open) -> None:
        harness = await open_store()
        good = [harness.send("c", b"%d" % number) for number in range(5)]
        bad = harness.send("c", version=2**70)
        later = [harness.send("c", b"%d" % number) for number in range(5, 10)]
        with pytest.raises(BrokerError, match="cannot be stored"):
            await bad
        positions = await asyncio.gather(*good, *later)
        assert [position.offset for position in positions if position] == list(range(1, 11))
        assert own(harness).unready() is None

    async def test_what_nobody_keeps_is_not_flushed(self, open_store: Open) -> None:
        harness = await open_store()
        journal = own(harness).store._writer._journal  # type: ignore[union-attr]
        await harness.publish("c")
        assert journal._synchronous == "FULL"
        await harness.publish("c", options=NOT_KEPT)
        assert journal._synchronous == "NORMAL"
        await harness.publish("c")
        assert journal._synchronous == "FULL"

    async def test_publishing_to_a_closed_store_fails(self, open_store: Open) -> None:
        harness = await open_store()
        await harness.broker.close()
        with pytest.raises(BrokerError, match="is not open"):
            await harness.publish("c")
        with pytest.raises(BrokerError, match="is not open"):
            await harness.history("c")
        assert "is not open" in (own(harness).unready() or "")


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
