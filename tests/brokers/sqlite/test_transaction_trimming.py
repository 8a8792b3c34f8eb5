"""What a stream lets go of: by bytes, by age, or all of it; the rows go later, in bites."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection

import pytest

from gapless import ChannelOptions
from gapless.brokers.sqlite.streams import Stream
from gapless.brokers.sqlite.transaction import (
    Transaction,
    delete_dropped,
    delete_stream,
    keep_age,
    keep_bytes,
)
from gapless.model import Draft

from ...support.clock import Clock
from .opening import do, journal_of, rows

OPTIONS = ChannelOptions(history=1000, history_age=60.0, search=True)
SIZES = (40, 30, 20, 10)


def trimmed(
    path: Path, trim: Callable[[Connection, Stream], object], clock: Clock | None = None
) -> tuple[int, int]:
    """`oldest` and the bytes before it, after it was done to a stream of four, a minute apart."""
    clock = clock or Clock()

    def apply(transaction: Transaction) -> tuple[int, int]:
        stream = transaction.stream("c", OPTIONS)
        trim(transaction.connection, stream)
        return stream.oldest, stream.dropped

    with journal_of(path, clock) as journal:
        for size in SIZES:
            do(journal, lambda t, size=size: t.publish("c", Draft(b"1" * size), OPTIONS))  # type: ignore[misc]
            clock.move(20.0)
        return do(journal, apply)


@pytest.mark.parametrize(
    ("allowed", "oldest"), [(100, 1), (99, 2), (60, 2), (59, 3), (30, 3), (10, 4), (9, 4), (0, 4)]
)
def test_no_more_bytes_are_kept_than_allowed_but_the_newest_is(path: Path, allowed: int, oldest: int) -> None:
    found = trimmed(path, lambda connection, stream: keep_bytes(connection, stream, allowed))
    assert found == (oldest, sum(SIZES[: oldest - 1]))


@pytest.mark.parametrize(("later", "oldest"), [(-1.0, 2), (0.0, 3), (20.0, 4), (39.0, 4), (40.0, 5)])
def test_none_is_kept_that_is_as_old_as_the_age(path: Path, later: float, oldest: int) -> None:
    # They came 80, 60, 40 and 20 seconds ago.
    clock = Clock()
    begun = clock.now
    found = trimmed(path, lambda connection, stream: keep_age(connection, stream, begun + 80 + later), clock)
    assert found == (oldest, sum(SIZES[: oldest - 1]))


def test_without_an_age_nothing_is_too_old(path: Path) -> None:
    def trim(connection: Connection, stream: Stream) -> None:
        stream.history_age = None
        keep_age(connection, stream, 1e12)

    assert trimmed(path, trim) == (1, 0)


def test_rows_are_deleted_in_bites_and_none_that_is_kept(path: Path) -> None:
    left = []

    def trim(connection: Connection, stream: Stream) -> None:
        stream.drop_before(4, 90)
        for _ in range(3):
            delete_dropped(connection, stream, at_most=2)
            found = connection.execute("SELECT offset FROM publications ORDER BY offset").fetchall()
            left.append([offset for (offset,) in found])

    trimmed(path, trim)
    assert left == [[3, 4], [4], [4]]


def test_a_stream_is_deleted_with_its_rows_and_no_other(path: Path) -> None:
    def fill(transaction: Transaction) -> None:
        for channel in ("c", "d"):
            for _ in range(3):
                transaction.publish(channel, Draft(b"1"), OPTIONS)

    def delete(transaction: Transaction) -> None:
        stream = transaction.find("c")
        assert stream is not None
        delete_stream(transaction.connection, stream)

    with journal_of(path) as journal:
        do(journal, fill)
        do(journal, delete)
    assert rows(path, "SELECT channel, top FROM streams") == [("d", 3)]
    assert rows(path, "SELECT count(*), min(stream) = max(stream) FROM publications") == [(3, 1)]
