"""A store beside its hub: checked, made smaller, written out as lines, read in from them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson

from ...errors import BrokerError, ConfigError
from ...options import ChannelOptions, Limits
from .address import Address
from .journal import Journal
from .schema import recognise
from .transaction import Transaction
from .trouble import StoreError, explain

ROWS_AT_ONCE = 1_000
"""Publications in one transaction of an import."""


class Health(NamedTuple):
    """What a check found. `problems` is empty for a store that is sound."""

    channels: int
    publications: int
    payload_bytes: int
    file_bytes: int
    problems: list[str]


def check(address: Address) -> Health:
    """Look at every page and every stream; others may go on using the store. Raises BrokerError."""
    with _reading(address) as connection:
        found = [line for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"]
        if found:
            return Health(0, 0, 0, address.path.stat().st_size, [f"damaged: {line}" for line in found])
        return _health(address, connection)


def look(address: Address) -> Health:
    """As `check`, but for the pages: what it holds, and whether that is whole. Raises BrokerError."""
    with _reading(address) as connection:
        if recognise(connection, address.path) is None:
            return Health(0, 0, 0, address.path.stat().st_size, [])
        return _health(address, connection)


def _health(address: Address, connection: sqlite3.Connection) -> Health:
    problems = [
        f"{channel}: {count} publications from {oldest} to {top}, {top - oldest + 1 - count} are missing"
        for channel, oldest, top, count in connection.execute(_HOLES)
    ]
    (channels,) = connection.execute("SELECT count(*) FROM streams").fetchone()
    count, size = connection.execute(_KEPT).fetchone()
    return Health(channels, count, size or 0, address.path.stat().st_size, problems)


_HOLES = (
    "SELECT s.channel, s.oldest, s.top, count(p.seq) FROM streams s LEFT JOIN publications p "
    "ON p.stream = s.id AND p.offset >= s.oldest GROUP BY s.id HAVING count(p.seq) != s.top - s.oldest + 1"
)
_KEPT = (
    "SELECT count(*), sum(length(p.payload)) FROM publications p "
    "JOIN streams s ON s.id = p.stream AND p.offset >= s.oldest"
)


def compact(address: Address) -> tuple[int, int]:
    """Give the disk back what was deleted; the bytes of the file before and after.

    Raises:
        BrokerError: another process has the store open, or there is no room for a second copy.
    """
    _must_exist(address)
    before = address.path.stat().st_size
    with _writing(address) as journal:
        journal.compact()
    return before, address.path.stat().st_size


def export(address: Address, matches: Callable[[str], bool] = lambda channel: True) -> Iterator[bytes]:
    """Lines of JSON: for each channel one of its stream, and one for each publication, oldest first.

    Others may go on using the store: what is written out is as it was at the beginning.
    """
    with _reading(address) as connection:
        streams = connection.execute("SELECT id, channel, epoch, top, oldest FROM streams ORDER BY channel")
        for stream, channel, epoch, top, oldest in streams:
            if matches(channel):
                yield _line(channel=channel, epoch=epoch, top=top, oldest=oldest)
                for offset, at, labels, payload in connection.execute(_ROWS, (stream, oldest)):
                    more = {} if labels is None else {"labels": orjson.Fragment(labels)}
                    data = orjson.Fragment(payload)
                    yield _line(channel=channel, offset=offset, time=at, **more, data=data)


_ROWS = (
    "SELECT offset, time, labels, payload FROM publications WHERE stream = ? AND offset >= ? ORDER BY offset"
)


def _line(**values: Any) -> bytes:
    return orjson.dumps(values) + b"\n"


def load(address: Address, lines: Iterable[bytes]) -> tuple[int, int]:
    """Read in what `export` wrote; how many channels and publications. The offsets are what they were.

    The channels get new epochs: nothing proves that this is what their subscribers have seen.

    Raises:
        BrokerError: the store cannot be written.
        ConfigError: a line is none of an export, or its channel is in the store already.
    """
    channels: set[str] = set()
    count = 0
    with _writing(address) as journal:
        rows: list[_Row] = []
        for number, line in enumerate(lines, 1):
            row = _parse(line, number)
            channels.add(row.channel)
            rows.append(row)
            count += row.payload is not None
            if len(rows) >= ROWS_AT_ONCE:
                journal.write([_Loading(rows)])
                rows = []
        if rows:
            journal.write([_Loading(rows)])
    return len(channels), count


class _Row(NamedTuple):
    """A line of an export: a stream (without payload; `offset` is its oldest), or a publication."""

    number: int
    channel: str
    offset: int
    top: int = 0
    time: float = 0.0
    labels: str | None = None
    payload: bytes | None = None


def _parse(line: bytes, number: int) -> _Row:
    try:
        said = orjson.loads(line)
        channel = said["channel"]
        if not isinstance(channel, str) or not channel:
            raise ValueError("no channel")
        if "top" in said:
            return _Row(number, channel, int(said["oldest"]), int(said["top"]))
        labels = said.get("labels")
        return _Row(
            number,
            channel,
            int(said["offset"]),
            time=float(said["time"]),
            labels=None if labels is None else orjson.dumps(labels).decode(),
            payload=_payload(line, said),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"line {number} is none of `gapless store export` ({error!r})") from None


def _payload(line: bytes, said: dict[str, Any]) -> bytes:
    """The data as it stands in the line, byte for byte: its numbers and spaces are the publisher's."""
    data = said.pop("data")
    head = orjson.dumps(said)[:-1] + b',"data":'
    # Another tool may have written the line anew; then what it means is all that is left.
    return line.rstrip()[len(head) : -1] if line.startswith(head) else orjson.dumps(data)


class _Loading:
    """Writes lines of an export into streams of their own."""

    durable = True

    def __init__(self, rows: list[_Row]) -> None:
        self._rows = rows

    def apply(self, transaction: Transaction) -> None:
        for row in self._rows:
            stream = transaction.find(row.channel)
            if row.payload is None:
                if stream is not None:
                    raise ConfigError(f"line {row.number}: {row.channel!r} is in the store already")
                stream = transaction.stream(row.channel, ChannelOptions(history=1))
                stream.top = row.offset - 1
                stream.oldest = stream.floor = row.offset
            elif stream is None or row.offset != stream.top + 1:
                raise ConfigError(
                    f"line {row.number}: offset {row.offset} of {row.channel!r} is out of order"
                )
            else:
                transaction.restore(stream, row.time, row.labels, row.payload)


@contextmanager
def _reading(address: Address) -> Iterator[sqlite3.Connection]:
    """A connection that only reads, in one transaction, to a store that exists."""
    _must_exist(address)
    connection = None
    try:
        connection = sqlite3.connect(
            f"{address.path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None
        )
        connection.execute("BEGIN")
        yield connection
    except (sqlite3.Error, OSError) as error:
        raise explain(address.path, error) from error
    finally:
        if connection is not None:
            connection.close()


@contextmanager
def _writing(address: Address) -> Iterator[Journal]:
    """A journal of a store that nobody else has open."""
    journal = Journal(address, Limits(), time.time)
    sound = False
    try:
        journal.open()
        if not journal.is_alone():
            raise BrokerError(f"{address.path} is in use; end the hub or its workers first")
        try:
            yield journal
        finally:
            sound = True
            journal.close(cleanly=True)
    except (sqlite3.Error, OSError) as error:
        raise explain(address.path, error) from error
    finally:
        if not sound:
            journal.close(cleanly=False)


def _must_exist(address: Address) -> None:
    if not address.path.is_file():
        raise StoreError(f"there is no store at {address.path}")
