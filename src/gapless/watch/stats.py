"""How the hub stands, second by second: totals and rates of all nodes, and where each channel is.

What a node says of itself is counted anyway; the rates are made by whoever watches, of two readings.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..brokers.base import MayFail
from ..core.channel import Channel
from ..errors import BrokerError
from ..hub import Hub
from ..node.history import POSITION

QUESTION = "stats"

CHANNELS = 200
"""Channels in one reading: those with the most subscribers."""

LOOK_EVERY = 5
"""Readings between two looks at the channels that nobody reads."""

FORGET_SECONDS = 10.0
"""A reading that is older says nothing about now."""

SUMMED = (
    "num_clients",
    "num_users",
    "num_subs",
    "ring_bytes",
    "in_flight_bytes",
    "inbound_bytes",
    "rss",
)
"""What the nodes have together. A user who is on two of them counts twice."""

RATED = (
    "published",
    "published_bytes",
    "writes",
    "pushed_bytes",
    "connections",
    "refused_connections",
    "client_errors",
    "gaps",
)
"""Counters whose rates are told."""


def here(hub: Hub) -> dict[str, Any]:
    """What this node says of itself: how it stands, its counters, and the tops of its rings."""
    stats = hub.stats()
    about = hub.node.peers.describe()
    lag = hub.node.lag.reading()
    rings = heapq.nlargest(CHANNELS, hub.node.rings.all(), key=lambda channel: len(channel.subscribers))
    return {
        "node": {
            **{name: about[name] for name in ("uid", "name", "version", "uptime")},
            "num_clients": stats.clients,
            "num_users": stats.users,
            "num_subs": stats.subscriptions,
            "num_channels": stats.channels,
            "ring_bytes": stats.ring_bytes,
            "in_flight_bytes": stats.in_flight_bytes,
            "inbound_bytes": hub.node.inbound.used,
            "rss": about["process"]["rss"],
            "cpu_seconds": round(time.process_time(), 3),
            "loop_lag": None if lag is None else lag._asdict(),
            "unready": unstorable(hub),
        },
        "counters": dict(stats.counters),
        "rings": {
            channel.name: _ring(channel) for channel in rings if channel.name not in hub.node.registry.own
        },
    }


def unstorable(hub: Hub) -> str | None:
    """Why nothing can be stored just now, without the paths that are nobody's here; None when it can."""
    broker = hub.node.broker
    if not isinstance(broker, MayFail) or broker.unready() is None:
        return None
    return "nothing can be stored just now; the log says why"


def answer(hub: Hub) -> None:
    """Let this node answer the others when they ask how it stands."""
    hub.node.peers.questions.on(QUESTION, lambda about: here(hub))


def _ring(channel: Channel) -> list[Any]:
    ring = channel.ring
    epoch, top = (ring.epoch, ring.top) if channel.options.history else ("", 0)
    return [
        len(channel.subscribers),
        epoch,
        top,
        ring.head,
        channel.payload_bytes,
        channel.gaps,
        channel.last,
    ]


@dataclass(slots=True)
class Place:
    """Where a channel stands, and how many read it.

    Without an epoch it keeps nothing. `head` counts what one of the nodes has heard, where it listens, and
    `payload_bytes` the bytes of that. `gaps` are those of its readers on all nodes, `last` is when the newest
    publication came, 0 where none is at hand.
    """

    clients: int = 0
    epoch: str = ""
    offset: int = 0
    head: int | None = None
    payload_bytes: int | None = None
    gaps: int = 0
    last: float = 0.0

    def merge(
        self,
        clients: int,
        epoch: str,
        offset: int,
        head: int,
        payload_bytes: int | None = None,  # what follows nodes of older versions do not say
        gaps: int = 0,
        last: float = 0.0,
    ) -> None:
        """What another node says of it. The one that is further on has heard more."""
        self.clients += clients
        self.head = head if self.head is None else self.head
        self.payload_bytes = payload_bytes if self.payload_bytes is None else self.payload_bytes
        self.gaps += gaps
        self.last = max(self.last, last)
        if offset >= self.offset:
            self.epoch, self.offset = epoch, offset

    def since(self, earlier: Place) -> int | None:
        """How much was published after that; None: nobody can say."""
        if self.epoch:
            return self.offset - earlier.offset if earlier.epoch == self.epoch else None
        if self.head is None or earlier.head is None:
            return None
        return self.head - earlier.head


