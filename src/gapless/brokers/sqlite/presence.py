"""Who is in which channel, of all processes together. Whoever is not refreshed in time is gone."""

from __future__ import annotations

import sqlite3

from ...model import Member
from ..base import Sink
from .entries import Kind
from .store import Store
from .transaction import Transaction


class SqlitePresence:
    """The members of the channels of one store. A process that dies leaves its own to their lease."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(self, sink: Sink) -> None:
        """Nothing to do: the broker, which is started with the same sink, passes on joins and leaves."""

    async def join(self, channel: str, member: Member, *, announce: bool) -> bool:
        expires = self._store.now() + self._store.limits.presence_expiry
        return await self._store.call(Joining(channel, member, expires, announce))

    async def leave(self, channel: str, client: str, *, announce: bool) -> Member | None:
        return await self._store.call(Leaving(channel, client, announce))

    async def members(self, channel: str) -> dict[str, Member]:
        def read(connection: sqlite3.Connection) -> dict[str, Member]:
            query = "SELECT client, user, conn_info, chan_info FROM members WHERE channel = ?"
            return {row[0]: Member(*row) for row in connection.execute(query, (channel,))}

        return await self._store.read(read)

    async def counts(self, channel: str) -> tuple[int, int]:
        def read(connection: sqlite3.Connection) -> tuple[int, int]:
            query = "SELECT count(*), count(DISTINCT user) FROM members WHERE channel = ?"
            clients, users = connection.execute(query, (channel,)).fetchone()
            return clients, users

        return await self._store.read(read)

    def expire(self, now: float) -> None:
        self._store.chore(lambda journal: journal.tend(Expiring(), now))


class Joining:
    """Adds or refreshes a member; True when it was not there."""

    durable = False

    def __init__(self, channel: str, member: Member, expires: float, announce: bool) -> None:
        self._channel = channel
        self._member = member
        self._expires = expires
        self._announce = announce

    def apply(self, transaction: Transaction) -> bool:
        channel, member = self._channel, self._member
        # A member that was announced once is announced when it goes, also if only refreshed since.
        refreshed = transaction.connection.execute(
            "UPDATE members SET user = ?, conn_info = ?, chan_info = ?, announced = max(announced, ?), "
            "expires = max(expires, ?) WHERE channel = ? AND client = ?",
            (*member[1:], self._announce, self._expires, channel, member.client),
        ).rowcount
        if refreshed:
            return False
        transaction.connection.execute(
            "INSERT INTO members (channel, client, user, conn_info, chan_info, announced, expires) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (channel, *member, self._announce, self._expires),
        )
        if self._announce:
            transaction.tell(Kind.JOINED, channel, member)
        return True


class Leaving:
    """Removes a member, and says who it was; None when it was not there."""

    durable = False

    def __init__(self, channel: str, client: str, announce: bool) -> None:
        self._channel = channel
        self._client = client
        self._announce = announce

    def apply(self, transaction: Transaction) -> Member | None:
        row = transaction.connection.execute(
            "DELETE FROM members WHERE channel = ? AND client = ? "
            "RETURNING client, user, conn_info, chan_info",
            (self._channel, self._client),
        ).fetchone()
        if row is None:
            return None
        member = Member(*row)
        if self._announce:
            transaction.tell(Kind.LEFT, self._channel, member)
        return member


class Expiring:
    """Removes and announces who was not refreshed in time."""

    durable = False

    def is_due(self, connection: sqlite3.Connection, now: float) -> bool:
        (due,) = connection.execute(
            "SELECT EXISTS (SELECT 1 FROM members WHERE expires <= ?)", (now,)
        ).fetchone()
        return bool(due)

    def apply(self, transaction: Transaction) -> None:
        late = transaction.connection.execute(
            "DELETE FROM members WHERE expires <= ? "
            "RETURNING channel, announced, client, user, conn_info, chan_info",
            (transaction.now,),
        ).fetchall()
        for channel, announced, *member in late:
            if announced:
                transaction.tell(Kind.LEFT, channel, Member(*member))
