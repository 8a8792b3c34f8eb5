"""The broker over a store: hands publications to the writer, and passes on what the store says."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ...errors import BrokerError
from ...model import Draft, History, Position, Publication, Run
from ...options import ChannelOptions, Limits
from ..base import Settle, Sink
from . import wakeups
from .address import Address, Synchronous
from .entries import Entry, Kind
from .journal import Journal
from .pages import Page, Readers, Request, read_page
from .retention import Aging, Forgetting, Removing
from .transaction import Transaction, Work
from .trouble import StoreError, explain
from .wakeups import Wakeups
from .writer import Batch, Chore, Writer

log = logging.getLogger("gapless")

RECENT_PAGES = 8
"""Pages kept while they are true, with what protocols made of them: a storm asks for the same ones."""

TURN = 128
"""Entries and answers taken before the loop goes on with the flush."""

FORGET_SECONDS = 10.0
"""Between looks for streams that nobody uses."""

SAFE_VERSION = (3, 51, 3)
"""Before it, two writing connections could damage a database in WAL mode. Ours exclude each other."""

T = TypeVar("T")


class SqliteBroker:
    """Streams in a file, for all processes of this machine that open it.

    A publication is acknowledged when it is committed, and with `synchronous="full"` flushed to the
    disk; nobody sees it before. What is wrong with the file is said by `unready`, and as BrokerError.
    `reads` counts the pages that were read from it, `shared_reads` those that were still true.
    """

    immediate = False

    def __init__(
        self,
        path: str | Path,
        limits: Limits | None = None,
        *,
        synchronous: Synchronous = "full",
        now: Callable[[], float] = time.time,
    ) -> None:
        self.address = Address(Path(path), synchronous)
        self.limits = limits or Limits()
        self.now = now
        self.reads = 0
        self.shared_reads = 0
        self._sink: Sink | None = None
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        self._wakeups = Wakeups()
        self._subscribed: set[str] = set()
        self._read: set[str] = set()
        self._known: set[str] = set()
        self._recent: OrderedDict[Hashable, tuple[Hashable, Run[Publication]]] = OrderedDict()
        self._arrived: deque[Batch] = deque()
        self._delivering = False
        self._forgot_at = 0.0

    # -- life

    async def start(self, sink: Sink) -> None:
        """Open the store. Raises BrokerError that says what is wrong with it."""
        if self._writer is not None:
            raise BrokerError(f"{self.address.path} is open already; one broker serves one hub")
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[list[str]] = loop.create_future()
        self._loop, self._sink = loop, sink
        journal = Journal(self.address, self.limits, self.now)
        writer = Writer(
            journal,
            opened=lambda found: _tell(loop, _settle, opened, found),
            post=lambda batch: _tell(loop, self._take, batch),
            committed=self._wakeups.wake,
        )
        writer.start()
        self._writer = writer
        try:
            self._known = set(await asyncio.shield(opened))
            await self._listen(writer)
        except BaseException:
            await self.close()
            raise
        if journal.epochs_ended:
            log.warning(
                "%s does not continue what was there before: clients are told to load anew", self.address.path
            )
        self._readers = Readers(self.address.path, self.limits.broker_seconds)
        if self._wakeups.socket is not None:
            loop.add_reader(self._wakeups.socket, self._woken)

    async def _listen(self, writer: Writer) -> None:
        """Open the socket that others wake this process by; without it, the timer does."""
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

    async def close(self) -> None:
        """Write what was published, close the store, and give everything back."""
        writer, self._writer = self._writer, None
        readers, self._readers = self._readers, None
        if self._wakeups.socket is not None:
            self._loop.remove_reader(self._wakeups.socket)
        if readers is not None:
            await asyncio.to_thread(readers.close)
        if writer is not None:
            await asyncio.to_thread(writer.stop)
            self._deliver_all(writer)
            if writer.trouble is not None:
                log.warning("the store was not closed cleanly: %s", writer.trouble)
        self._wakeups.close()
        self._sink = None

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

    # -- publishing

    def publish(self, channel: str, draft: Draft, options: ChannelOptions, settle: Settle) -> None:
        if self._writer is None:
            settle.fail(BrokerError(f"{self.address.path} is not open"))
            return
        self._writer.put(Publishing(channel, draft, options), settle, len(draft.payload))

    # -- reading

    async def history(
        self,
        channel: str,
        options: ChannelOptions,
        *,
        after: int | None = None,
        limit: int | None = None,
        max_bytes: int | None = None,
        reverse: bool = False,
    ) -> History:
        if not options.history:
            return History([], Position(0, ""), 0)
        age = None if options.history_age is None else self.now() - options.history_age
        request = Request(channel, after, limit, max_bytes, reverse, age)
        key = request._replace(age=None)
        recent = self._recent.get(key)

        def is_known(page: Page) -> bool:
            return recent is not None and recent[0] == page.stamp

        read = partial(read_page, request=request, is_known=is_known)
        self._read.add(channel)
        self.reads += 1
        page = await self.read(read)
        if page is None:
            await self.call(Beginning(channel, options))
            page = await self.read(read)
        if page is None:
            raise BrokerError(f"the stream of {channel!r} was forgotten while it was read; read again")
        if page.publications is None and recent is not None:
            self.shared_reads += 1
            return History(recent[1], page.top, page.oldest)
        if limit == 0:
            return History([], page.top, page.oldest)
        run = Run(page.publications or [])
        self._recent[key] = page.stamp, run
        self._recent.move_to_end(key)
        if len(self._recent) > RECENT_PAGES:
            self._recent.popitem(last=False)
        return History(run, page.top, page.oldest)

    async def remove_history(self, channel: str) -> None:
        await self.call(Removing(channel))

    def known(self) -> list[str]:
        return list(self._known)

    # -- notifying

    async def subscribe(self, channel: str) -> None:
        self._subscribed.add(channel)

    async def unsubscribe(self, channel: str) -> None:
        self._subscribed.discard(channel)

    def _woken(self) -> None:
        self._wakeups.woken()
        if self._writer is not None:
            self._writer.look()

    def _take(self, batch: Batch) -> None:
        self._arrived.append(batch)
        if not self._delivering:
            self._delivering = True
            self._deliver()

    def _deliver(self) -> None:
        """Deliver one batch or a part of it; the rest after the flush had a turn."""
        batch = self._arrived[0]
        taken = self._deliver_some(batch, TURN)
        if self._writer is not None:
            self._writer.delivered(taken)
        if not len(batch):
            self._arrived.popleft()
        self._delivering = bool(self._arrived)
        if self._delivering:
            self._loop.call_soon(self._deliver)

    def _deliver_all(self, writer: Writer) -> None:
        while self._arrived:
            batch = self._arrived.popleft()
            writer.delivered(self._deliver_some(batch, len(batch)))

    def _deliver_some(self, batch: Batch, at_most: int) -> int:
        """Pass on what there is to pass on, and answer then: whoever published has seen it notified."""
        entries, batch.entries = batch.entries[:at_most], batch.entries[at_most:]
        for entry in entries:
            self._pass_on(entry)
        left = at_most - len(entries)
        answered, batch.answered = batch.answered[:left], batch.answered[left:]
        for who, answer in answered:
            who.resolve(answer)
        left -= len(answered)
        failed, batch.failed = batch.failed[:left], batch.failed[left:]
        for who, error in failed:
            who.fail(error)
        return len(entries) + len(answered) + len(failed)

    def _pass_on(self, entry: Entry) -> None:
        kind, channel, publication, member = entry
        if kind is Kind.BORN:
            self._known.add(channel)
        elif kind is Kind.FORGOTTEN:
            self._known.discard(channel)
        elif self._sink is None:
            return
        elif kind is Kind.INTERRUPTED:
            self._sink.interrupted()
        elif channel not in self._subscribed:
            return
        elif publication is not None:
            self._sink.publication(channel, publication)
        elif member is not None and kind is Kind.JOINED:
            self._sink.joined(channel, member)
        elif member is not None:
            self._sink.left(channel, member)

    # -- what happens by itself

    def expire(self, now: float) -> None:
        keys = self.limits.idempotency_keys
        self.chore(lambda journal: journal.tend(Aging(journal.lagging, keys), now))
        if abs(now - self._forgot_at) >= FORGET_SECONDS:
            self._forgot_at = now
            in_use = frozenset(self._subscribed | self._read)
            self._read.clear()
            self.chore(lambda journal: journal.tend(Forgetting(in_use), now))
            self.chore(_look_around)

    # -- what presence and search use as well

    async def call(self, work: Work[T]) -> T:
        """Do it in the next transaction that writes. Raises BrokerError."""
        if self._writer is None:
            raise BrokerError(f"{self.address.path} is not open")
        answer: _Awaited = _Awaited(self._loop.create_future())
        self._writer.put(work, answer)
        found: T = await answer.future
        return found

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Do it in a transaction that reads. Raises BrokerError."""
        readers = self._readers
        if readers is None:
            raise BrokerError(f"{self.address.path} is not open")
        try:
            return await self._loop.run_in_executor(readers.threads, readers.read, function)
        except (sqlite3.Error, OSError) as error:
            raise explain(self.address.path, error) from error

    def chore(self, chore: Chore) -> None:
        """Have the writer do it between two groups."""
        if self._writer is not None:
            self._writer.do(chore)


class Publishing:
    """A publication on its way into the store."""

    __slots__ = ("channel", "draft", "durable", "options")

    def __init__(self, channel: str, draft: Draft, options: ChannelOptions) -> None:
        self.channel = channel
        self.draft = draft
        self.options = options
        # What nobody keeps is not worth a flush.
        self.durable = bool(options.history) and not (draft.skip_history and not draft.version)

    def apply(self, transaction: Transaction) -> Position | None:
        return transaction.publish(self.channel, self.draft, self.options)


class Beginning:
    """Gives a channel a stream, and so an epoch, when it is read before anything was published."""

    durable = True

    def __init__(self, channel: str, options: ChannelOptions) -> None:
        self._channel = channel
        self._options = options

    def apply(self, transaction: Transaction) -> None:
        transaction.stream(self._channel, self._options)


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


def _look_around(journal: Journal) -> list[Entry]:
    journal.is_alone()
    return []
