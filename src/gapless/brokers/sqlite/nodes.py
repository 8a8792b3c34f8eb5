"""What the processes of one store say to each other: to all, to one, and that they live.

That a process lives stands in the store. What it says goes by datagram from socket to socket, in
the directory where they also wake each other; nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ...errors import BrokerError
from .store import Store
from .transaction import Transaction
from .wakeups import TALK

log = logging.getLogger("gapless")

LARGEST = 160 * 1024
"""Bytes of one message: what a datagram may have where nobody raised the kernel's bounds."""

NAME_LETTERS = 20
"""Of a process's id, in the name of its socket."""

AGAIN_SECONDS = 0.002
"""Until a message is tried again that a full socket did not take: Linux lets ten wait."""

PATIENCE_SECONDS = 2.0
"""A process that takes nothing for so long is not told."""


class SqliteNodes:
    """One table of who lives, and one socket for each."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._node = ""
        self._heard: Callable[[bytes], None] | None = None
        self._socket: socket.socket | None = None
        self._waiting: deque[tuple[Path, bytes, float]] = deque()
        self._again: asyncio.TimerHandle | None = None

    async def enter(self, node: str, heard: Callable[[bytes], None]) -> None:
        self._node, self._heard = node, heard
        directory = self._store.directory
        if directory is None:
            return  # said already: there is no directory for sockets
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * LARGEST)
            opened.bind(str(_address(directory, node)))
        except OSError as error:
            opened.close()
            raise BrokerError(f"{directory}: this process cannot be talked to: {error}") from error
        self._socket = opened
        asyncio.get_running_loop().add_reader(opened, self._hear)

    def _hear(self) -> None:
        if self._socket is None or self._heard is None:
            return
        try:
            while True:
                self._heard(self._socket.recv(LARGEST + 1))
        except OSError:
            pass  # that was all

    def tell(self, message: bytes, node: str | None = None) -> None:
        directory = self._store.directory
        if self._socket is None or directory is None:
            return
        if len(message) > LARGEST:
            log.warning("another process was not told %d bytes, which is more than %d", len(message), LARGEST)
            return
        late = time.monotonic() + PATIENCE_SECONDS
        whom = [_address(directory, node)] if node is not None else directory.glob(f"{TALK}*")
        self._waiting.extend((address, message, late) for address in whom)
        if self._again is None:
            self._send()

    def _send(self) -> None:
        """What waits, each process in the order it was told; a full one holds up no other."""
        self._again = None
        full: set[Path] = set()
        left: deque[tuple[Path, bytes, float]] = deque()
        for address, message, late in self._waiting:
            if address in full or not self._sent(address, message):
                full.add(address)
                if time.monotonic() < late:
                    left.append((address, message, late))
                else:
                    log.warning("a process of this store takes no messages: %s", address.name)
        self._waiting = left
        if left:
            self._again = asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._send)

    def _sent(self, address: Path, message: bytes) -> bool:
        """False: it is to be tried again."""
        if self._socket is None:
            return True
        try:
            self._socket.sendto(message, str(address))
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOBUFS):
                return False
            if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
                _remove(address)  # the process is gone, and only the name of its socket is left
            else:
                log.warning("another process was not told: %s", error)
        return True

    async def meet(self, node: str, about: bytes, seconds: float) -> dict[str, bytes]:
        await self._store.call(_Living(node, about, self._store.now() + seconds))
        now = self._store.now()

        def read(connection: sqlite3.Connection) -> dict[str, bytes]:
            return dict(connection.execute("SELECT uid, about FROM nodes WHERE expires > ?", (now,)))

        return await self._store.read(read)

    async def count(self, node: str, user: str, count: int, limit: int | None) -> bool:
        return await self._store.call(_Counting(node, user, count, limit))

    async def part(self, node: str) -> None:
        try:
            await self._store.call(_Living(node, b"", 0.0))
        except BrokerError:
            pass  # then it expires
        self.close()

    def close(self) -> None:
        """Hear nothing any more. Idempotent."""
        opened, self._socket = self._socket, None
        self._waiting.clear()
        if self._again is not None:
            self._again.cancel()
        if opened is not None:
            asyncio.get_running_loop().remove_reader(opened)
            opened.close()
            if self._store.directory is not None:
                _remove(_address(self._store.directory, self._node))


class _Living:
    """Keeps what a process says of itself until it expires, and drops those that have expired."""

    durable = False

    def __init__(self, node: str, about: bytes, expires: float) -> None:
        self._row = node, about, expires

    def apply(self, transaction: Transaction) -> None:
        transaction.connection.execute("INSERT OR REPLACE INTO nodes VALUES (?, ?, ?)", self._row)
        gone = transaction.connection.execute("DELETE FROM nodes WHERE expires <= ?", (transaction.now,))
        if gone.rowcount:
            transaction.connection.execute("DELETE FROM counted WHERE node NOT IN (SELECT uid FROM nodes)")


class _Counting:
    """Keeps how many connections of a user a process has, unless all together have too many."""

    durable = False

    def __init__(self, node: str, user: str, count: int, limit: int | None) -> None:
        self._node, self._user, self._count, self._limit = node, user, count, limit

    def apply(self, transaction: Transaction) -> bool:
        connection, whose = transaction.connection, (self._user, self._node)
        if self._limit is not None:
            (others,) = connection.execute(
                "SELECT coalesce(sum(count), 0) FROM counted JOIN nodes ON uid = node "
                "WHERE user = ? AND node != ? AND expires > ?",
                (*whose, transaction.now),
            ).fetchone()
            if others + self._count > self._limit:
                return False
        if self._count:
            connection.execute("INSERT OR REPLACE INTO counted VALUES (?, ?, ?)", (*whose, self._count))
        else:
            connection.execute("DELETE FROM counted WHERE user = ? AND node = ?", whose)
        return True


def _address(directory: Path, node: str) -> Path:
    # Not all of an id: with it the path of a socket would have more letters than it may.
    return directory / f"{TALK}{node.replace('-', '')[:NAME_LETTERS]}"


def _remove(address: Path) -> None:
    try:
        os.unlink(address)
    except OSError:
        pass  # somebody else has
