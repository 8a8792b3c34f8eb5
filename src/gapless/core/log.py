"""One channel's ring: the newest entries of its log, numbered, with their frames encoded once.

The ring is fed by one rule. What the broker notifies is next (append), old (ignore) or further
on (`Gap`: read the missing range from history once, for everybody). Subscribers read from it by
index, a number local to this process that never goes back; offsets belong to the broker.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum
from typing import Any, NamedTuple, Protocol, Self

from ..errors import Gap
from ..model import History, Member, Publication, Run
from .window import Window

ENTRY_OVERHEAD = 200
"""Bytes an entry costs beside its payload: objects, references, the list slot."""


class Kind(Enum):
    """What an entry is."""

    PUBLICATION = "publication"
    JOIN = "join"
    LEAVE = "leave"


class Entry:
    """One place in the ring: a publication with or without an offset, a join or a leave.

    `frames` holds what was encoded for it, by frame key, shared by all who read it.
    """

    __slots__ = ("cost", "frames", "kind", "member", "offset", "publication")

    def __init__(
        self,
        publication: Publication | None = None,
        *,
        kind: Kind = Kind.PUBLICATION,
        member: Member | None = None,
    ) -> None:
        self.kind = kind
        self.publication = publication
        self.member = member
        self.offset = publication.offset if publication is not None else 0
        self.cost = ENTRY_OVERHEAD + (publication.size if publication is not None else 0)
        self.frames: dict[Hashable, Any] = {}


class View(Protocol):
    """How a group of subscribers sees entries. Who shares the key shares the bytes."""

    @property
    def key(self) -> Hashable:
        """Names the bytes that it makes: equal keys, equal bytes."""

    @property
    def relative(self) -> bool:
        """Does what it makes of a publication depend on the one before?"""

    @property
    def fresh(self) -> bool:
        """Must the first publication be shown without reference to one before it?"""

    @property
    def following(self) -> View:
        """How the same group sees entries after its first publication."""

    @property
    def restarted(self) -> View:
        """How it sees them after publications were left out."""

    def frame(self, channel: str, entry: Entry, previous: Entry | None) -> Any | None:
        """One entry as this view's wire wants it (anything with a length), or None: not shown.

        `previous` is the publication before it in the ring, for views that send differences.
        """

    def join(self, channel: str, frames: list[Any]) -> Any:
        """What the transport writes in one go, from one or more frames."""

    def concat(self, chunks: list[Any]) -> Any:
        """Several joins, of this channel or of others, as one."""


class SteadyView:
    """A view that shows an entry the same way whatever was shown before it."""

    relative = False
    fresh = False

    @property
    def following(self) -> Self:
        return self

    @property
    def restarted(self) -> Self:
        return self


class Chunk(NamedTuple):
    """Joined frames of the entries from one index up to `end`.

    `data` is None when the view shows none of them. `last_offset` is 0 when no entry had one.
    """

    view: View
    begin: int
    data: Any
    size: int
    end: int
    shown: int
    last_offset: int
    unnumbered: int
    excluded: frozenset[str]


_NOBODY: frozenset[str] = frozenset()
_MAX_CHUNKS = 64
_MAX_RUNS = 8


class Budget:
    """What all rings of a process hold together, frames included."""

    __slots__ = ("max_bytes", "used")

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used = 0


class Ring:
    """The newest entries of one channel.

    `first` and `head` are indexes: of the oldest entry kept, and of the next to come. `top` is
    the offset of the newest publication that has one, in `epoch`; entries with offsets are
    without holes among themselves. `oldest` is the oldest offset that history still kept when it
    was last read; it may have given up more since.
    """

    __slots__ = (
        "_budget",
        "_chunks",
        "_entries",
        "_runs",
        "bytes",
        "channel",
        "common",
        "epoch",
        "first",
        "head",
        "interrupted_at",
        "max_bytes",
        "max_entries",
        "oldest",
        "top",
        "unnumbered",
    )

    def __init__(
        self,
        channel: str,
        *,
        epoch: str = "",
        top: int = 0,
        oldest: int = 1,
        max_entries: int = 1024,
        max_bytes: int = 4 * 1024 * 1024,
        budget: Budget | None = None,
    ) -> None:
        self.channel = channel
        self.epoch = epoch
        self.top = top
        self.oldest = oldest
        self.first = 0
        self.head = 0
        self.bytes = 0
        self.unnumbered = 0
        self.interrupted_at = -1
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._budget = budget or Budget(max_bytes)
        self._entries: Window[Entry] = Window()
        self._chunks: dict[Hashable, Chunk] = {}
        self._runs: dict[Hashable, tuple[Run[Publication], int]] = {}
        """With what each is charged: about as many bytes again, once a protocol has encoded it."""
        self.common: Chunk | None = None
        """A chunk up to the head that everybody with its view and beginning may have as it is."""

    # -- feeding

    def append(self, publication: Publication) -> bool:
        """Add a publication that the broker notified.

        True: it is the next one, or has no offset; the ring has grown by it.
        False: it is old and was ignored.

        Raises:
            Gap: it lies beyond the next one, or in another epoch, and was not added. Read the
                broker's history after `top` once, append that, and offer it again.
        """
        offset = publication.offset
        if offset:
            if publication.epoch != self.epoch:
                # An epoch is adopted only when none is known, and only from its beginning.
                if self.epoch or offset != 1:
                    raise Gap(self.top, offset)
                self.epoch = publication.epoch
            elif offset <= self.top:
                return False
            if offset != self.top + 1:
                raise Gap(self.top, offset)
            self.top = offset
        self.add(Entry(publication))
        return True

    def add(self, entry: Entry) -> None:
        """Add an entry without asking: a join, a leave, or what `append` let through."""
        self._entries.append(entry)
        self.head += 1
        if not entry.offset:
            self.unnumbered += 1
        self._charge(entry.cost)
        if self._chunks:
            self._forget_chunks()
        if self._runs:
            self._forget_runs()
        while (kept := self.head - self.first) > self.max_entries or (
            self.bytes > self.max_bytes and kept > 1
        ):
            self._evict()

    def skip_to(self, top: int) -> None:
        """Go on behind `top` without what lies between. Everybody is behind by this, and reads history."""
        self.top = top
        self._step_over()

    def restart(self, epoch: str, top: int) -> None:
        """The stream began a new life. Everybody is behind by this, and finds another epoch."""
        self.epoch = epoch
        self.oldest = 1
        self.skip_to(top)

    def learn(self, page: History) -> None:
        """History was read, and says how far back it reaches."""
        if page.top.epoch == self.epoch and page.oldest > self.oldest:
            self.oldest = page.oldest

    def interrupt(self) -> None:
        """Entries without an offset may have been lost here. Everybody is behind by this, and told."""
        self.interrupted_at = self.head
        self._step_over()

    def _step_over(self) -> None:
        # One index that no entry has: a cursor that stood at the head now lies before `first`.
        self.shrink(0)
        self.head += 1
        self.first = self.head

    def shrink(self, max_bytes: int) -> int:
        """Give up the oldest entries until at most `max_bytes` are held; returns how many went."""
        self._forget_chunks()
        self._forget_runs()
        before = len(self._entries)
        while self._entries and self.bytes > max_bytes:
            self._evict()
        return before - len(self._entries)

    def _evict(self) -> None:
        self._charge(-self._entries.popleft().cost)
        self.first += 1

    def _charge(self, cost: int) -> None:
        self.bytes += cost
        self._budget.used += cost

    # -- reading

    def is_half_ahead(self, index: int) -> bool:
        """Has a reader at this index yet to read more than half of what the ring may keep?"""
        unread = self.head - index
        kept = self.head - self.first
        return 2 * unread > self.max_entries or 2 * self.bytes * unread > self.max_bytes * kept

    def place(self, offset: int) -> int | None:
        """The index where a reader that has everything up to `offset` goes on.

        None: it lies before the ring, or beyond its top; history must be read first.
        """
        entries = self._entries
        count = self.head - self.first
        if offset >= self.top:
            return None if offset > self.top else self.head - self._trailing(count)
        # Offsets have no holes: without entries that have none, an offset's place is a difference.
        at = count - (self.top - offset)
        if offset and at > 0 and (not self.unnumbered or entries[at - 1].offset == offset):
            return self.head - count + at
        oldest = self._oldest_numbered()
        if oldest is None or offset < entries[oldest].offset - 1:
            return None
        if offset == entries[oldest].offset - 1:
            return self.first
        # Entries without an offset lie between: search from the guess upwards.
        at = oldest + offset - entries[oldest].offset
        while entries[at].offset != offset:
            at += 1
        return self.first + at + 1

    def _trailing(self, count: int) -> int:
        """How many of the newest entries have no offset."""
        if not self.unnumbered:
            return 0
        found = 0
        while found < count and not self._entries[count - 1 - found].offset:
            found += 1
        return found

    def skip_unnumbered(self, index: int, end: int) -> int:
        """The first index from `index` on, and at most `end`, whose entry has an offset."""
        first = self.first
        while index < end and not self._entries[index - first].offset:
            index += 1
        return index

    def unnumbered_before(self, index: int) -> int:
        """How many entries without an offset there ever were before an index that lies in the ring."""
        if not self.unnumbered:
            return 0
        return self.unnumbered - sum(not entry.offset for entry in self.entries(index))

    def _oldest_numbered(self) -> int | None:
        for at in range(len(self._entries)):
            if self._entries[at].offset:
                return at
        return None

    def newest(self) -> int:
        """The index of the newest publication; the head when the ring holds none."""
        for at in range(len(self._entries) - 1, -1, -1):
            if self._entries[at].kind is Kind.PUBLICATION:
                return self.first + at
        return self.head

    def entries(self, begin: int, end: int | None = None) -> list[Entry]:
        """The entries from one index up to another (default: the head), as far as they are kept."""
        first = self.first
        return self._entries.slice(begin - first, (self.head if end is None else end) - first)

    def previous(self, index: int) -> Entry | None:
        """The newest publication before an index, if it is kept."""
        at = index - self.first - 1
        while at >= 0:
            entry = self._entries[at]
            if entry.kind is Kind.PUBLICATION:
                return entry
            at -= 1
        return None

    def chunk(self, view: View, index: int, max_bytes: int) -> Chunk:
        """Joined frames from an index on, of at most `max_bytes` unless the first alone is larger.

        The index must lie in the ring, below the head. Everybody who asks with the same view and
        index until the next entry arrives gets the same object.
        """
        key = (view.key, index)
        chunk = self._chunks.get(key)
        if chunk is None:
            chunk = self._build(view, index, max_bytes, exclude=None)
            if len(self._chunks) >= _MAX_CHUNKS:
                self._forget_chunks()
            self._chunks[key] = chunk
            if chunk.end == self.head and chunk.data is not None and not chunk.excluded and not view.fresh:
                self.common = chunk
            if chunk.shown > 1:
                self._charge(chunk.size)
        return chunk

    def chunk_for(self, client: str, view: View, index: int, max_bytes: int) -> Chunk:
        """As `chunk`, without what this client was excluded from, and shared with nobody."""
        return self._build(view, index, max_bytes, exclude=client)

    def run(self, after: int, max_bytes: int | None, limit: int | None) -> Run[Publication] | None:
        """The publications behind an offset, as a page of history would hold them; None: not from here.

        At most `limit`, and of at most `max_bytes` of payload unless the first alone is larger.
        Everybody who asks for the same until the next entry arrives gets the same object.
        """
        index = self.place(after)
        if index is None:
            return None
        key = (after, max_bytes, limit)
        kept = self._runs.get(key)
        if kept is None:
            if len(self._runs) >= _MAX_RUNS:
                self._forget_runs()
            kept = self._runs[key] = self._page(index, max_bytes, limit)
            self._charge(kept[1])
        return kept[0]

    def _page(self, index: int, max_bytes: int | None, limit: int | None) -> tuple[Run[Publication], int]:
        """The publications from an index on, and their bytes."""
        page: list[Publication] = []
        weight = 0
        for entry in self.entries(index):
            publication = entry.publication
            if publication is None or not entry.offset:
                continue
            size = publication.size
            if len(page) == limit or (page and max_bytes is not None and weight + size > max_bytes):
                break
            weight += size
            page.append(publication)
        return Run(page), weight

    def _build(self, view: View, index: int, max_bytes: int, exclude: str | None) -> Chunk:
        frames: list[Any] = []
        excluded: set[str] = set()
        size, last_offset, unnumbered, at = 0, 0, 0, index
        before = self.previous(index) if view.relative and not view.fresh else None
        for entry in self.entries(index):
            publication = entry.publication
            barred = publication.exclude if publication is not None else None
            if barred is None or barred != exclude:
                frame = self._frame(view, entry, before)
                if frame is not None:
                    if frames and size + len(frame) > max_bytes:
                        break
                    size += len(frame)
                    frames.append(frame)
            if barred is not None:
                excluded.add(barred)
            if entry.offset:
                last_offset = entry.offset
            else:
                unnumbered += 1
            if publication is not None:
                # Whoever was left out does not know it; nothing may build on it for him.
                before = None if barred is not None and barred == exclude else entry
            at += 1
        data = view.join(self.channel, frames) if frames else None
        barred_ones = frozenset(excluded) if excluded else _NOBODY
        return Chunk(view, index, data, size, at, len(frames), last_offset, unnumbered, barred_ones)

    def _frame(self, view: View, entry: Entry, before: Entry | None) -> Any | None:
        known = len(entry.frames)
        frame = view.frame(self.channel, entry, before)
        if frame is not None and len(entry.frames) > known:
            # The view kept it on the entry; it goes when the entry goes.
            entry.cost += len(frame)
            self._charge(len(frame))
        return frame

    def _forget_chunks(self) -> None:
        self.common = None
        for chunk in self._chunks.values():
            if chunk.shown > 1:
                self._charge(-chunk.size)
        self._chunks.clear()

    def _forget_runs(self) -> None:
        for _, weight in self._runs.values():
            self._charge(-weight)
        self._runs.clear()

    def release(self) -> None:
        """Give everything back to the budget; the ring is not used again."""
        self.shrink(0)
