"""Which epochs a store goes on with: what a crash, a copy and long idleness change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gapless import ChannelOptions
from gapless.model import Position

from ...support.clock import Clock
from .opening import Open, killed_worker, rows, settled

pytestmark = pytest.mark.anyio


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
