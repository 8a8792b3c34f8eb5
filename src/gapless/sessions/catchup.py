"""Catching up: pages for one cursor, from where it begins or fell behind, until it stands in the ring.

The ring comes first. The broker is asked only for what is older than the ring, so that whoever
comes back soon costs no query, whichever broker it is.

What the ring has is handed out without asking whether history still keeps it, with two
exceptions that hold for who *begins*: what the number kept (`ChannelOptions.history`), the last
look at the history or an age that has passed say is gone, is not begun from. So a start says the
same whether somebody else reads the channel here or not. How far history reaches back, `oldest`, is what it
said when this node last read it, at most `Limits.position_check` seconds ago, or what the number
kept makes of that since.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Self

from ..core.channel import Channel
from ..core.cursor import Cursor, Lost, Reason, State
from ..model import BEFORE_EVERYTHING, History, Position, Publication, Run
from ..node.history import POSITION, Range
from ..node.node import Node

PAGE_PUBLICATIONS = 1024
"""In one page. Small ones cost by their number: to encode so many takes a millisecond or two, and others have
their turn before the next."""

SHORT_PAGE = 64
"""Publications that are read without waiting for a turn: they cost less than the connection that asks."""


class Step(NamedTuple):
    """A page, what is new in it to the cursor, and what is lost before that."""

    page: History
    fresh: list[Publication]
    lost: Lost | None


async def _at_once() -> None:
    """A reader that always has room."""


class Catchup:
    """One cursor's way into its channel's ring. Begin it, or iterate where the cursor stands already.

    Iterating yields a step for each page and ends when the cursor stands in the ring or is
    closed; nothing is awaited between moving the cursor and handing out the step. Pages have at
    most `max_bytes` of payload, and `limit` publications. `pause` is awaited before a page is
    read and before it is handed out: until there is room for it, say. What it raises ends it.

    Raises:
        BrokerError: the history could not be read; going on tries again.
    """

    __slots__ = ("_channel", "_cursor", "_limit", "_max_bytes", "_node", "_pause", "goal")

    def __init__(
        self,
        node: Node,
        channel: Channel,
        cursor: Cursor,
        *,
        max_bytes: int | None = None,
        limit: int = PAGE_PUBLICATIONS,
        pause: Callable[[], Awaitable[None]] = _at_once,
    ) -> None:
        self._node = node
        self._channel = channel
        self._cursor = cursor
        self._max_bytes = max_bytes
        self._limit = limit
        self._pause = pause
        self.goal = 0
        """Up to this offset everything is handed out as pages, also what the ring holds."""

    # -- the start

    async def begin(self, since: Position | None, history: int | None) -> Step:
        """Where the cursor begins (see `Cursor.begin`), with the first page from there.

        Nothing may be new in it, and yet the stream go on: then it was read for another place than
        the one it told us to begin at, and iterating brings what comes there.
        """
        cursor = self._cursor
        lost: Lost | None = None
        if self._ahead(since, history) > SHORT_PAGE:
            await self._turn()
        run = self._run() if self._begins_in_ring(since, history) else None
        if run is not None and self._is_fresh(run):
            page = self._ring_page(run)
            await self._pause()
        else:
            page = await self._read(cursor.offset if since is None else since.offset)
            await self._pause()
            lost = cursor.begin(page, since, history)
        fresh, _ = cursor.admit(page)
        return Step(page, fresh, lost)

    async def place(self, since: Position | None, history: int | None) -> tuple[Position, Lost | None]:
        """Where the cursor begins, and nothing from there: the stream's position, and what is lost."""
        page = self._ring_page()
        lost = self._cursor.begin(page, since, history)
        if lost is not None or not self._is_there():
            page = await self._position(since)
            lost = self._cursor.begin(page, since, history)
        return page.top, lost

    async def withhold(self, since: Position | None) -> tuple[Position, Lost | None]:
        """Begin behind everything there is, for who may have nothing of it: the stream's position.

        Lost is what came after `since`, of whoever says to have been there.
        """
        top, _ = await self.place(None, 0)
        if since is None or since in (BEFORE_EVERYTHING, top):
            return top, None
        last = top.offset if since.epoch == top.epoch and since.offset < top.offset else None
        return top, Lost(since.offset + 1, last, Reason.WITHHELD, top.epoch)

    async def newest(self, count: int) -> History:
        """The newest `count` publications, newest first; the cursor begins behind them."""
        channel = self._channel
        run = self._run() if self._begins_in_ring(None, count) else None
        if run is not None and self._is_fresh(run):
            page = self._ring_page(run[::-1])
        else:
            page = await self._node.pages.page(channel.name, Range(limit=count, reverse=True))
            channel.ring.learn(page)
        self.at_top(page)
        return page

    def at_top(self, page: History) -> None:
        """Begin behind everything that the stream had when this page was read."""
        self._cursor.begin(page, None, 0)

    def at_head(self) -> None:
        """Begin with whatever comes from now on; the cursor stands in the ring at once."""
        self._cursor.stand_at_head(self._channel.ring)

    def _ahead(self, since: Position | None, history: int | None) -> int:
        """How many publications there may be from where it begins."""
        ring = self._channel.ring
        if since is not None:
            return ring.top - since.offset if since.epoch == ring.epoch else ring.top
        return ring.top if history is None else min(history, ring.top)

    async def _turn(self) -> None:
        """Wait until there is time for a page, among all that peers cause in a turn of the loop."""
        turns = self._node.inbound.turns
        if not turns.has_time():
            await turns.wait()

    def _begins_in_ring(self, since: Position | None, history: int | None) -> bool:
        """Does the ring know where it begins? The cursor then stands there, or where it should."""
        # Else the ring may be behind its stream: only the broker can tell what is lost.
        return self._cursor.begin(self._ring_page(), since, history) is None

    def _is_there(self) -> bool:
        """Has the ring what comes behind the cursor?"""
        ring, offset = self._channel.ring, self._cursor.offset
        if self._channel.options.history_age is None:
            return ring.place(offset) is not None
        run = ring.run(offset, None, 1)
        return run is not None and self._is_fresh(run)

    def _is_fresh(self, run: Run[Publication]) -> bool:
        """Is what the ring has no older than the channel's history may be?"""
        age = self._channel.options.history_age
        return age is None or not run or run[0].time > time.time() - age

    def _ring_page(self, publications: list[Publication] | None = None) -> History:
        """A page as the ring knows its stream."""
        ring = self._channel.ring
        oldest = max(ring.oldest, ring.top - self._channel.options.history + 1)
        return History(publications or [], Position(ring.top, ring.epoch), oldest)

    def _run(self) -> Run[Publication] | None:
        """What the ring has right behind the cursor; None: not from there on."""
        return self._channel.ring.run(self._cursor.offset, self._max_bytes, self._limit)

    # -- reading on

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Step:
        cursor, ring = self._cursor, self._channel.ring
        while True:
            await self._pause()
            if cursor.state is not State.READING:
                raise StopAsyncIteration
            if cursor.offset >= self.goal:
                missed = cursor.reenter(ring)
                if missed:
                    lost = Lost(None, None, Reason.UNNUMBERED, cursor.epoch, missed)
                    return Step(self._ring_page(), [], lost)
                if missed is not None:
                    raise StopAsyncIteration
            if ring.top - cursor.offset > SHORT_PAGE:
                await self._turn()
            step = await self._next()
            if step is None:
                raise StopAsyncIteration
            if step.fresh or step.lost is not None:
                return step
            # We have all there is, and the ring does not: it missed a notification.
            await self._node.repair.run(self._channel)

    async def _next(self) -> Step | None:
        """The next page; None: the cursor was closed meanwhile."""
        cursor, ring = self._cursor, self._channel.ring
        is_inside = cursor.epoch == ring.epoch and cursor.offset < ring.top
        run = self._run() if is_inside else None
        if run is not None:
            page = self._ring_page(run)
            # Nothing is lost that the ring still has.
            page = page._replace(oldest=min(page.oldest, cursor.offset + 1))
        else:
            page = await self._read(cursor.offset)
        await self._pause()
        if cursor.state is not State.READING:
            return None
        fresh, lost = cursor.admit(page)
        if self.goal and lost is not None and lost.reason is Reason.EPOCH:
            self.goal = page.top.offset  # what was to be reached is no more
        return Step(page, fresh, lost)

    # -- the broker

    async def _read(self, after: int) -> History:
        page = await self._node.pages.page(self._channel.name, Range(after, self._limit, self._max_bytes))
        self._channel.ring.learn(page)
        return page

    async def _position(self, since: Position | None) -> History:
        name = self._channel.name
        page = await self._node.pages.page(name, POSITION)
        if since is not None and since.epoch == page.top.epoch and since.offset > page.top.offset:
            # Ahead of the top, or the page was read before the top was there: a new one tells.
            page = await self._node.pages.read(name, POSITION)
        self._channel.ring.learn(page)
        return page
