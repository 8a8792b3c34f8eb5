"""Requests that are sent again because their answer was lost: how far each was done.

Pure: no clock of its own.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from ..model import Position


@dataclass(slots=True)
class Progress:
    """How far one request was done. `lock` is held by whoever does it just now."""

    done: int = 0
    """So many of its publications are with the broker."""
    epoch: str = ""
    runs: list[list[int]] = field(default_factory=list)
    """First and last offset of each run without a hole, in this epoch: one, unless others publish too."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def note(self, position: Position | None) -> None:
        """The next publication is with the broker."""
        self.note_run(1, position)

    def note_run(self, count: int, last: Position | None) -> None:
        """So many, without a hole between them, are with the broker."""
        self.done += count
        if last is None:
            return
        if last.epoch != self.epoch:
            self.epoch, self.runs = last.epoch, []
        first = last.offset - count + 1
        if self.runs and first == self.runs[-1][1] + 1:
            self.runs[-1][1] = last.offset
        else:
            self.runs.append([first, last.offset])


class Once:
    """The progress of each request that carries a key, for as long as it may be sent again.

    Above `most` keys the oldest is forgotten.
    """

    def __init__(self, seconds: float, most: int, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._most = most
        self._now = now
        self._kept: OrderedDict[tuple[str, str], tuple[float, Progress]] = OrderedDict()

    def progress(self, channel: str, key: str | None) -> Progress:
        """That of the request with this key, a new one where it was not seen. None: it is never repeated."""
        if key is None:
            return Progress()
        now = self._now()
        while self._kept and next(iter(self._kept.values()))[0] <= now:
            self._kept.popitem(last=False)
        known = self._kept.get((channel, key))
        if known is not None:
            return known[1]
        progress = Progress()
        self._kept[channel, key] = now + self._seconds, progress
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return progress
