"""Search in what channels keep: the index is brought up to date first, then asked, newest first.

Publishing does not wait for the index. It is built between the groups that are written, a bite at
a time, and at the latest by whoever searches.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from typing import NamedTuple

from ...core.levels import spellings
from ...errors import BrokerError
from ...model import Matches, Position
from ...options import ChannelOptions
from . import words
from .address import Tuning
from .entries import Entry, publication
from .journal import Journal
from .pages import LARGEST
from .store import Store
from .transaction import Transaction


class Indexing:
    """Puts some publications of the channels that want it into the index."""

    durable = False

    def is_due(self, connection: sqlite3.Connection, now: float) -> bool:
        return bool(connection.execute(f"SELECT EXISTS ({_WANTING})").fetchone()[0])

    def apply(self, transaction: Transaction) -> None:
        for (channel,) in transaction.connection.execute(f"{_WANTING} LIMIT 4").fetchall():
            stream = transaction.find(channel)
            if stream is not None:
                words.index(transaction.connection, stream, transaction.tuning.index_rows)
                transaction.change(stream)


_WANTING = "SELECT channel FROM streams WHERE search = 1 AND indexed < top"


class Indexer:
    """Builds the index beside everything else: a bite, then whoever waits to write, then the next."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running = False

    def begin(self) -> None:
        """Go on until nothing is missing; nothing, while that is under way."""
        if not self._running:
            self._running = True
            self._store.chore(self._bite)

    def _bite(self, journal: Journal) -> list[Entry]:
        self._running = False  # also when it fails now: the next call begins again
        commits = journal.commits
        entries = journal.tend(Indexing(), self._store.now())
        if journal.commits != commits:
            self.begin()
        return entries


class IndexingOne:
    """Puts some publications of one channel into the index; how many are still missing."""

    durable = False

    def __init__(self, channel: str, options: ChannelOptions) -> None:
        self._channel = channel
        self._options = options

    def apply(self, transaction: Transaction) -> int:
        stream = transaction.find(self._channel)
        if stream is None or (stream.indexed >= stream.top and stream.search):
            return 0
        stream = transaction.stream(self._channel, self._options)
        words.index(transaction.connection, stream, transaction.tuning.index_rows)
        return stream.top - stream.indexed


async def index_all(store: Store, channel: str, options: ChannelOptions) -> None:
    """Bring the index up to what the channel keeps now. Raises BrokerError when that takes too long."""

    def missing(connection: sqlite3.Connection) -> int:
        query = "SELECT top - indexed FROM streams WHERE channel = ?"
        row = connection.execute(query, (channel,)).fetchone()
        return 0 if row is None else int(row[0])

    loop = asyncio.get_running_loop()
    until = loop.time() + store.tuning.search_seconds
    left = await store.read(missing)
    while left > 0:
        left = await store.call(IndexingOne(channel, options))
        if left > 0 and loop.time() >= until:
            raise BrokerError(
                f"{left} publications of {channel!r} are not in the search index yet; ask again in a while"
            )


class Search(NamedTuple):
    """What somebody looks for in one channel. Times are Unix seconds: from `since`, and before `until`."""

    channel: str
    query: str
    before: int | None
    limit: int
    since: float | None
    until: float | None
    level: str | None

    def run(self, connection: sqlite3.Connection, tuning: Tuning) -> Matches:
        """Raises BrokerError when it has to look at too much."""
        row = connection.execute(
            "SELECT id, epoch, top, oldest FROM streams WHERE channel = ?", (self.channel,)
        ).fetchone()
        if row is None:
            return Matches([], Position(0, ""), False)
        stream, epoch, top, oldest = row
        query, values = self._statement(connection, stream, top, oldest)
        until = time.monotonic() + tuning.search_seconds
        connection.set_progress_handler(lambda: time.monotonic() >= until, tuning.search_steps)
        try:
            rows = connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            raise BrokerError(
                f"the search took longer than {tuning.search_seconds:g} s: "
                "look for more words, or in a shorter time"
            ) from None
        finally:
            connection.set_progress_handler(None, 0)
        found = [publication(payload, offset, epoch, at, labels) for offset, at, labels, payload in rows]
        return Matches(found[: self.limit], Position(top, epoch), len(found) > self.limit)

    def _statement(
        self, connection: sqlite3.Connection, stream: int, top: int, oldest: int
    ) -> tuple[str, list[object]]:
        before = top + 1 if self.before is None else min(self.before, LARGEST)
        conditions = ["p.stream = ?", "p.offset >= ?", "p.offset < ?"]
        values: list[object] = [stream, oldest, before]
        if self.since is not None:
            conditions.append("p.time >= ?")
            values.append(self.since)
        if self.until is not None:
            conditions.append("p.time < ?")
            values.append(self.until)
        levels = () if self.level is None else spellings(self.level)
        if levels:
            conditions.append(f"lower({_LEVEL}) IN ({', '.join('?' * len(levels))})")
            values += levels
        # The level is a word of the record as well, so the index finds it faster than its place does.
        expression = words.expression(stream, self.query, levels)
        if expression is None:
            source, order = "publications p", "p.offset"
        else:
            source, order = "words w JOIN publications p ON p.seq = w.rowid", "w.rowid"
            conditions.append("w.words MATCH ?")
            values.append(expression)
            newest = self._newest(connection, stream, before)
            conditions.append("w.rowid <= ?")
            values.append(newest)
        found = f"SELECT p.offset, p.time, p.labels, p.payload FROM {source}"  # noqa: S608 - our own words
        query = f"{found} WHERE {' AND '.join(conditions)} ORDER BY {order} DESC LIMIT ?"
        return query, [*values, self.limit + 1]

    def _newest(self, connection: sqlite3.Connection, stream: int, before: int) -> int:
        row = connection.execute(
            "SELECT seq FROM publications WHERE stream = ? AND offset < ? ORDER BY offset DESC LIMIT 1",
            (stream, before),
        ).fetchone()
        return 0 if row is None else int(row[0])


_LEVEL = "json_extract(CAST(p.payload AS TEXT), '$.level')"
