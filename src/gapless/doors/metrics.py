"""`/metrics`: what a hub counts and how it stands, in Prometheus' text format.

No name and no label holds a channel, a user or an address: there are as many series as there are
lines in the reference, however many clients there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from ..core.bounds import BOUNDS
from ..hub import Hub
from .guard import Guard
from .request import Refused, Request

PREFIX = "gapless_"

_MISSING = 'prometheus-client is not installed: pip install "gapless[metrics]"\n'


class Metrics:
    """An endpoint for the operator."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

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
        registry.register(_Collector(self._guard.hub))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Collector:
    """Reads the counts when it is asked: nothing is counted twice."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name, value in counts(self._hub).items():
            yield CounterMetricFamily(PREFIX + name, f"See the reference of counters: {name}.", value=value)
        for name, value in states(self._hub).items():
            yield GaugeMetricFamily(PREFIX + name, f"Now: {name.replace('_', ' ')}.", value=value)


def counts(hub: Hub) -> dict[str, float]:
    """What only grows, by name."""
    found: dict[str, float] = {**hub.counters.snapshot()}
    try:
        from ..server.bounded_http import counters as http
    except ModuleNotFoundError:
        pass  # another server: uvicorn or httptools is not installed
    else:
        found |= {f"http_{name}": value for name, value in asdict(http).items()}
    for bound in BOUNDS:
        owner, _, name = bound.counter.partition(".")
        if name:
            found[f"{owner}_{name}"] = getattr(hub.node.broker, name, 0)
    return found


def states(hub: Hub) -> dict[str, float]:
    """How it stands, by name."""
    stats = hub.stats()
    return {
        "clients": stats.clients,
        "users": stats.users,
        "channels": stats.channels,
        "subscriptions": stats.subscriptions,
        "uptime_seconds": stats.uptime_seconds,
        "ring_bytes": stats.ring_bytes,
        "in_flight_bytes": stats.in_flight_bytes,
        "inbound_bytes": hub.node.inbound.used,
    }