@dataclass(frozen=True, slots=True)
class Reading:
    """What was there at a time (Unix seconds): the counters of each node, and the places of channels."""

    at: float
    counters: Mapping[str, Mapping[str, int]]
    places: Mapping[str, Place]


class Readings:
    """One reading after the other, each told with the rates since the one before.

    The others are waited for at most half of `every`, which is how many seconds lie between two.
    """

    def __init__(self, hub: Hub, every: float, clock: Callable[[], float] = time.time) -> None:
        self._hub = hub
        self._every = every
        self._clock = clock
        self._count = 0
        self._quiet: dict[str, Place] = {}
        """Channels that nobody reads, as they stood at the last look."""
        self._unseen = 0
        """So many more of these there are."""
        self._before: Reading | None = None

    async def next(self) -> dict[str, Any]:
        """How everything stands now."""
        others = await self._hub.node.peers.ask_again(QUESTION, self._every / 2)
        said = [here(self._hub), *(others[node] for node in sorted(others))]
        places = await self._places(said)
        now = Reading(self._clock(), {one["node"]["uid"]: one["counters"] for one in said}, places)
        before, self._before = self._before, now
        if before is not None and now.at - before.at > FORGET_SECONDS:
            before = None
        shown = heapq.nsmallest(CHANNELS, places, key=lambda name: (-places[name].clients, name))
        return {
            "time": round(now.at, 3),
            "totals": {name: sum(one["node"][name] for one in said) for name in SUMMED},
            "rates": None if before is None else _rates(before, now),
            "counters": _sum(now.counters.values()),
            "nodes": [one["node"] for one in said],
            "channels": {name: _row(name, before, now) for name in shown},
            "num_channels": len(places) + self._unseen,
        }

    async def _places(self, said: list[dict[str, Any]]) -> dict[str, Place]:
        """Where each channel stands, of those that somebody reads and of those that nobody does."""
        busy: dict[str, Place] = {}
        for one in said:
            for name, ring in one["rings"].items():
                busy.setdefault(name, Place()).merge(*ring)
        has_left = (
            self._before is not None and not self._before.places.keys() <= busy.keys() | self._quiet.keys()
        )
        if self._count % LOOK_EVERY == 0 or has_left:
            await self._look(busy)
        self._count += 1
        return {**self._quiet, **busy}

    async def _look(self, busy: Mapping[str, Place]) -> None:
        """The channels that nobody reads. A broker that does not answer leaves them as they were."""
        try:
            names = await self._hub.node.peers.streams()
        except BrokerError:
            return
        quiet = [name for name in names if name not in busy]
        shown = heapq.nsmallest(CHANNELS, quiet)
        places = await asyncio.gather(*map(self._place, shown))
        self._quiet = dict(zip(shown, places, strict=True))
        self._unseen = len(quiet) - len(shown)

    async def _place(self, name: str) -> Place:
        node = self._hub.node
        if not node.registry.options(name).history:
            return Place()
        try:
            page = await node.pages.read(name, POSITION)
        except BrokerError:
            return Place()
        return Place(0, page.top.epoch, page.top.offset)


def _row(name: str, before: Reading | None, now: Reading) -> dict[str, Any]:
    place = now.places[name]
    row: dict[str, Any] = {"num_clients": place.clients}
    if place.epoch:
        row |= {"epoch": place.epoch, "offset": place.offset}
    earlier = before.places.get(name) if before is not None else None
    came = place.since(earlier) if earlier is not None else None
    if before is not None and came is not None:
        row["rate"] = round(max(0, came) / _seconds(before, now), 3)
    if place.payload_bytes is not None:
        row["gaps"] = place.gaps
        if before is not None and earlier is not None and earlier.payload_bytes is not None:
            heard = max(0, place.payload_bytes - earlier.payload_bytes)
            row["bytes_rate"] = round(heard / _seconds(before, now), 3)
    if place.last:
        row["last"] = round(place.last, 3)
    return row


def _rates(before: Reading, now: Reading) -> dict[str, float]:
    """How much each counter grew in a second, on all nodes that were there both times."""
    both = before.counters.keys() & now.counters.keys()
    return {
        name: round(
            sum(max(0, now.counters[uid][name] - before.counters[uid][name]) for uid in both)
            / _seconds(before, now),
            3,
        )
        for name in RATED
    }


def _seconds(before: Reading, now: Reading) -> float:
    return max(now.at - before.at, 0.001)


def _sum(counters: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counters:
        for name, value in one.items():
            total[name] = total.get(name, 0) + value
    return total
