"""The tables of a store, and how older ones become like these.

`seq` is the sequence: one number for everything that happens, in the order in which it happened.
Publications keep theirs for as long as they are kept; notices are of use for seconds only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from .trouble import StoreError

APPLICATION_ID = 0x6761706C
"""`gapl`, in the header of the file: what kind of database it is."""

VERSION = 2
"""Of these tables. Another version of Gapless may know another one."""

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO meta VALUES
    ('sequence', 0),                -- the last number that was taken
    ('noticed', 0),                 -- notices up to this one are deleted
    ('life', ''), ('clean', 1), ('weak', 0), ('boot', ''),
    ('wakeups', '');                -- the directory of the sockets

CREATE TABLE streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL UNIQUE,
    epoch TEXT NOT NULL,
    top INTEGER NOT NULL,           -- the newest offset
    oldest INTEGER NOT NULL,        -- the oldest that is kept; top + 1 when none is
    floor INTEGER NOT NULL,         -- rows below are deleted; those from here to oldest will be
    appended INTEGER NOT NULL,      -- payload bytes of all that there ever were
    dropped INTEGER NOT NULL,       -- of these, before oldest: at least so many
    indexed INTEGER NOT NULL,       -- the newest offset in the search index
    used_at REAL NOT NULL,
    version INTEGER NOT NULL,
    version_epoch TEXT NOT NULL,
    history_age REAL,
    idle_expiry REAL NOT NULL,
    search INTEGER NOT NULL         -- 1: its publications go into the index
);
CREATE INDEX streams_to_index ON streams (channel) WHERE search = 1 AND indexed < top;

CREATE TABLE publications (
    seq INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    before INTEGER NOT NULL,        -- payload bytes of the stream before this one
    time REAL NOT NULL,
    labels TEXT,                    -- JSON of what few publications have
    payload BLOB NOT NULL
);
CREATE UNIQUE INDEX publications_of_stream ON publications (stream, offset);

CREATE TABLE notices (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    time REAL NOT NULL,
    labels TEXT,
    payload BLOB
);

CREATE TABLE keys (
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    offset INTEGER,
    epoch TEXT,
    expires REAL NOT NULL,
    PRIMARY KEY (channel, key)
) WITHOUT ROWID;
CREATE INDEX keys_by_expiry ON keys (expires);

CREATE TABLE members (
    channel TEXT NOT NULL,
    client TEXT NOT NULL,
    user TEXT NOT NULL,
    conn_info BLOB,
    chan_info BLOB,
    announced INTEGER NOT NULL,
    expires REAL NOT NULL,
    PRIMARY KEY (channel, client)
) WITHOUT ROWID;
CREATE INDEX members_by_expiry ON members (expires);

CREATE TABLE nodes (uid TEXT PRIMARY KEY, about BLOB NOT NULL, expires REAL NOT NULL) WITHOUT ROWID;
"""

_COUNTED = """
CREATE TABLE counted (
    user TEXT NOT NULL,
    node TEXT NOT NULL,
    count INTEGER NOT NULL,         -- connections of the user on this node
    PRIMARY KEY (user, node)
) WITHOUT ROWID
"""


def _count_users(connection: sqlite3.Connection) -> None:
    connection.execute(_COUNTED)


MIGRATIONS: Mapping[int, Callable[[sqlite3.Connection], None]] = {1: _count_users}
"""What turns the tables of a version into those of the next, inside one transaction."""


def recognise(connection: sqlite3.Connection, path: Path, *, wanted: int = VERSION) -> int | None:
    """The version of a store's tables; None for an empty file.

    Raises:
        StoreError: the file belongs to another program, or to a newer version of this one.
    """
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not objects and not found and not version:
        return None
    if found != APPLICATION_ID:
        raise StoreError(f"{path} is a database of another program; name another file")
    if version > wanted or version < 1:
        raise StoreError(
            f"{path} has tables of version {version}, and this Gapless knows up to {wanted}; "
            "run the newer Gapless that wrote it, or export it there and import it here"
        )
    return int(version)


def prepare(
    connection: sqlite3.Connection,
    path: Path,
    *,
    wanted: int = VERSION,
    migrations: Mapping[int, Callable[[sqlite3.Connection], None]] = MIGRATIONS,
) -> None:
    """Create the tables in an empty file, or bring older ones up to the version that is wanted.

    Raises:
        StoreError: the file belongs to another program, or to a newer version of this one.
    """
    version = recognise(connection, path, wanted=wanted)
    if version is None:
        _create(connection)
        return
    while version < wanted:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            migrations[version](connection)
            version += 1
            connection.execute(f"PRAGMA user_version = {version}")


def _create(connection: sqlite3.Connection) -> None:
    # In one transaction, with its marks: a crash leaves all of it or an empty file.
    marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
    connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} {_COUNTED}; {marks} COMMIT")
