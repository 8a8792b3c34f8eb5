"""One channel on this node: its ring, and who reads it here."""

from __future__ import annotations

from typing import Protocol

from ..options import ChannelOptions
from .cursor import Cursor
from .growth import Growth
from .log import Ring


class Subscriber(Protocol):
    """What the fan-out knows of a subscriber."""

    cursor: Cursor

    @property
    def resting(self) -> bool:
        """Does it wait because its client asked for a slower pace?"""

    def deliver(self) -> None:
        """Write what lies between the cursor and the head, if there is room. Never raises, never waits."""


class Channel:
    """A ring and its readers.

    `swept` is an index that every subscriber has reached or is marked lagging behind: how far
    the fan-out has come. `stale` says that the ring was found to be behind its stream, and that
    no history was read since. `looked_at` is the head when a publisher last looked for laggards.
    `announced` is what its joins and leaves have used of their rate (see `core.rate.spend`).
    `payload_bytes` came in publications, and `gaps` times a reader was told that some are gone, since
    somebody here reads it.
    """

    __slots__ = (
        "_growth",
        "_order",
        "announced",
        "dirty",
        "gaps",
        "lagging",
        "looked_at",
        "name",
        "options",
        "payload_bytes",
        "ring",
        "stale",
        "subscribers",
        "swept",
    )

    def __init__(self, name: str, options: ChannelOptions, ring: Ring) -> None:
        self.name = name
        self.options = options
        self.ring = ring
        self.subscribers: dict[Subscriber, None] = {}
        self.lagging: dict[Subscriber, bool] = {}
        self.dirty = False
        self.stale = False
        self.swept = ring.head
        self.looked_at = 0
        self.announced = 0.0
        self.payload_bytes = 0
        self.gaps = 0
        self._order: tuple[Subscriber, ...] | None = ()
        self._growth: Growth | None = None

    def add(self, subscriber: Subscriber) -> None:
        """From the next flush on, this one is served."""
        self.subscribers[subscriber] = None
        self._order = None

    def discard(self, subscriber: Subscriber) -> None:
        """It is served no more. Idempotent."""
        if subscriber in self.subscribers:
            del self.subscribers[subscriber]
            self.lagging.pop(subscriber, None)
            self._order = None

    def order(self) -> tuple[Subscriber, ...]:
        """The subscribers as they are now; joins and leaves do not disturb who iterates over it."""
        if self._order is None:
            self._order = tuple(self.subscribers)
        return self._order

    def mark_lagging(self, subscriber: Subscriber) -> None:
        """Its socket has no room; it reads on by itself when it drains."""
        subscriber.cursor.lag()
        self.lagging.setdefault(subscriber, False)

    def caught_up(self, subscriber: Subscriber) -> None:
        """It has been written up to the head, as far as it goes."""
        subscriber.cursor.caught_up()
        self.lagging.pop(subscriber, None)

    def fell_behind(self, subscriber: Subscriber) -> None:
        """The ring moved past it; it reads history, and no publisher waits for it."""
        subscriber.cursor.leave_ring()
        self.lagging.pop(subscriber, None)

    # -- pressure: what a publisher that awaits its receipt waits for

    def is_sweeping_behind(self) -> bool:
        """Are subscribers that were not reached yet more than half a ring behind?"""
        return self.ring.head - self.swept > self.ring.max_entries // 2

    def awaited(self) -> list[Subscriber]:
        """Lagging subscribers, not excused, that are more than half a ring behind but still in it."""
        ring = self.ring
        edge, first = ring.head - ring.max_entries // 2, ring.first
        return [
            subscriber
            for subscriber, excused in self.lagging.items()
            if not excused and first <= subscriber.cursor.index < edge
        ]

    def excuse(self, subscriber: Subscriber) -> None:
        """Nobody waits for this one again until it has caught up."""
        if subscriber in self.lagging:
            self.lagging[subscriber] = True

    # -- for those who watch

    @property
    def last(self) -> float:
        """When the newest publication came, in Unix seconds; 0 where none is at hand."""
        newest = next(iter(self.ring.entries(self.ring.newest(), self.ring.newest() + 1)), None)
        return 0.0 if newest is None or newest.publication is None else newest.publication.time

    def rates(self, now: float) -> tuple[float, ...] | None:
        """Publications and payload bytes that come in a second; None before a second look (see `Growth`)."""
        if self._growth is None:
            self._growth = Growth()
        ring = self.ring
        epoch, count = (ring.epoch, ring.top) if self.options.history else ("", ring.head)
        return self._growth.look(now, epoch, count, self.payload_bytes)
