"""The broker over a store: hands publications to it, and passes on what it says."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path

from ...errors import BrokerError
from ...model import Draft, History, Matches, Position, Publication, Run
from ...options import ChannelOptions, Limits
from ..base import Settle, Sink
from .address import Address, Synchronous, Tuning
from .entries import Entry, Kind, Notice
from .journal import DEFAULT, Journal
from .nodes import SqliteNodes
from .pages import Page, Request, read_page
from .presence import SqlitePresence
from .retention import Aging, Forgetting, Removing
from .search import Indexer, Search, index_all
from .store import Store
from .transaction import Transaction
from .writer import Batch

RECENT_PAGES = 8
"""Pages kept while they are true, with what protocols made of them: a storm asks for the same ones."""

TURN = 128
"""Entries and answers taken before the loop goes on with the flush."""

FORGET_SECONDS = 10.0
"""Between looks for streams that nobody uses."""


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
        max_mib: int | None = None,
        now: Callable[[], float] = time.time,
        tuning: Tuning = DEFAULT,
    ) -> None:
        self.store = Store(
            Address(Path(path), synchronous, max_mib), limits or Limits(), now, tuning, self._take
        )
        self.presence = SqlitePresence(self.store)
        self._indexer = Indexer(self.store)
        self.nodes = SqliteNodes(self.store)
        self.reads = 0
        self.shared_reads = 0
        self._sink: Sink | None = None
        self._subscribed: set[str] = set()
        self._read: set[str] = set()
        self._known: set[str] = set()
        self._recent: OrderedDict[Hashable, tuple[Hashable, Run[Publication]]] = OrderedDict()
        self._arrived: deque[Batch] = deque()
        self._delivering = False
        self._forgot_at = 0.0

    async def start(self, sink: Sink) -> None:
        """Open the store. Raises BrokerError that says what is wrong with it."""
        channels = await self.store.open()
        self._sink = sink
        self._known = set(channels)

    async def close(self) -> None:
        """Write what was published, and close the store."""
        self.nodes.close()
        await self.store.close()
        while self._arrived:
            batch = self._arrived.popleft()
            self._deliver_some(batch, len(batch))
        self._sink = None

    def unready(self) -> str | None:
        return self.store.unready()

    # -- publishing

    def publish(self, channel: str, draft: Draft, options: ChannelOptions, settle: Settle) -> None:
        self.store.put(Publishing(channel, draft, options), settle, draft.size)

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
        age = None if options.history_age is None else self.store.now() - options.history_age
        request = Request(channel, after, limit, max_bytes, reverse, age)
        key = request._replace(age=None)
        recent = self._recent.get(key)

        def is_known(page: Page) -> bool:
            return recent is not None and recent[0] == page.stamp

        read = partial(read_page, request=request, is_known=is_known)
        self._read.add(channel)
        self.reads += 1
        page = await self.store.read(read)
        if page is None:
            await self.store.call(Beginning(channel, options))
            page = await self.store.read(read)
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

    async def search(
        self,
        channel: str,
        options: ChannelOptions,
        query: str,
        *,
        before: int | None = None,
        limit: int = 100,
        since: float | None = None,
        until: float | None = None,
        level: str | None = None,
    ) -> Matches:
        await index_all(self.store, channel, options)
        search = Search(channel, query, before, limit, since, until, level)
        return await self.store.read(partial(search.run, tuning=self.store.tuning))

    async def remove_history(self, channel: str) -> None:
        await self.store.call(Removing(channel))

    def known(self) -> list[str]:
        return list(self._known)

    async def streams(self) -> list[str]:
        return list(self._known)  # whichever process made them

    # -- notifying

    async def subscribe(self, channel: str) -> None:
        self._subscribed.add(channel)

    async def unsubscribe(self, channel: str) -> None:
        self._subscribed.discard(channel)

    def _take(self, batch: Batch) -> None:
        self._arrived.append(batch)
        if not self._delivering:
            self._delivering = True
            self._deliver()

    def _deliver(self) -> None:
        """Deliver one batch or a part of it; the rest after the flush had a turn."""
        if self._arrived:
            batch = self._arrived[0]
            self.store.delivered(self._deliver_some(batch, TURN))
            if not len(batch):
                self._arrived.popleft()
        self._delivering = bool(self._arrived)
        if self._delivering:
            asyncio.get_running_loop().call_soon(self._deliver)

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
        channel, what = entry
        if isinstance(what, Notice):
            self._note(channel, what)
        elif self._sink is not None and channel in self._subscribed:
            self._sink.publication(channel, what)

    def _note(self, channel: str, notice: Notice) -> None:
        kind, member = notice
        if kind is Kind.BORN:
            self._known.add(channel)
        elif kind is Kind.FORGOTTEN:
            self._known.discard(channel)
        elif self._sink is None:
            return
        elif kind is Kind.INTERRUPTED:
            self._sink.interrupted()
        elif channel not in self._subscribed or member is None:
            return
        elif kind is Kind.JOINED:
            self._sink.joined(channel, member)
        else:
            self._sink.left(channel, member)

    # -- what happens by itself

    def expire(self, now: float) -> None:
        keys = self.store.limits.idempotency_keys
        self.store.chore(lambda journal: journal.tend(Aging(journal.lagging, keys), now))
        self._indexer.begin()
        if abs(now - self._forgot_at) >= FORGET_SECONDS:
            self._forgot_at = now
            in_use = frozenset(self._subscribed | self._read)
            self._read.clear()
            self.store.chore(lambda journal: journal.tend(Forgetting(in_use), now))
            self.store.chore(_look_around)


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


def _look_around(journal: Journal) -> list[Entry]:
    journal.is_alone()
    return []
