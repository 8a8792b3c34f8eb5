"""The hub's own channels: `$stats`, `$clients`, `$sources` and `$notices`, for whoever may call the API."""

from __future__ import annotations

from typing import Any

import orjson

from ..hub import Hub
from . import clients, listing, sources, stats
from .notices import Notices

STATS_SECONDS = 1.0
"""Between two readings: a number that moves once a second can be read."""

CLIENTS_SECONDS = 1.0
"""As `STATS_SECONDS`."""

SOURCES_SECONDS = 0.5
"""A source that goes down should be seen at once; between two looks nothing is said unless it changed."""

NOTICES_SECONDS = 1.0
"""As `STATS_SECONDS`."""

CLIENTS = 200
"""Clients that are told of: as many as a page shows, those furthest behind."""

SOURCES = 200
"""Sources that are told of, the newest."""


def watch(hub: Hub) -> None:
    """Let this hub say how it does, to those who may watch and while they do, and answer its other nodes."""
    for one in (stats, clients, sources, listing):
        one.answer(hub)
    hub.node.own.add("$stats", _Stats(hub).say, every=STATS_SECONDS)
    hub.node.own.add("$clients", _Clients(hub).say, every=CLIENTS_SECONDS)
    hub.node.own.add("$sources", _Sources(hub).say, every=SOURCES_SECONDS)
    hub.node.own.add("$notices", _Notices(hub).say, every=NOTICES_SECONDS)


class _Stats:
    """One whole reading each time."""

    def __init__(self, hub: Hub) -> None:
        self._readings = stats.Readings(hub, STATS_SECONDS)

    async def say(self, anew: bool) -> list[bytes]:
        return [orjson.dumps(await self._readings.next())]


class _Clients:
    """All rows to begin with, then those that are others than before."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._known: dict[str, dict[str, Any]] = {}
        self._total = 0

    async def say(self, anew: bool) -> list[bytes]:
        found = await clients.again(self._hub, CLIENTS, CLIENTS_SECONDS / 2)
        rows = {row["client"]: row for row in found.rows}
        known, self._known = self._known, rows
        total, self._total = self._total, found.total
        about = {"total": found.total, **({} if found.cursor is None else {"cursor": found.cursor})}
        if anew:
            return [orjson.dumps({"all": True, "clients": found.rows, **about})]
        changed = [row for client, row in rows.items() if known.get(client) != row]
        gone = [client for client in known if client not in rows]
        if not changed and not gone and total == found.total:
            return []
        return [orjson.dumps({"clients": changed, "gone": gone, **about})]


class _Sources:
    """All of them, when there is something new about one."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._known: list[dict[str, Any]] | None = None

    async def say(self, anew: bool) -> list[bytes]:
        rows = await sources.again(self._hub, SOURCES_SECONDS / 2)
        if rows == self._known and not anew:
            return []
        self._known = rows
        return [orjson.dumps({"sources": rows[:SOURCES], "total": len(rows)})]


class _Notices:
    """Each by itself: a log record like those of anybody else."""

    def __init__(self, hub: Hub) -> None:
        self._notices = Notices(hub, NOTICES_SECONDS / 2)

    async def say(self, anew: bool) -> list[bytes]:
        return [orjson.dumps(notice) for notice in await self._notices.next(anew)]
