"""What each process that has a store open says of itself, until it has not said so for too long."""

from __future__ import annotations

import sqlite3

from .store import Store
from .transaction import Transaction


class Reporting:
    """Keeps what a process says, and drops those that have said nothing for too long."""

    durable = False

    def __init__(self, uid: str, about: bytes, expires: float) -> None:
        self._row = uid, about, expires

    def apply(self, transaction: Transaction) -> None:
        transaction.connection.execute("DELETE FROM nodes WHERE expires <= ?", (transaction.now,))
        transaction.connection.execute("INSERT OR REPLACE INTO nodes VALUES (?, ?, ?)", self._row)


async def nodes(store: Store) -> dict[str, bytes]:
    """What all of them say, by their id. Raises BrokerError."""
    now = store.now()

    def read(connection: sqlite3.Connection) -> dict[str, bytes]:
        return dict(connection.execute("SELECT uid, about FROM nodes WHERE expires > ?", (now,)))

    return await store.read(read)
