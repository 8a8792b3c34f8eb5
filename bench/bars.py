"""What the hub asks of itself: ratios within one run, so that they mean the same on every machine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from . import peers
from .sheet import Sheet

Find = Callable[[str, str], float]


class NotMeasured(Exception):
    """A figure that a ratio needs is not in the sheet."""


@dataclass(frozen=True, slots=True)
class Bar:
    """`value` takes a function (row key, peer name) → median, and the hub's name."""

    label: str
    bound: float
    at_least: bool
    value: Callable[[Find, str], float]

    def met(self, value: float) -> bool:
        """Is it good enough?"""
        return value >= self.bound if self.at_least else value <= self.bound

    @property
    def wanted(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bar held against one variant of the hub."""

    peer: str
    bar: Bar
    value: float

    @property
    def met(self) -> bool:
        return self.bar.met(self.value)


def verdicts(sheet: Sheet) -> list[Verdict]:
    """Every bar for which the figures are there, for each measured variant of the hub."""

    def find(key: str, peer: str) -> float:
        value = sheet.median(key, peer)
        if value is None or math.isinf(value) or not value:
            raise NotMeasured(key)
        return value

    found: list[Verdict] = []
    for hub in (peers.HUB.name, peers.HUB_FAST.name, peers.HUB_CENTRIFUGE.name):
        for bar in BARS:
            try:
                found.append(Verdict(hub, bar, bar.value(find, hub)))
            except NotMeasured:
                continue  # not in this run
    for name, bar in (OWN_APP_BAR, *STORE_BARS, *MANAGER_BARS, *HTTP_BARS):
        try:
            found.append(Verdict(name, bar, bar.value(find, name)))
        except NotMeasured:
            continue
    return found


def _over_bare_route(clients: int, bound: float) -> Bar:
    """What a core can take in over HTTP, beside a route that only parses and answers."""
    key, bare = f"http.cpu.{clients}", "http.cpu.0"
    label = f"HTTP, {clients:,} clients attached: requests per CPU second over a bare route's"
    return Bar(label, bound, True, lambda find, peer: find(bare, peers.HTTP_BARE.name) / find(key, peer))


def _over_go(clients: int, bound: float) -> Bar:
    """The same beside the server in Go, on one core as well."""
    key = f"http.cpu.{clients}"
    label = f"HTTP, {clients:,} clients attached: requests per CPU second over Centrifugo's"
    return Bar(label, bound, True, lambda find, peer: find(key, peers.CENTRIFUGO.name) / find(key, peer))


def _broadcasts(clients: int, bound: float) -> Bar:
    """A class that holds connections, beside the one that is copied, under plain uvicorn."""
    key = f"broadcasts.{clients}"
    label = f"broadcasts to {clients:,}: over the copied class"
    return Bar(label, bound, True, lambda find, peer: find(key, peer) / find(key, peers.COPIED.name))


def _growth(find: Find, peer: str) -> float:
    """CPU per delivery with 10,000 clients over that with 100."""
    return find("fan_out.10000.cpu", peer) / find("fan_out.100.cpu", peer)


def _pressure(find: Find, hub: str) -> float:
    """Of a publisher that does not wait for every receipt, which is as fast as it can be."""
    return find("pressure.1000.100.rate", hub)


def _fast_acceptor(hub: str) -> str:
    """The application that only accepts, where it too is entered by the fast path's handshake."""
    if hub == peers.HUB.name:
        raise NotMeasured(hub)
    return peers.ACCEPT_ONLY_FAST.name


BARS = (
    Bar(
        "fan-out to 1,000: over the bare send loop",
        0.75,
        True,
        lambda find, hub: find("fan_out.1000.rate", hub) / find("fan_out.1000.rate", peers.BARE.name),
    ),
    Bar(
        "fan-out to 1,000: over the naive class",
        3,
        True,
        lambda find, hub: find("fan_out.1000.rate", hub) / find("fan_out.1000.rate", peers.NAIVE.name),
    ),
    Bar(
        "growth of CPU per delivery, 100 → 10,000 clients: over the bare send loop's",
        1.2,
        False,
        lambda find, hub: _growth(find, hub) / _growth(find, peers.BARE.name),
    ),
    Bar(
        "under pressure, 1,000: over one at a time",
        5,
        True,
        lambda find, hub: _pressure(find, hub) / find("fan_out.1000.rate", hub),
    ),
    Bar(
        "under pressure, 1,000: over the naive class",
        15,
        True,
        lambda find, hub: _pressure(find, hub) / find("pressure.1000.1.rate", peers.NAIVE.name),
    ),
    Bar(
        "p99 at 50 % load: over the bare send loop",
        2,
        False,
        lambda find, hub: find("latency.50.p99", hub) / find("latency.50.p99", peers.BARE.name),
    ),
    Bar("server KiB per idle connection", 12, False, lambda find, hub: find("memory.server", hub)),
    Bar(
        "handshakes: over an application that only accepts",
        0.8,
        True,
        lambda find, hub: find("connect.rate", hub) / find("connect.rate", peers.ACCEPT_ONLY.name),
    ),
    Bar(
        "reconnect storm recovered: over the bare handshakes of one",
        1.5,
        False,
        lambda find, hub: find("storm.recovered", hub) / find("storm.connected", peers.ACCEPT_ONLY.name),
    ),
    Bar(
        "handshakes: over such an application on the fast path",
        0.8,
        True,
        lambda find, hub: find("connect.rate", hub) / find("connect.rate", _fast_acceptor(hub)),
    ),
    Bar(
        "reconnect storm recovered: over the bare handshakes of such a one",
        1.5,
        False,
        lambda find, hub: find("storm.recovered", hub) / find("storm.connected", _fast_acceptor(hub)),
    ),
    Bar(
        "throughput beside bad clients: over without them",
        0.9,
        True,
        lambda find, hub: find("bad.rate.with", hub) / find("bad.rate.without", hub),
    ),
    Bar(
        "p99 at 50 % load beside bad clients: over without them",
        1.5,
        False,
        lambda find, hub: find("bad.latency.50.p99", hub) / find("bad.p99.without", hub),
    ),
)

OWN_APP_BAR = (
    peers.OWN_APP.name,
    Bar(
        "fan-out to 1,000, published by a route: over the bare send loop",
        0.8,
        True,
        lambda find, peer: find("fan_out.1000.rate", peer) / find("fan_out.1000.rate", peers.BARE.name),
    ),
)

STORE_BARS = tuple(
    (
        peer.name,
        Bar(
            "fan-out to 1,000: over memory",
            0.8,
            True,
            lambda find, peer: (
                find("fan_out.1000.rate", peer) / find("fan_out.1000.rate", peers.HUB_FAST.name)
            ),
        ),
    )
    for peer in (peers.HUB_SQLITE, peers.HUB_REDIS)
)

MANAGER_BARS = (
    *((peers.DROP_IN.name, _broadcasts(clients, 1)) for clients in (1, 20, 100, 1_000)),
    *((peers.DROP_IN_FAST.name, _broadcasts(clients, 1.5)) for clients in (1, 20, 100, 1_000)),
    *((peers.MIDDLEWARE.name, _broadcasts(clients, 0.9)) for clients in (1, 100)),
    *(
        (
            peer.name,
            Bar(
                "broadcasts beside a frozen client: worst ms",
                100,
                False,
                lambda find, peer: find("broadcasts.frozen", peer),
            ),
        )
        for peer in (peers.MIDDLEWARE, peers.DROP_IN, peers.DROP_IN_FAST)
    ),
)

HTTP_BARS = (
    *((peers.HTTP_DIRECT.name, _over_bare_route(clients, 1.5)) for clients in (0, 1_000)),
    *((peers.HTTP_MOUNTED.name, _over_bare_route(clients, 0.7)) for clients in (0, 1_000)),
    *((peers.HTTP_DIRECT.name, _over_go(clients, 0.7)) for clients in (0, 1_000)),
    *(
        (peer.name, Bar("NDJSON publications/s", 300_000, True, lambda find, peer: find("http.ndjson", peer)))
        for peer in (peers.HTTP_DIRECT, peers.HTTP_MOUNTED)
    ),
)
