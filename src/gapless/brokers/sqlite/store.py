"""An open store: one thread that writes, a few that read, and the socket that others wake it by."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ...errors import BrokerError
from ...options import Limits
from . import wakeups
from .address import Address, Tuning
from .entries import Entry
from .journal import Journal
from .pages import Readers
from .transaction import Work
from .trouble import StoreError, explain
from .wakeups import Wakeups
from .writer import Answer, Batch, Chore, Writer

log = logging.getLogger("gapless")

T = TypeVar("T")


class Store:
    """One file for as long as it is open, on one loop.

    `take` is called on the loop with each batch that the writer hands over, in order; whoever
    takes it says with `delivered` how much of it is done. May be opened again once it is closed.
    """

    def __init__(
        self,
        address: Address,
        limits: Limits,
        now: Callable[[], float],
        tuning: Tuning,
        take: Callable[[Batch], None],
    ) -> None:
        self.address = address
        self.limits = limits
        self.now = now
        self.tuning = tuning
        self._take = take
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        self._wakeups = Wakeups()
        self.directory: Path | None = None
        """Where the sockets of the processes are; None while it is not open, or where there is none."""

    async def open(self) -> list[str]:
        """Open it; the channels that have a stream. Raises BrokerError that says what is wrong with it."""
        if self._writer is not None:
            raise BrokerError(f"{self.address.path} is open already; one broker serves one hub")
        loop = self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[list[str]] = loop.create_future()
        journal = Journal(self.address, self.limits, self.now, self.tuning)
        writer = self._writer = Writer(
            journal,
            opened=lambda found: _tell(loop, _settle, opened, found),
            post=lambda batch: _tell(loop, self._take, batch),
            committed=self._wakeups.wake,
        )
        writer.start()
        try:
            channels = await asyncio.shield(opened)
            await self._listen(writer)
        except BaseException:
            await self.close()
            raise
        if journal.epochs_ended:
            log.warning(
                "%s does not continue what was there before: clients are told to load anew", self.address.path
            )
        self._readers = Readers(self.address.path, self.limits.broker_seconds)
        return channels

    async def _listen(self, writer: Writer) -> None:
        """Open the socket that others wake this process by; without it, the clock does."""
        found: asyncio.Future[Path | None] = self._loop.create_future()

        def find(journal: Journal) -> list[Entry]:
            directory = None
            try:
                directory = journal.wakeups(wakeups.usable, wakeups.make)
            except (OSError, sqlite3.Error, StoreError) as error:
                log.warning("workers are woken by the clock alone: %s", error)
            _tell(self._loop, found.set_result, directory)
            return []

        writer.do(find)
        directory = await found
        if directory is not None:
            self._wakeups.open(directory)
            self.directory = directory
        if self._wakeups.socket is not None:
            self._loop.add_reader(self._wakeups.socket, self._woken)

    def _woken(self) -> None:
        self._wakeups.woken()
        if self._writer is not None:
            self._writer.look()

    async def close(self) -> None:
        """Do what was put, and give everything back; never raises."""
        writer, self._writer = self._writer, None
        readers, self._readers = self._readers, None
        if self._wakeups.socket is not None:
            self._loop.remove_reader(self._wakeups.socket)
        if readers is not None:
            await asyncio.to_thread(readers.close)
        if writer is not None:
            await asyncio.to_thread(writer.stop)
            if writer.trouble is not None:
                log.warning("the store was not closed cleanly: %s", writer.trouble)
        self._wakeups.close()

    def unready(self) -> str | None:
        """Why nothing can be stored just now; None when it can."""
        writer = self._writer
        if writer is None:
            return f"{self.address.path} is not open"
        if writer.trouble is not None:
            return str(writer.trouble)
        since = writer.busy_since
        if since is not None and time.monotonic() - since > self.limits.broker_seconds:
            return f"{self.address.path} has not answered for {self.limits.broker_seconds:g} s"
        return None

    def put(self, work: Work[Any], answer: Answer, size: int = 0) -> None:
        """Have it done in the next transaction that writes, after all that was put before."""
        if self._writer is None:
            answer.fail(self._closed())
        else:
            self._writer.put(work, answer, size)

    async def call(self, work: Work[T]) -> T:
        """Do it in the next transaction that writes. Raises BrokerError."""
        answer = _Awaited(asyncio.get_running_loop().create_future())
        self.put(work, answer)
        found: T = await answer.future
        return found

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Do it in a transaction that reads. Raises BrokerError."""
        readers = self._readers
        if readers is None:
            raise self._closed()
        try:
            return await self._loop.run_in_executor(readers.threads, readers.read, function)
        except (sqlite3.Error, OSError) as error:
            raise explain(self.address.path, error) from error

    def chore(self, chore: Chore) -> None:
        """Have the writer do it between two groups; nothing, when the store is closed."""
        if self._writer is not None:
            self._writer.do(chore)

    def delivered(self, count: int) -> None:
        """So much of the batches is done: more may come."""
        if self._writer is not None:
            self._writer.delivered(count)

    def _closed(self) -> BrokerError:
        return BrokerError(f"{self.address.path} is not open")


class _Awaited:
    """An answer that a coroutine waits for; it may have been cancelled meanwhile."""

    __slots__ = ("future",)

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self.future = future

    def resolve(self, answer: Any) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


def _tell(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        pass  # the loop was closed: nobody is left who could be told


def _settle(opened: asyncio.Future[list[str]], found: list[str] | StoreError) -> None:
    if opened.done():
        return
    if isinstance(found, StoreError):
        opened.set_exception(found)
    else:
        opened.set_result(found)
