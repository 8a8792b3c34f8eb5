"""The one connection of a process that writes to a store: opens it, commits to it, reads on in it.

Of one thread. Whoever writes holds the store's lock, and before it takes a number it reads what
others have written since, so that everything is passed on in the order of the sequence.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...model import Publication
from ...options import Limits, MiB
from . import schema
from .address import Address, Tuning
from .entries import Entry, Kind, Notice, member_of, publication
from .life import Life, boot_id
from .streams import Stream
from .transaction import Tending, Transaction, Work
from .trouble import StoreError, check_place
from .turnstile import Turnstile

PAGES_PER_COMMIT = 5 * 4096
"""What a commit writes beside its payloads, roughly."""

DEFAULT = Tuning()

STREAMS = 10_000
"""Streams remembered between transactions; a cache, emptied when it is full."""


class Journal:
    """A store, open for writing. Errors are those of sqlite3 and the system, and StoreError."""

    def __init__(
        self, address: Address, limits: Limits, now: Callable[[], float], tuning: Tuning = DEFAULT
    ) -> None:
        self.address = address
        self.tuning = tuning
        self._limits = limits
        self._now = now
        self._turnstile = Turnstile(address.lock, limits.broker_seconds)
        self._life = Life(address.life)
        self._streams: dict[str, Stream] = {}
        self._alone = True
        self._seen = 0
        self._version = 0
        self._foreign: list[Entry] = []
        self._written = 0
        self._identity = (0, 0)
        self._synchronous = ""
        self.connection: sqlite3.Connection | None = None
        self.lagging: set[str] = set()
        """Channels with publications that are no longer kept and not yet deleted."""
        self.commits = 0
        self.epochs_ended = False
        """Did the streams get new epochs when it was opened?"""

    # -- opening and closing

    def open(self) -> list[str]:
        """Open the store; the channels that have a stream."""
        path = self.address.path
        if not path.parent.is_dir():
            raise StoreError(f"{path.parent} is no directory; make it, or name another file")
        check_place(path.absolute())
        try:
            self._turnstile.open()
            with self._turnstile.passed():
                self._alone = self._life.open()
                schema.prepare(self._connect(), path)
                self._begin_life()
                self._life.share()
        except BaseException:
            self._abandon()
            raise
        return [channel for (channel,) in self._database().execute("SELECT channel FROM streams")]

    def _connect(self) -> sqlite3.Connection:
        path = self.address.path
        try:
            # SQLite would make it with the rights that the umask leaves. Only where there is none:
            # closing any descriptor of a file gives up the locks that this process has on it,
            # and another hub of it may be using the store.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            pass
        connection = sqlite3.connect(path, timeout=self._limits.broker_seconds, isolation_level=None)
        self.connection = connection  # before anything can fail, so that it is closed then
        connection.execute("PRAGMA mmap_size = 0")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError(f"{path} cannot be put into WAL mode here (it stays in {mode!r})")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # checkpoints are made under the lock alone
        if self.address.max_mib is not None:
            (size,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count = {self.address.max_mib * MiB // size}")
        connection.execute("PRAGMA synchronous = FULL")
        self._synchronous = "FULL"
        stat = os.stat(path)
        self._identity = (stat.st_dev, stat.st_ino)
        return connection

    def _begin_life(self) -> None:
        meta = dict(self._database().execute("SELECT name, value FROM meta"))
        sequence, life, here = int(meta["sequence"]), str(meta["life"]), boot_id()
        if not self._life.continues(life, sequence):
            if not self._alone:
                raise StoreError(
                    f"{self.address.path} was replaced while other processes have it open; "
                    "end them, and start again"
                )
            self._end_epochs()
        elif self._alone and meta["weak"] and not meta["clean"] and not (here and here == meta["boot"]):
            self._end_epochs()
        weak = self.address.synchronous == "normal"
        if not self._alone:
            weak = weak or bool(meta["weak"])
        else:
            life = self._name_life(life, sequence)
        # A transaction in any case: the others learn from the sequence that they are not alone.
        self._seen = sequence + 1
        self._set_meta(life=life, clean=0, weak=int(weak), boot=here, sequence=self._seen)
        if self._alone:
            self._life.begin(life, self._seen)
            self._checkpoint("TRUNCATE")
            self.lagging.update(
                channel
                for (channel,) in self._database().execute("SELECT channel FROM streams WHERE floor < oldest")
            )
        (self._version,) = self._database().execute("PRAGMA data_version").fetchone()

    def _name_life(self, before: str, sequence: int) -> str:
        after = secrets.token_hex(16)
        self._life.announce(before, after, sequence)
        return after

    def _end_epochs(self) -> None:
        """What is here does not continue what was: every stream gets a new epoch, and goes on under it."""
        changed = self._database().execute("UPDATE streams SET epoch = lower(hex(randomblob(8)))")
        self.epochs_ended = changed.rowcount > 0

    def _set_meta(self, **values: object) -> None:
        database = self._database()
        database.execute("BEGIN IMMEDIATE")
        try:
            database.executemany(
                "UPDATE meta SET value = ? WHERE name = ?", [(value, name) for name, value in values.items()]
            )
            database.execute("COMMIT")
        except BaseException:
            database.rollback()
            raise

    def close(self, *, cleanly: bool) -> None:
        """Give everything back. The last process that closes cleanly leaves one whole file behind."""
        try:
            if cleanly and self.connection is not None:
                with self._turnstile.passed():
                    self._close_cleanly()
        finally:
            self._abandon()

    def _close_cleanly(self) -> None:
        database = self._database()
        self._set_synchronous(durable=True)
        if self._life.is_last():
            (life, sequence) = (
                database.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0]
                for name in ("life", "sequence")
            )
            life = self._name_life(life, sequence)
            self._set_meta(life=life, clean=1, sequence=sequence + 1)
            self._life.begin(life, sequence + 1)
            self._checkpoint("TRUNCATE")
        # Inside the lock: the last connection that is closed makes a checkpoint of its own.
        database.close()
        self.connection = None

    def _abandon(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                pass  # it had failed already
        self._life.close()
        self._turnstile.close()
        self._streams.clear()

    # -- writing

    def write(self, works: Sequence[Work[Any]]) -> tuple[list[Entry], list[Any]]:
        """Do all of them in one transaction; what is to be passed on, and their answers.

        Nothing of it happened when this raises.
        """
        with self._transaction(durable=any(work.durable for work in works)) as transaction:
            answers = [work.apply(transaction) for work in works]
        return self._passed_on(transaction), answers

    @contextmanager
    def _transaction(self, *, durable: bool) -> Iterator[Transaction]:
        database, seen = self._database(), self._seen
        with self._turnstile.passed():
            self.check_identity()
            self._set_synchronous(durable=durable)
            database.execute("BEGIN IMMEDIATE")
            try:
                self._foreign = self._read_on()
                transaction = Transaction(
                    database,
                    self._streams,
                    self._seen,
                    self._now(),
                    alone=self._alone,
                    idempotency_seconds=self._limits.idempotency_seconds,
                    tuning=self.tuning,
                )
                yield transaction
                transaction.finish()
                database.execute("COMMIT")
            except BaseException:
                self._streams.clear()  # they hold numbers that were never taken
                self._seen = seen  # what others have written is read again, and passed on then
                if database.in_transaction:
                    database.rollback()
                raise
            self._committed(transaction, durable)

    def _committed(self, transaction: Transaction, durable: bool) -> None:
        self.commits += 1
        self._seen = transaction.sequence
        self.lagging |= transaction.lagging()
        if durable or self.address.synchronous == "normal":
            self._life.reached(self._seen)
        if len(self._streams) > STREAMS:
            self._streams.clear()
        self._written += PAGES_PER_COMMIT + 2 * transaction.bytes
        if self._written >= self.tuning.checkpoint_bytes:
            self._checkpoint("PASSIVE")

    def _passed_on(self, transaction: Transaction) -> list[Entry]:
        return self._foreign + transaction.entries if self._foreign else transaction.entries

    def _set_synchronous(self, *, durable: bool) -> None:
        # A commit that need not survive a power cut is not flushed; the next flush takes it along.
        wanted = "FULL" if durable and self.address.synchronous == "full" else "NORMAL"
        if wanted != self._synchronous:
            self._database().execute(f"PRAGMA synchronous = {wanted}")
            self._synchronous = wanted

    def _checkpoint(self, how: str) -> None:
        self._written = 0
        self._database().execute(f"PRAGMA wal_checkpoint({how})").fetchall()

    def check_identity(self) -> None:
        """Raises StoreError when the path does not lead to the file that is open any more."""
        try:
            stat = os.stat(self.address.path)
        except FileNotFoundError:
            stat = None
        if stat is None or (stat.st_dev, stat.st_ino) != self._identity:
            raise StoreError(
                f"{self.address.path} was {'deleted' if stat is None else 'replaced'} while it was open; "
                "start this process again to go on with what is there now"
            )

    def _database(self) -> sqlite3.Connection:
        if self.connection is None:
            raise StoreError(f"{self.address.path} is not open")
        return self.connection

    # -- reading on

    def look(self) -> list[Entry]:
        """What others have written since; cheap when they have not."""
        database = self._database()
        (version,) = database.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return []
        database.execute("BEGIN")
        try:
            entries = self._read_on()
        finally:
            database.execute("COMMIT")
        self._version = version
        return entries

    def _read_on(self) -> list[Entry]:
        """What was written since this process was last in step, inside a transaction."""
        database, seen = self._database(), self._seen
        (sequence,) = database.execute("SELECT value FROM meta WHERE name = 'sequence'").fetchone()
        if sequence == seen:
            return []
        self._alone = False
        self._streams.clear()
        self._seen = sequence
        (noticed,) = database.execute("SELECT value FROM meta WHERE name = 'noticed'").fetchone()
        if noticed > seen or sequence - seen > self.tuning.read_on_entries:
            return self._interrupted()
        found: list[tuple[int, Entry]] = []
        size = 0
        for seq, channel, epoch, offset, time, labels, payload in database.execute(_PUBLICATIONS, (seen,)):
            found.append((seq, (channel, publication(payload, offset, epoch, time, labels))))
            size += len(payload) + len(labels or "")
            if size > self.tuning.read_on_bytes:
                return self._interrupted()
        for seq, kind, channel, time, labels, payload in database.execute(_NOTICES, (seen,)):
            found.append((seq, (channel, _noticed(Kind(kind), time, labels, payload))))
        found.sort(key=lambda item: item[0])
        return [entry for _, entry in found]

    def _interrupted(self) -> list[Entry]:
        channels = self._database().execute("SELECT channel FROM streams")
        return [*((channel, Notice(Kind.BORN)) for (channel,) in channels), ("", Notice(Kind.INTERRUPTED))]

    # -- what happens by itself

    def tend(self, tending: Tending, now: float) -> list[Entry]:
        """Do what is due at this time; what is to be passed on."""
        if not tending.is_due(self._database(), now):
            return []
        with self._transaction(durable=tending.durable) as transaction:
            transaction.now = now
            tending.apply(transaction)
        return self._passed_on(transaction)

    def compact(self) -> None:
        """Write the database anew without what was deleted. Nobody else has it open."""
        database = self._database()
        with self._turnstile.passed():
            self._set_synchronous(durable=True)
            if database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'words'").fetchone()[0]:
                database.execute("INSERT INTO words (words) VALUES ('optimize')")
            database.execute("VACUUM")
            self._checkpoint("TRUNCATE")

    def is_alone(self) -> bool:
        """Look again whether other processes have the store open."""
        if not self._alone:
            with self._turnstile.passed():
                self._alone = self._life.is_last()
                self._life.share()
        return self._alone

    def wakeups(self, usable: Callable[[Path], bool], make: Callable[[], Path]) -> Path:
        """The directory of the sockets by which the processes of this store wake each other."""
        with self._turnstile.passed():
            query = "SELECT value FROM meta WHERE name = 'wakeups'"
            (name,) = self._database().execute(query).fetchone()
            if name and usable(Path(name)):
                return Path(name)
            directory = make()
            self._set_meta(wakeups=str(directory))
        return directory


_PUBLICATIONS = (
    "SELECT p.seq, s.channel, s.epoch, p.offset, p.time, p.labels, p.payload "
    "FROM publications p JOIN streams s ON s.id = p.stream WHERE p.seq > ? ORDER BY p.seq"
)
_NOTICES = "SELECT seq, kind, channel, time, labels, payload FROM notices WHERE seq > ? ORDER BY seq"


def _noticed(kind: Kind, time: float, labels: str | None, payload: bytes | None) -> Publication | Notice:
    if kind is Kind.PUBLICATION:
        return publication(payload or b"", 0, "", time, labels)
    return Notice(kind, None if labels is None else member_of(labels))
