"""Pages of history, read on connections that only read, in threads beside the one that writes."""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from ...model import Position, Publication
from .entries import publication

READERS = 2
"""Connections that read at the same time."""

ROWS_AT_ONCE = 4_096
"""Publications in one page that is bounded by bytes."""

LARGEST = 2**63 - 1
"""What SQLite has room for; with a larger number no statement can be asked at all."""

T = TypeVar("T")


class Request(NamedTuple):
    """What is asked for, as in `Broker.history`. `age` is the time before which nothing is shown."""

    channel: str
    after: int | None
    limit: int | None
    max_bytes: int | None
    reverse: bool
    age: float | None


class Page(NamedTuple):
    """What a stream keeps of that, and where it stands. `stamp` differs whenever a page may."""

    publications: list[Publication] | None
    top: Position
    oldest: int

    @property
    def stamp(self) -> tuple[Position, int]:
        return self.top, self.oldest


class Readers:
    """A few connections that read, each used by one thread at a time."""

    def __init__(self, path: Path, patience: float) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._patience = patience
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="gapless-sqlite-read")

    @property
    def threads(self) -> ThreadPoolExecutor:
        """Where reading waits for the disk."""
        return self._threads

    def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Call it with a connection, inside one transaction that reads. Runs in one of the threads."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._connect()
        try:
            connection.execute("BEGIN")
            try:
                return function(connection)
            finally:
                connection.execute("COMMIT")
        finally:
            self._idle.put(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._uri, uri=True, timeout=self._patience, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA mmap_size = 0")
        connection.execute("PRAGMA query_only = 1")
        return connection

    def close(self) -> None:
        """Wait for what is read just now, and close. Blocks: call it in another thread."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return


def read_page(
    connection: sqlite3.Connection, request: Request, is_known: Callable[[Page], bool]
) -> Page | None:
    """A page; None when the channel has no stream. Without publications when its stamp is known."""
    row = connection.execute(
        "SELECT id, epoch, top, oldest FROM streams WHERE channel = ?", (request.channel,)
    ).fetchone()
    if row is None:
        return None
    stream, epoch, top, oldest = row
    if request.age is not None:
        oldest = _oldest_of_age(connection, stream, top, oldest, request.age)
    page = Page(None, Position(top, epoch), oldest)
    if request.limit == 0:
        return page._replace(publications=[])
    if is_known(page):
        return page
    rows = _rows(connection, request, stream, oldest)
    found = [publication(payload, offset, epoch, time, labels) for offset, time, labels, payload in rows]
    return page._replace(publications=found)


def _oldest_of_age(connection: sqlite3.Connection, stream: int, top: int, oldest: int, age: float) -> int:
    row = connection.execute(
        "SELECT offset FROM publications WHERE stream = ? AND offset >= ? AND time > ? "
        "ORDER BY offset LIMIT 1",
        (stream, oldest, age),
    ).fetchone()
    return top + 1 if row is None else int(row[0])


def _rows(
    connection: sqlite3.Connection, request: Request, stream: int, oldest: int
) -> list[tuple[int, float, str | None, bytes]]:
    limit = -1 if request.limit is None else min(request.limit, _BEYOND)
    if request.max_bytes is not None:
        limit = ROWS_AT_ONCE if limit < 0 else min(limit, ROWS_AT_ONCE)
    if request.reverse:
        query, bounds = _BACKWARDS, (stream, oldest, _BEYOND if request.after is None else request.after)
    else:
        query, bounds = (
            _FORWARDS,
            (stream, max(oldest, 0 if request.after is None else min(request.after + 1, _BEYOND)), _BEYOND),
        )
    cursor = connection.execute(query, (*bounds, limit))
    if request.max_bytes is None:
        return cursor.fetchall()
    rows: list[tuple[int, float, str | None, bytes]] = []
    size = 0
    for row in cursor:
        size += len(row[3]) + len(row[2] or "")
        if rows and size > request.max_bytes:
            break
        rows.append(row)
    cursor.close()
    return rows


_BEYOND = LARGEST
_SELECT = (
    "SELECT offset, time, labels, payload FROM publications "
    "WHERE stream = ? AND offset >= ? AND offset < ? ORDER BY offset"
)
_FORWARDS = f"{_SELECT} LIMIT ?"
_BACKWARDS = f"{_SELECT} DESC LIMIT ?"
