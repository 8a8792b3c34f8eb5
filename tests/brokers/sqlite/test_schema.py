"""The tables of a store: made once, brought up to date as a whole, and of nobody else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gapless.brokers.sqlite import schema


def test_older_tables_are_brought_up_to_date(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    schema.prepare(connection, path)

    def migrate(database: sqlite3.Connection) -> None:
        database.execute("ALTER TABLE streams ADD COLUMN colour TEXT")

    migrations = {schema.VERSION: migrate}
    schema.prepare(connection, path, wanted=schema.VERSION + 1, migrations=migrations)
    assert connection.execute("SELECT colour FROM streams").fetchall() == []
    assert connection.execute("PRAGMA user_version").fetchall() == [(schema.VERSION + 1,)]
    connection.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    schema.prepare(connection, path)

    def migrate(database: sqlite3.Connection) -> None:
        database.execute("DELETE FROM meta")
        database.execute("SELECT nothing")

    with pytest.raises(sqlite3.OperationalError):
        schema.prepare(connection, path, wanted=schema.VERSION + 1, migrations={schema.VERSION: migrate})
    assert connection.execute("SELECT count(*) > 0 FROM meta").fetchall() == [(1,)]
    assert connection.execute("PRAGMA user_version").fetchall() == [(schema.VERSION,)]
    connection.close()
