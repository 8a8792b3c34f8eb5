"""One transaction that writes: takes numbers, and writes everything down at its end.

It is open between BEGIN and COMMIT of the store's lock, so nobody else numbers meanwhile. What
it has to write it collects, because one statement for many rows costs a fraction of one for each.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import MutableMapping
from operator import attrgetter
from typing import Protocol, TypeVar

from ...model import Draft, Member, Position, Publication
from ...options import ChannelOptions
from . import words
from .address import Tuning
from .entries import Entry, Kind, Notice, labels_of, labels_of_member
from .streams import SLACK, Stream

R_co = TypeVar("R_co", covariant=True)


class Work(Protocol[R_co]):
    """Something to be done inside a transaction, together with whatever else came at that time."""

    @property
    def durable(self) -> bool:
        """Must it survive a power cut, once it was answered?"""

    def apply(self, transaction: Transaction) -> R_co:
        """Do it; the result is the answer, given after the commit."""


class Tending(Work[None], Protocol):
    """Something that a store needs now and then."""

    def is_due(self, connection: sqlite3.Connection, now: float) -> bool:
        """Is there anything to do? Asked without the lock, so that mostly nobody waits for it."""


class Transaction:
    """Between BEGIN and COMMIT. `entries` is what those who listen here must be told, in order.

    `alone`: no other process has the store open, so nobody would read a notice. `streams` is
    what this process knows of streams; it is true as long as nobody else has written.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        streams: MutableMapping[str, Stream],
        sequence: int,
        now: float,
        *,
        alone: bool,
        idempotency_seconds: float,
        tuning: Tuning,
    ) -> None:
        self.connection = connection
        self.sequence = sequence
        self.now = now
        self.tuning = tuning
        self.entries: list[Entry] = []
        self.bytes = 0
        self._alone = alone
        self._idempotency_seconds = idempotency_seconds
        self._streams = streams
        self._changed: dict[int, Stream] = {}
        self._too_large: dict[int, tuple[Stream, int]] = {}
        self._used: dict[str, Stream] = {}
        self._rows: list[int | float | str | bytes | None] = []
        self._notices: list[tuple[int, str, str, float, str | None, bytes | None]] = []
        self._keys: dict[tuple[str, str], Position | None] = {}

    # -- streams

    def find(self, channel: str) -> Stream | None:
        """A channel's stream, None when it has none."""
        stream = self._streams.get(channel)
        if stream is None:
            row = self.connection.execute(
                f"SELECT {Stream.COLUMNS} FROM streams WHERE channel = ?",  # noqa: S608 - a constant
                (channel,),
            ).fetchone()
            if row is not None:
                stream = self._streams[channel] = Stream(*row)
        return stream

    def stream(self, channel: str, options: ChannelOptions) -> Stream:
        """A channel's stream, made when it has none."""
        stream = self.find(channel)
        if stream is None:
            epoch = secrets.token_urlsafe(6)  # 48 bits in 8 letters
            row = self.connection.execute(
                "INSERT INTO streams (channel, epoch, top, oldest, floor, appended, dropped, indexed, "
                "used_at, version, version_epoch, idle_expiry, search) "
                "VALUES (?, ?, 0, 1, 1, 0, 0, 0, ?, 0, '', ?, 0) RETURNING id",
                (channel, epoch, self.now, options.idle_expiry),
            ).fetchone()
            stream = self._streams[channel] = Stream(row[0], channel, epoch)
            self.tell(Kind.BORN, channel)
        stream.use(options, self.now)
        self.change(stream)
        return stream

    def change(self, stream: Stream) -> None:
        """The stream is to be written down."""
        self._changed[stream.id] = stream

    def forget(self, stream: Stream) -> None:
        """The channel has no stream any more; a new one gets a new epoch."""
        delete_stream(self.connection, stream)
        self._changed.pop(stream.id, None)
        self._used.pop(stream.channel, None)
        self._streams.pop(stream.channel, None)
        self.tell(Kind.FORGOTTEN, stream.channel)

    # -- publications

    def publish(self, channel: str, draft: Draft, options: ChannelOptions) -> Position | None:
        """Number and keep it, or, where the channel keeps none, only pass it on."""
        key = draft.idempotency_key
        if key is not None:
            known, position = self._is_known(channel, key)
            if known:
                return position
        position, stream = None, None
        if options.history:
            stream = self._used.get(channel) or self._use(channel, options)
            if draft.version and stream.is_repeated_version(draft):
                return stream.position
        if stream is None or draft.skip_history:
            self._pass_on(channel, draft)
        else:
            position = self._keep(stream, draft, options)
        if key is not None:
            self._keys[(channel, key)] = position
        return position

    def _use(self, channel: str, options: ChannelOptions) -> Stream:
        """The stream that all publications to a channel in this transaction go to."""
        stream = self._used[channel] = self.stream(channel, options)
        return stream

    def _keep(self, stream: Stream, draft: Draft, options: ChannelOptions) -> Position:
        payload, tags, info, _, _, delta, exclude, *_ = draft
        labels, now, epoch, before = labels_of(draft), self.now, stream.epoch, stream.appended
        size = _size(payload, labels)
        offset = stream.append(size, options.history)
        self.sequence += 1
        self._rows += (self.sequence, stream.id, offset, before, now, labels, payload)
        self.bytes += size
        if stream.is_too_large(options.history_bytes):
            self._too_large[stream.id] = stream, options.history_bytes or 0
        publication = Publication(payload, offset, epoch, tags, info, now, delta, exclude)
        self.entries.append((stream.channel, publication))
        return Position(offset, epoch)

    def restore(self, stream: Stream, time: float, labels: str | None, payload: bytes) -> None:
        """Keep what was published elsewhere at that time, under the next offset; nobody is told."""
        before = stream.appended
        size = _size(payload, labels)
        offset = stream.append(size, history=stream.top + 2)
        self.sequence += 1
        self._rows += (self.sequence, stream.id, offset, before, time, labels, payload)
        self.bytes += size
        self.change(stream)

    def _pass_on(self, channel: str, draft: Draft) -> None:
        publication = Publication(
            draft.payload, 0, "", draft.tags, draft.info, self.now, draft.delta, draft.exclude
        )
        self.entries.append((channel, publication))
        self._notice(Kind.PUBLICATION, channel, labels_of(draft), draft.payload)

    def _is_known(self, channel: str, key: str) -> tuple[bool, Position | None]:
        if (channel, key) in self._keys:
            return True, self._keys[(channel, key)]
        row = self.connection.execute(
            "SELECT offset, epoch FROM keys WHERE channel = ? AND key = ? AND expires > ?",
            (channel, key, self.now),
        ).fetchone()
        if row is None:
            return False, None
        return True, None if row[0] is None else Position(*row)

    # -- what is told to all

    def tell(self, kind: Kind, channel: str, member: Member | None = None) -> None:
        """Tell everybody who listens, in every process."""
        self.entries.append((channel, Notice(kind, member)))
        self._notice(kind, channel, None if member is None else labels_of_member(member), None)

    def _notice(self, kind: Kind, channel: str, labels: str | None, payload: bytes | None) -> None:
        if not self._alone:
            self.sequence += 1
            self._notices.append((self.sequence, kind.value, channel, self.now, labels, payload))
            self.bytes += len(payload or b"")

    # -- the end

    def finish(self) -> None:
        """Write down what was collected. Every transaction moves the sequence: others see that it was."""
        execute_many = self.connection.executemany
        self._insert()
        for stream, history_bytes in self._too_large.values():
            keep_bytes(self.connection, stream, history_bytes)
        for stream in self._changed.values():
            if stream.lagging >= SLACK:
                delete_dropped(self.connection, stream, self.tuning.delete_rows)
        if self._changed:
            execute_many(_UPDATE_STREAM, [_changing(stream) for stream in self._changed.values()])
        if self._notices:
            execute_many("INSERT INTO notices VALUES (?, ?, ?, ?, ?, ?)", self._notices)
        if self._keys:
            expires = self.now + self._idempotency_seconds
            execute_many(
                "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?)",
                [(*key, *(position or (None, None)), expires) for key, position in self._keys.items()],
            )
        self.sequence += 1
        self.connection.execute("UPDATE meta SET value = ? WHERE name = 'sequence'", (self.sequence,))

    def _insert(self) -> None:
        """Most rows by statements of several: one costs two thirds of what it costs alone."""
        rows, many = self._rows, COLUMNS * ROWS
        whole = len(rows) - len(rows) % many
        for at in range(0, whole, many):
            self.connection.execute(_INSERT_MANY, rows[at : at + many])
        for at in range(whole, len(rows), COLUMNS):
            self.connection.execute(_INSERT, rows[at : at + COLUMNS])

    def lagging(self) -> set[str]:
        """Channels with publications that are no longer kept and not yet deleted."""
        return {stream.channel for stream in self._changed.values() if stream.lagging}


COLUMNS, ROWS = 7, 8
"""Of a publication, and publications in one statement."""

_VALUES = f"({', '.join('?' * COLUMNS)})"
_INSERT = f"INSERT INTO publications VALUES {_VALUES}"  # noqa: S608 - constants
_INSERT_MANY = f"{_INSERT}{f', {_VALUES}' * (ROWS - 1)}"

_CHANGING = (
    "top",
    "oldest",
    "floor",
    "appended",
    "dropped",
    "indexed",
    "used_at",
    "version",
    "version_epoch",
    "history_age",
    "idle_expiry",
    "search",
)
_UPDATE_STREAM = f"UPDATE streams SET {' = ?, '.join(_CHANGING)} = ? WHERE id = ?"  # noqa: S608 - constants
_changing = attrgetter(*_CHANGING, "id")


def _size(payload: bytes, labels: str | None) -> int:
    return len(payload) + len(labels or "")


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
