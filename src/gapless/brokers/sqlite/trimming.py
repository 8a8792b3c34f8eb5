"""Letting go of a stream's oldest publications: what is too many bytes, too old, or all of it.

Moving `oldest` makes a publication unreadable at once. Deleting its row comes later, for many
together. Every function here runs inside a transaction that writes.
"""

from __future__ import annotations

import sqlite3

from . import words
from .streams import Stream


def keep_bytes(connection: sqlite3.Connection, stream: Stream, history_bytes: int) -> None:
    """Let go of the oldest until what is kept has no more payload bytes than these."""
    row = connection.execute(
        "SELECT offset, before FROM publications "
        "WHERE stream = ? AND offset >= ? AND (before >= ? OR offset = ?) ORDER BY offset LIMIT 1",
        (stream.id, stream.oldest, stream.appended - history_bytes, stream.top),
    ).fetchone()
    if row is not None:
        stream.drop_before(*row)


def keep_age(connection: sqlite3.Connection, stream: Stream, now: float) -> None:
    """Let go of the oldest until none is older than `history_age`."""
    if stream.history_age is None:
        return
    row = connection.execute(
        "SELECT offset, before FROM publications WHERE stream = ? AND offset >= ? AND time > ? "
        "ORDER BY offset LIMIT 1",
        (stream.id, stream.oldest, now - stream.history_age),
    ).fetchone()
    if row is None:
        stream.drop_all()
    else:
        stream.drop_before(*row)


def delete_dropped(connection: sqlite3.Connection, stream: Stream, at_most: int) -> None:
    """Delete rows that are no longer kept."""
    end = min(stream.oldest, stream.floor + at_most)
    words.unindex(connection, stream, end)
    connection.execute("DELETE FROM publications WHERE stream = ? AND offset < ?", (stream.id, end))
    stream.floor = end


def delete_stream(connection: sqlite3.Connection, stream: Stream) -> None:
    """Delete a stream with all that it keeps."""
    words.unindex(connection, stream, stream.top + 1)
    connection.execute("DELETE FROM publications WHERE stream = ?", (stream.id,))
    connection.execute("DELETE FROM streams WHERE id = ?", (stream.id,))
