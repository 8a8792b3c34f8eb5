"""Stores as the tests open them, and what is in their files."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gapless.brokers.sqlite import SqliteBroker

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
