"""An open store on its loop: opened once, read and written until it is closed, and opened again."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gapless import BrokerError, Limits
from gapless.brokers.sqlite.address import Address, Tuning
from gapless.brokers.sqlite.store import Store
from gapless.brokers.sqlite.writer import Batch
from gapless.model import Draft

from ...support.clock import Clock
from ...support.until import DEADLINE, until
from ..harness import KEPT
from .opening import Doing

pytestmark = pytest.mark.anyio

PUBLISHING = Doing(lambda transaction: transaction.publish("c", Draft(b"1"), KEPT))


class Taking:
    """A store, and who takes its batches: all of each at once."""

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self.entries: list[str] = []
        self.store = Store(Address(path), limits or Limits(), Clock(), Tuning(), self._take)

    def _take(self, batch: Batch) -> None:
        self.entries += [channel for channel, _ in batch.entries]
        for answer, given in batch.answered:
            answer.resolve(given)
        for answer, error in batch.failed:
            answer.fail(error)
        self.store.delivered(len(batch))


@pytest.fixture
async def taking(path: Path) -> AsyncIterator[Taking]:
    opened = Taking(path)
    await opened.store.open()
    yield opened
    await opened.store.close()


def count(connection: sqlite3.Connection) -> int:
    (found,) = connection.execute("SELECT count(*) FROM publications").fetchone()
    return int(found)


async def test_what_was_written_is_read_and_passed_on(taking: Taking) -> None:
    position = await taking.store.call(PUBLISHING)
    assert position.offset == 1
    assert await taking.store.read(count) == 1
    assert taking.entries == ["c", "c"]  # born, published


async def test_it_opens_once_at_a_time(taking: Taking, path: Path) -> None:
    with pytest.raises(BrokerError, match="is open already"):
        await taking.store.open()
    await taking.store.call(PUBLISHING)
    await taking.store.close()
    assert await taking.store.open() == ["c"]


async def test_closed_everything_says_so(path: Path) -> None:
    store = Taking(path).store
    for refused in (store.call(PUBLISHING), store.read(count)):
        with pytest.raises(BrokerError, match="is not open"):
            await refused
    assert "is not open" in (store.unready() or "")
    store.chore(lambda journal: [])  # for nobody
    await store.close()


async def test_what_was_put_is_done_before_it_closes(taking: Taking) -> None:
    written = [asyncio.ensure_future(taking.store.call(PUBLISHING)) for _ in range(20)]
    await asyncio.sleep(0)
    await taking.store.close()
    assert [position.offset for position in await asyncio.gather(*written)] == list(range(1, 21))


async def test_what_sqlite_says_is_explained(taking: Taking) -> None:
    with pytest.raises(BrokerError, match=r"app\.db"):
        await taking.store.read(lambda connection: connection.execute("SELECT * FROM nowhere"))
    with pytest.raises(BrokerError, match="cannot be stored"):
        await taking.store.call(Doing(lambda t: t.connection.execute("SELECT * FROM nowhere")))
    assert taking.store.unready() is None


async def test_whoever_stopped_waiting_does_not_disturb_the_others(taking: Taking) -> None:
    given_up = asyncio.ensure_future(taking.store.call(PUBLISHING))
    await asyncio.sleep(0)
    given_up.cancel()
    position = await taking.store.call(PUBLISHING)
    assert position.offset == 2


async def test_a_failed_opening_leaves_it_closed(path: Path) -> None:
    store = Taking(path / "deeper").store
    with pytest.raises(BrokerError, match="is no directory"):
        await store.open()
    path.mkdir()
    await store.open()
    assert store.unready() is None
    await store.close()


async def test_two_on_one_file_wake_each_other_through_one_directory(taking: Taking, path: Path) -> None:
    other = Taking(path)
    await other.store.open()
    try:
        assert other.store.directory == taking.store.directory
        assert other.store.directory is not None
        await taking.store.call(PUBLISHING)
        await until(lambda: other.entries == ["c", "c"])  # born, published
    finally:
        await other.store.close()


async def test_one_that_hangs_is_not_ready(path: Path) -> None:
    hanging = Taking(path, Limits(broker_seconds=0.01))
    await hanging.store.open()
    gate, loop = asyncio.Event(), asyncio.get_running_loop()

    def hang(_: Any) -> list[Any]:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(DEADLINE)
        return []

    hanging.store.chore(hang)
    try:
        await until(lambda: "has not answered" in (hanging.store.unready() or ""))
    finally:
        gate.set()
        await hanging.store.close()
