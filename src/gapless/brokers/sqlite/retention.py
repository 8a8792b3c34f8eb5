"""What a store lets go of by itself: what is too old, and what nobody uses, in small bites."""

from __future__ import annotations

import sqlite3
from collections.abc import Set

from .transaction import Transaction, delete_dropped, keep_age

NOTICE_SECONDS = 30.0
"""How long a notice can be read. A process that was stopped for longer is told that it missed some."""

NOTICES = 20_000
"""More are not kept either."""

TOUCHED_AT = 0.5
"""A stream in use is marked as used when so much of its `idle_expiry` has passed."""


class Aging:
    """Lets go of what is too old: publications, keys and notices."""

    durable = False

    def __init__(self, lagging: set[str], idempotency_keys: int) -> None:
        self._lagging = lagging
        self._idempotency_keys = idempotency_keys

    def is_due(self, connection: sqlite3.Connection, now: float) -> bool:
        return bool(self._lagging) or any(
            connection.execute(f"SELECT EXISTS ({query})", values).fetchone()[0]
            for query, values in (
                (_TOO_OLD, (now,)),
                ("SELECT 1 FROM keys WHERE expires <= ?", (now,)),
                ("SELECT 1 FROM notices WHERE time <= ?", (now - NOTICE_SECONDS,)),
                ("SELECT 1 FROM notices LIMIT 1 OFFSET ?", (NOTICES,)),
            )
        )

    def apply(self, transaction: Transaction) -> None:
        connection, now = transaction.connection, transaction.now
        for (channel,) in connection.execute(
            f"{_TOO_OLD} LIMIT ?", (now, transaction.tuning.delete_rows)
        ).fetchall():
            stream = transaction.find(channel)
            if stream is not None:
                keep_age(connection, stream, now)
                transaction.change(stream)
                self._lagging.add(channel)
        left = transaction.tuning.delete_rows
        for channel in list(self._lagging):
            stream = transaction.find(channel)
            if stream is not None and stream.lagging and left > 0:
                left -= min(stream.lagging, left)
                delete_dropped(connection, stream, transaction.tuning.delete_rows)
                transaction.change(stream)
            if stream is None or not stream.lagging:
                self._lagging.discard(channel)
        connection.execute("DELETE FROM keys WHERE expires <= ?", (now,))
        connection.execute(
            "DELETE FROM keys WHERE (channel, key) IN "
            "(SELECT channel, key FROM keys ORDER BY expires DESC LIMIT -1 OFFSET ?)",
            (self._idempotency_keys,),
        )
        self._delete_notices(connection, now)

    def _delete_notices(self, connection: sqlite3.Connection, now: float) -> None:
        (last,) = connection.execute(
            "SELECT max(coalesce((SELECT max(seq) FROM notices WHERE time <= ?), 0), "
            "coalesce((SELECT seq FROM notices ORDER BY seq DESC LIMIT 1 OFFSET ?), 0))",
            (now - NOTICE_SECONDS, NOTICES),
        ).fetchone()
        if last:
            connection.execute("DELETE FROM notices WHERE seq <= ?", (last,))
            connection.execute("UPDATE meta SET value = ? WHERE name = 'noticed'", (last,))


_TOO_OLD = (
    "SELECT s.channel FROM streams s JOIN publications p ON p.stream = s.id AND p.offset = s.oldest "
    "WHERE s.history_age IS NOT NULL AND p.time <= ? - s.history_age"
)


class Forgetting:
    """Forgets streams that nobody uses, and marks those that are used here as used."""

    durable = False

    def __init__(self, in_use: Set[str]) -> None:
        self._in_use = in_use

    def is_due(self, connection: sqlite3.Connection, now: float) -> bool:
        return bool(connection.execute(f"{_IDLE} LIMIT 1", (TOUCHED_AT, now)).fetchall())

    def apply(self, transaction: Transaction) -> None:
        now = transaction.now
        left = transaction.tuning.delete_rows
        for (channel,) in transaction.connection.execute(_IDLE, (TOUCHED_AT, now)).fetchall():
            stream = transaction.find(channel)
            if stream is None:
                continue
            if channel in self._in_use:
                stream.used_at = now
                transaction.change(stream)
            elif stream.used_at + stream.idle_expiry <= now and left > 0:
                left -= stream.top - stream.floor + 1
                transaction.forget(stream)


_IDLE = "SELECT channel FROM streams WHERE used_at + idle_expiry * ? <= ?"


class Removing:
    """Drops what a channel keeps; offset and epoch go on."""

    durable = True

    def __init__(self, channel: str) -> None:
        self._channel = channel

    def apply(self, transaction: Transaction) -> None:
        stream = transaction.find(self._channel)
        if stream is not None:
            stream.drop_all()
            transaction.change(stream)
