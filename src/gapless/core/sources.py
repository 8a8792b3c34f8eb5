"""Who feeds the hub from outside, and how that goes: a bounded table of what was heard of each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST = 1_000
"""Sources that are remembered; with one more the one that was silent for longest is forgotten."""


@dataclass(slots=True)
class Source:
    """What was heard of one source in one channel. Times are Unix seconds."""

    name: str
    channel: str
    via: str
    since: float
    last_seen: float
    rows: int = 0
    dropped: int = 0
    """Rows that it said to have dropped before they reached the hub."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a source stands that this process reads itself. `state` is its own word for it.

    `since` is when it came up, or first went down, in Unix seconds; None: neither yet.
    """

    name: str
    via: str
    state: str
    rows: int
    refused: int
    breaks: int
    since: float | None = None


class Sources:
    """Those of one process."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._heard: OrderedDict[tuple[str, str], Source] = OrderedDict()
        self._standing: list[Callable[[], Standing]] = []
        self.changes = 0
        """Grows whenever something was heard."""

    def note(self, name: str, channel: str, via: str, rows: int, now: float, dropped: int = 0) -> None:
        """So many rows of it came."""
        found = self._heard.get((name, channel))
        if found is None:
            found = self._heard[name, channel] = Source(name, channel, via, now, now)
            if len(self._heard) > self._most:
                self._heard.popitem(last=False)
        self._heard.move_to_end((name, channel))
        found.via, found.last_seen = via, now
        found.rows += rows
        found.dropped += dropped
        self.changes += 1

    def add(self, look: Callable[[], Standing]) -> None:
        """One that this process reads itself; `look` says how it stands."""
        self._standing.append(look)

    @property
    def heard(self) -> list[Source]:
        """Those that came by themselves, the newest first."""
        return list(reversed(self._heard.values()))

    @property
    def standing(self) -> list[Standing]:
        """Those that this process reads itself, as they stand now."""
        return [look() for look in self._standing]
