"""Stores as the tests open them, and what is in their files."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gapless import Limits
from gapless.brokers.sqlite.address import Address, Tuning
from gapless.brokers.sqlite.broker import SqliteBroker
from gapless.brokers.sqlite.entries import Entry
from gapless.brokers.sqlite.journal import Journal
from gapless.brokers.sqlite.transaction import Transaction
from gapless.brokers.sqlite.writer import Chore

from ...support.clock import Clock
from ...support.until import DEADLINE
from ..harness import Harness

Open = Callable[..., Awaitable[Harness]]


WORKER = Path(__file__).with_name("worker.py")


def own(harness: Harness) -> SqliteBroker:
    assert isinstance(harness.broker, SqliteBroker)
    return harness.broker


async def settled(harness: Harness) -> None:
    """Everything that was put before has been done, and delivered."""
    await own(harness).remove_history("nothing of this name")


def rows(path: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


T = TypeVar("T")


@dataclass
class Doing:
    """A work that is a function of the transaction."""

    apply: Callable[[Transaction], Any]
    durable: bool = True


def do(journal: Journal, function: Callable[[Transaction], T]) -> T:
    """The answer of one work, committed."""
    _, (answer,) = journal.write([Doing(function)])
    found: T = answer
    return found


@contextmanager
def journal_of(path: Path, now: Clock | None = None, tuning: Tuning | None = None) -> Iterator[Journal]:
    """A store open for writing, without a thread and a loop; closed cleanly at the end."""
    journal = Journal(Address(path), Limits(), now or Clock(), tuning or Tuning())
    journal.open()
    try:
        yield journal
    finally:
        journal.close(cleanly=True)


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


def bound(pages: int) -> Chore:
    """Let the file have so many pages; 1 means as many as there are."""

    def chore(journal: Journal) -> list[Entry]:
        assert journal.connection is not None
        journal.connection.execute(f"PRAGMA max_page_count = {pages}")
        return []

    return chore
