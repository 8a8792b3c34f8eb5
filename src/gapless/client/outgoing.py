"""What waits for a hub: in order per channel, bounded in bytes, with a mark where something was dropped.

Pure: no thread, no clock, no I/O. Its owner holds a lock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import orjson

from .receipt import Settles

ENTRY_BYTES = 256
"""Of memory that one publication takes beside its payload, roughly."""


class Overflow(StrEnum):
    """What happens to a publication for which there is no room."""

    BLOCK = "block"
    """Whoever publishes waits."""
    BLOCK_WHILE_UP = "block_while_up"
    """Whoever publishes waits while the hub answers; while it is away, what comes is dropped."""
    DROP_OLDEST = "drop_oldest"
    """The oldest that wait are dropped for it."""
    RAISE = "raise"
    """`publish` raises Overloaded."""


Entry = tuple[bytes, Settles | None]


@dataclass(slots=True)
class Lost:
    """How many are missing at one place, and why."""

    count: int = 0
    reason: str = ""

    def more(self, count: int, reason: str) -> None:
        """So many more, for the newest reason."""
        self.count += count
        self.reason = reason


class _Channel:
    """What waits for one channel, and what is missing before and behind it."""

    __slots__ = ("after", "before", "entries")

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self.before = Lost()
        self.after = Lost()


@dataclass(slots=True)
class Batch:
    """Publications to one channel that go together."""

    channel: str
    entries: list[Entry]
    key: str

    def without(self, at: int, key: str) -> Entry:
        """Take one of them out, and go under another key from now on."""
        self.key = key
        return self.entries.pop(at)


class Journal(Protocol):
    """Knows after a crash what was under way."""

    @property
    def again(self) -> Batch | None:
        """What an earlier life sent without having read the answer: it goes under the key that it had."""

    def before(self, batch: Batch) -> None:
        """This goes next; called on the sending thread, before each attempt."""


class Outgoing:
    """Publications by channel. Once full, there is room again when half of `max_bytes` is free.

    `stamp` gives the time of a mark, `next_key` the idempotency key of a batch.
    """

    def __init__(self, max_bytes: int, stamp: Callable[[], str], next_key: Callable[[], str]) -> None:
        self.dropped = 0
        """Publications for which there was no room."""
        self.count = 0
        """Publications that wait, or are on their way."""
        self.bytes = 0
        """What they hold."""
        self.max_bytes = max_bytes
        self._stamp = stamp
        self._next_key = next_key
        self._full = False
        self._again: Batch | None = None
        self._channels: OrderedDict[str, _Channel] = OrderedDict()

    @property
    def waiting(self) -> bool:
        """Is there something that `take` would give?"""
        return bool(self._channels) or self._again is not None

    def has_room(self) -> bool:
        """Is there room? Once there was none, only when half of it is free again.

        Otherwise every second publication would be a mark of the first.
        """
        if self._full and self.bytes <= self.max_bytes // 2:
            self._full = False
        elif self.bytes >= self.max_bytes:
            self._full = True
        return not self._full

    def append(self, channel: str, entries: Sequence[Entry]) -> None:
        """Add them behind everything for this channel; behind a mark, if some were dropped there."""
        here = self._channel(channel)
        if here.after.count:
            self._mark(here)
        for entry in entries:
            here.entries.append(entry)
            self.bytes += len(entry[0]) + ENTRY_BYTES
        self.count += len(entries)

    def drop(self, channel: str, count: int, reason: str) -> None:
        """So many did not come in; a mark will stand in their place."""
        self._channel(channel).after.more(count, reason)
        self.dropped += count

    def make_room(self, size: int, reason: str) -> list[Entry]:
        """Drop the oldest of the channel that holds most until `size` more fit, as far as that helps."""
        dropped: list[Entry] = []
        while self.bytes + size > self.max_bytes:
            here = max(self._channels.values(), key=lambda one: len(one.entries), default=None)
            if here is None or not here.entries:
                break
            # Many at once: looking for the longest costs more than dropping.
            for _ in range(min(len(here.entries), 64)):
                if self.bytes + size <= self.max_bytes:
                    break
                entry = here.entries.popleft()
                dropped.append(entry)
                self._forget(entry)
                here.before.more(1, reason)
        self.dropped += len(dropped)
        return dropped

    def again(self, batch: Batch) -> None:
        """Let this one be the next, under the key that it has."""
        self._again = batch
        self.count += len(batch.entries)
        self.bytes += _size(batch.entries)

    def take(self, most: int, most_bytes: int) -> Batch:
        """The next batch; channels have their turns. It stays counted until `settled`."""
        if self._again is not None:
            batch, self._again = self._again, None
            return batch
        channel, here = next(iter(self._channels.items()))
        taken: list[Entry] = []
        if here.before.count:
            taken.append((self._mark_of(here.before), None))
            here.before = Lost()
        if self.bytes <= most_bytes and len(here.entries) < most:
            # All of it, at once: who publishes waits for the lock meanwhile.
            taken += here.entries
            here.entries.clear()
        size = 0
        while here.entries and len(taken) < most:
            size += len(here.entries[0][0])
            if taken and size > most_bytes:
                break
            taken.append(here.entries.popleft())
        if not here.entries and here.after.count and len(taken) < most:
            self._mark(here)
            taken.append(here.entries.popleft())
        if here.entries or here.after.count:
            self._channels.move_to_end(channel)
        else:
            del self._channels[channel]
        return Batch(channel, taken, self._next_key())

    def settled(self, entries: Sequence[Entry]) -> None:
        """They wait no more: the hub has them, or will not have them."""
        self.count -= len(entries)
        self.bytes -= _size(entries)

    def clear(self) -> None:
        """Forget everything that waits; it is somebody else's."""
        self._channels.clear()
        self._again = None
        self.count = self.bytes = 0
        self._full = False

    def _channel(self, channel: str) -> _Channel:
        here = self._channels.get(channel)
        if here is None:
            here = self._channels[channel] = _Channel()
        return here

    def _mark(self, here: _Channel) -> None:
        """Let what is missing behind the entries be said by an entry."""
        mark = self._mark_of(here.after)
        here.after = Lost()
        here.entries.append((mark, None))

    def _mark_of(self, lost: Lost) -> bytes:
        body = notice(lost.count, lost.reason, self._stamp())
        self.count += 1
        self.bytes += len(body) + ENTRY_BYTES
        return body

    def _forget(self, entry: Entry) -> None:
        self.count -= 1
        self.bytes -= len(entry[0]) + ENTRY_BYTES


def _size(entries: Sequence[Entry]) -> int:
    return sum(len(body) for body, _ in entries) + ENTRY_BYTES * len(entries)


def notice(count: int | None, reason: str, time: str) -> bytes:
    """The row that stands where something is missing. `count` None: nobody knows how much."""
    many = (
        "something is" if count is None else "1 publication is" if count == 1 else f"{count} publications are"
    )
    return orjson.dumps(
        {
            "kind": "feeder_gap",
            "count": count,
            "time": time,
            "level": "warning",
            "message": f"{many} missing here: {reason}",
        }
    )
