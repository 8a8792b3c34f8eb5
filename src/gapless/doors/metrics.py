"""`/metrics`: what a hub counts and how it stands, in Prometheus' text format.

No name and no label holds a channel, a user or an address: there are as many series as there are
lines in the reference, however many clients there are. Where several processes share a port, a scrape
comes to any of them: each answers for all, and the label `worker` tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Literal, TypedDict

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from ..core.bounds import BOUNDS
from ..errors import BrokerError
from ..hub import Hub
from ..server.counters import counters as http
from ..server.noise import noise
from .guard import Guard
from .request import Refused, Request

PREFIX = "gapless_"

QUESTION = "measures"
"""What processes of a port ask each other."""


class Measures(TypedDict):
    """What one process has counted and how it stands, by name."""

    group: str
    worker: str
    counts: dict[str, float]
    states: dict[str, float]


_MISSING = 'prometheus-client is not installed: pip install "gapless[metrics]"\n'


class Metrics:
    """An endpoint for the operator."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._hub = guard.hub
        self._hub.node.peers.questions.on(QUESTION, lambda about: self._own())

    def _own(self) -> Measures:
        return {
            "group": self._hub.group,
            "worker": self._hub.name,
            "counts": counts(self._hub),
            "states": states(self._hub),
        }

    async def _of_all(self) -> list[Measures]:
        """Of the processes that share the port, as far as they answer."""
        found = [self._own()]
        if self._hub.group:
            try:
                said = await self._hub.node.peers.ask(QUESTION)
            except BrokerError:
                return found  # `/ready` says so
            found += [one for one in said.values() if one["group"] == self._hub.group]
        return found

    async def show(self, request: HttpRequest) -> Response:
        """`/metrics`: 200; 401 or 403 as for the API; 501 where the client library is not installed."""
        try:
            self._guard.admit_operator(request.scope, Request.of(request.scope))
        except Refused as refused:
            return Response(refused.reason, refused.status, media_type="text/plain")
        try:
            from prometheus_client import CollectorRegistry
            from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
        except ModuleNotFoundError:
            return Response(_MISSING, 501, media_type="text/plain")
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector(await self._of_all()))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Collector:
    """What was counted elsewhere, once for each answer: nothing is counted twice."""

    def __init__(self, measured: list[Measures]) -> None:
        self._measured = measured

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name in self._measured[0]["counts"]:
            text = f"See the reference of counters: {name}."
            yield self._filled(CounterMetricFamily(PREFIX + name, text, labels=self._labels), "counts", name)
        for name in self._measured[0]["states"]:
            text = f"Now: {name.replace('_', ' ')}."
            yield self._filled(GaugeMetricFamily(PREFIX + name, text, labels=self._labels), "states", name)

    @property
    def _labels(self) -> list[str]:
        return ["worker"] if self._measured[0]["group"] else []

    def _filled(self, family: Any, kind: Literal["counts", "states"], name: str) -> Any:
        for measured in self._measured:
            family.add_metric([measured["worker"]] if self._labels else [], measured[kind].get(name, 0.0))
        return family


def counts(hub: Hub) -> dict[str, float]:
    """What only grows, by name."""
    found: dict[str, float] = {**hub.counters.snapshot()}
    found |= {f"http_{name}": value for name, value in asdict(http).items()}
    found["server_noise"] = noise.count
    for bound in BOUNDS:
        owner, _, name = bound.counter.partition(".")
        if name:
            found[f"{owner}_{name}"] = getattr(hub.node.broker, name, 0)
    return found


def states(hub: Hub) -> dict[str, float]:
    """How it stands, by name."""
    stats = hub.stats()
    lag = hub.node.lag.reading()
    return {
        "clients": stats.clients,
        "users": stats.users,
        "channels": stats.channels,
        "subscriptions": stats.subscriptions,
        "uptime_seconds": stats.uptime_seconds,
        "ring_bytes": stats.ring_bytes,
        "in_flight_bytes": stats.in_flight_bytes,
        "inbound_bytes": hub.node.inbound.used,
        "loop_lag_longest_seconds": 0.0 if lag is None else lag.longest,
        "loop_lag_p99_seconds": 0.0 if lag is None else lag.p99,
    }
