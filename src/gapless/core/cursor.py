"""One subscriber's place in a channel: the index up to which it has been written, and the offset.

A cursor holds nothing. First join with history, reconnect and slow client are the same thing:
read on from where you are.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ..model import History, Position, Publication
from .log import Ring


class State(Enum):
    """Where a cursor reads."""

    READING = "reading history"
    """Behind the ring, or not placed yet: pages come from the broker."""
    LIVE = "live"
    """In the ring and written as far as the socket took it."""
    LAGGING = "lagging"
    """In the ring; its socket had no room the last time."""
    CLOSED = "closed"
    """It reads no more."""


class Reason(Enum):
    """Why continuity was broken. The values stand on the wire."""

    TRIMMED = "trimmed"
    EPOCH = "epoch"
    LATEST = "latest"
    UNNUMBERED = "unnumbered"
    INTERRUPTED = "interrupted"
    BINARY = "binary"
    """It is no JSON, and this subscriber reads JSON only."""
    WITHHELD = "withheld"
    """It is kept, and this subscriber may not have it."""


class Lost(NamedTuple):
    """What a subscriber will not get: offsets `first` to `last`, or `missed` entries without one.

    `last` is None when nobody can know it (another epoch). `epoch` is that of everything after.
    """

    first: int | None
    last: int | None
    reason: Reason
    epoch: str
    missed: int = 0

    def and_then(self, later: Lost | None) -> Lost:
        """This and what was found to be lost right behind it, said at once."""
        if later is None:
            return self
        missed = self.missed + later.missed
        if Reason.EPOCH in (self.reason, later.reason):
            return Lost(self.first, None, Reason.EPOCH, later.epoch, missed)
        return Lost(self.first, later.last, later.reason, later.epoch, missed)


class Cursor:
    """A place in one channel's ring, or on the way to it.

    Every move of `state` is made here.
    """

    __slots__ = ("_unnumbered", "epoch", "index", "offset", "state")

    def __init__(self, epoch: str = "", offset: int = 0) -> None:
        self.state = State.READING
        self.index = 0
        self.offset = offset
        self.epoch = epoch
        # Entries without an offset that came before `index`: how many are missed is a difference.
        self._unnumbered = 0

    # -- the start

    def begin(self, page: History, since: Position | None, history: int | None) -> Lost | None:
        """Stand where a new subscriber starts, in a stream that stands as `page` says.

        That is right behind `since`, and what cannot be read from there is returned; or, where no
        position is named, before the newest `history` publications (None: all that are kept). The
        page's own publications are not looked at: `admit` takes them. Begun again with a page that
        knows better, it starts anew.
        """
        if since is not None:
            self.offset, self.epoch = since
            return self._reconcile(page)
        kept, top = page.oldest - 1, page.top.offset
        self.epoch = page.top.epoch
        self.offset = kept if history is None else max(kept, top - history)
        return None

    def come(self, ring: Ring) -> None:
        """Its interest begins at the head: what has no offset and came before is not its own."""
        self.index = ring.head
        self._unnumbered = ring.unnumbered

    def place(self, ring: Ring, not_before: int = 0) -> bool:
        """Enter the ring right behind `offset`, if that lies in it. True: the cursor is live.

        `not_before` is the index where a new subscriber's interest begins: entries without an
        offset right here but before that were published before it came, or seen on an earlier visit.
        """
        if self.epoch != ring.epoch:
            return False
        index = ring.place(self.offset)
        if index is None:
            return False
        self.index = ring.skip_unnumbered(index, not_before) if index < not_before else index
        self._unnumbered = ring.unnumbered_before(self.index) if ring.unnumbered else 0
        self.state = State.LIVE
        return True

    def stand_at_head(self, ring: Ring) -> None:
        """Enter the ring where the next entry will be."""
        self.come(ring)
        self.offset = ring.top
        self.epoch = ring.epoch
        self.state = State.LIVE

    def stand_at(self, ring: Ring, index: int) -> None:
        """Enter the ring at an index, in a channel whose entries have no offsets."""
        self.index = max(index, ring.first)
        self._unnumbered = ring.unnumbered_before(self.index)
        self.offset = ring.top
        self.epoch = ring.epoch
        self.state = State.LIVE

    def advance(self, index: int, offset: int, unnumbered: int) -> None:
        """Everything before `index` was written.

        `offset` is the last one among it, 0 for none; `unnumbered` how many had none.
        """
        self.index = index
        self._unnumbered += unnumbered
        if offset:
            self.offset = offset

    def is_behind(self, ring: Ring) -> bool:
        """Has the ring moved past this cursor?"""
        return self.index < ring.first

    def jump(self, ring: Ring) -> Lost | None:
        """Go to the newest publication and leave out what lies between (`on_gap="latest"`)."""
        newest = ring.newest()
        if newest <= self.index:
            return None
        kept = ring.entries(newest)
        last = kept[0].offset - 1 if kept and kept[0].offset else ring.top
        interrupted = self._is_interrupted(ring, newest)
        unnumbered = ring.unnumbered_before(newest)
        missed = unnumbered - self._unnumbered
        lost: Lost | None = None
        if self.epoch != ring.epoch:
            lost = Lost(self.offset + 1, None, Reason.EPOCH, ring.epoch, missed)
        elif last > self.offset:
            lost = Lost(self.offset + 1, last, Reason.LATEST, ring.epoch, missed)
        elif missed or interrupted:
            reason = Reason.INTERRUPTED if interrupted else Reason.LATEST
            lost = Lost(None, None, reason, ring.epoch, missed)
        self.index, self.offset, self.epoch, self._unnumbered = newest, last, ring.epoch, unnumbered
        return lost

    def skip(self, ring: Ring) -> Lost:
        """Go on at the oldest entry still kept, in a channel whose entries no history holds."""
        interrupted = self._is_interrupted(ring, ring.first)
        unnumbered = ring.unnumbered_before(ring.first)
        missed = unnumbered - self._unnumbered
        self.index, self._unnumbered = ring.first, unnumbered
        reason = Reason.INTERRUPTED if interrupted else Reason.UNNUMBERED
        return Lost(None, None, reason, ring.epoch, missed)

    def _is_interrupted(self, ring: Ring, end: int) -> bool:
        return self.index <= ring.interrupted_at < end

    def lag(self) -> None:
        """Its socket has no room: it reads on when that drains."""
        self.state = State.LAGGING

    def caught_up(self) -> None:
        """It has been written as far as its socket took it."""
        self.state = State.LIVE

    def close(self) -> None:
        """It reads no more."""
        self.state = State.CLOSED

    # -- behind the ring

    def leave_ring(self) -> None:
        """The ring moved past: from here on pages come from history."""
        self.state = State.READING

    def reenter(self, ring: Ring) -> int | None:
        """Enter the ring again after reading history up to `offset`.

        Returns how many entries without an offset were missed meanwhile, which no history
        holds; None when the ring does not reach back to here and another page is needed.
        """
        before = self._unnumbered
        if not self.place(ring, self.index):
            return None
        return max(0, self._unnumbered - before)

    def admit(self, page: History) -> tuple[list[Publication], Lost | None]:
        """Take a page that was read after `offset`: what is new in it, and what is lost before that.

        Afterwards the cursor stands behind the page's last publication.
        """
        lost = self._reconcile(page)
        fresh = page.publications
        if fresh and fresh[0].offset <= self.offset:
            fresh = [publication for publication in fresh if publication.offset > self.offset]
        if fresh and fresh[0].offset != self.offset + 1:
            # The page was read for another place than the one we just moved to. Read again.
            return [], lost
        if fresh:
            self.offset = fresh[-1].offset
        return fresh, lost

    def stop_at(self, offset: int) -> None:
        """Of what was admitted only this much found its place; the rest is read again."""
        self.offset = offset

    def _reconcile(self, page: History) -> Lost | None:
        """Stand where the page's stream can be read on from; what is lost by that."""
        lost: Lost | None = None
        top, oldest = page.top, page.oldest
        if not self.epoch and not self.offset:
            self.epoch = top.epoch  # from the very beginning, whichever life of the stream it is
        if top.epoch != self.epoch:
            lost = Lost(self.offset + 1, None, Reason.EPOCH, top.epoch)
            self.epoch, self.offset = top.epoch, oldest - 1
        elif self.offset > top.offset:
            # Ahead of its own epoch: a claim that cannot be true, and is never believed.
            lost = Lost(top.offset + 1, None, Reason.EPOCH, self.epoch)
            self.offset = oldest - 1
        elif oldest > self.offset + 1:
            lost = Lost(self.offset + 1, oldest - 1, Reason.TRIMMED, self.epoch)
            self.offset = oldest - 1
        return lost
