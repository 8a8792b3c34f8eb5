"""Who feeds the hub, on all nodes: what came of each source, when last, and what it said to have dropped."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from ..core.sources import Source, Standing
from ..hub import Hub

QUESTION = "sources"

IDLE_SECONDS = 15.0
"""A source that was silent for longer is idle. Feeders send as soon as they have something."""

HTTP = "http"
"""How those come that send by themselves."""

UNNAMED = "unnamed"
"""Rows that do not say where they come from."""

NAMING = b'"source"'
"""What a row has in it that says where it comes from."""

_GAP = b'"feeder_gap"'
_STATES = {"live": "up", "connecting": "retrying", "not started": "idle"}

Row = dict[str, Any]


def heard(hub: Hub, channel: str, rows: Sequence[bytes], now: float) -> None:
    """These rows, JSON each, were published for a program elsewhere. The last one says for which."""
    if not rows:
        return
    dropped = sum(_dropped(row) for row in rows if _GAP in row)
    hub.node.sources.note(_name(rows[-1]), channel, HTTP, len(rows), now, dropped)


def named(hub: Hub, channel: str, row: bytes) -> None:
    """One was published by itself: most of these are no feed's, and what names no source is none."""
    name = _name(row)
    if name != UNNAMED:
        hub.node.sources.note(name, channel, HTTP, 1, time.time(), _dropped(row) if _GAP in row else 0)


def _name(row: bytes) -> str:
    source = _read(row).get("source")
    return source[:200] if isinstance(source, str) and source else UNNAMED


def _dropped(row: bytes) -> int:
    said = _read(row)
    count = said.get("count")
    return count if said.get("kind") == "feeder_gap" and isinstance(count, int) and count > 0 else 0


def _read(row: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(row)
    except orjson.JSONDecodeError:
        return {}  # bytes that are no JSON, or more digits than it reads
    return said if isinstance(said, dict) else {}


def answer(hub: Hub) -> None:
    """Let this node answer the others when they ask for its sources."""
    hub.node.peers.questions.on(QUESTION, lambda about: here(hub))


async def everywhere(hub: Hub) -> list[Row]:
    """Those of all nodes that answer in time, the newest first. Raises BrokerError."""
    return _together(here(hub), (await hub.node.peers.ask(QUESTION)).values())


async def again(hub: Hub, within: float) -> list[Row]:
    """The same for who asks time and again: of the nodes that were there a few seconds ago."""
    return _together(here(hub), (await hub.node.peers.ask_again(QUESTION, within)).values())


def here(hub: Hub) -> list[Row]:
    """Those of this node."""
    sources, now = hub.node.sources, time.time()
    standing = (_standing(one, hub.name) for one in sources.standing)
    return [*standing, *(_row(source, hub.name, now) for source in sources.heard)]


def _together(rows: list[Row], answers: Iterable[list[Row]]) -> list[Row]:
    """One row for each source, also where its requests went to several nodes."""
    found: dict[tuple[str, str], Row] = {}
    for row in (*rows, *(row for said in answers for row in said)):
        # What a node reads itself is another source on each node.
        key = row["source"], row["channel"] if row["via"] == HTTP else row["node"]
        known = found.get(key)
        found[key] = row if known is None else _merged(known, row)
    return sorted(found.values(), key=lambda row: (row["via"] == HTTP, -(row["last_seen"] or 0)))


def _merged(one: Row, other: Row) -> Row:
    newest = max(one, other, key=lambda row: row["last_seen"])
    return {
        **newest,
        "since": min(one["since"], other["since"]),
        "rows": one["rows"] + other["rows"],
        "dropped": one["dropped"] + other["dropped"],
    }


def _row(source: Source, node: str, now: float) -> Row:
    return {
        "source": source.name,
        "channel": source.channel,
        "via": source.via,
        "node": node,
        "state": "up" if now - source.last_seen < IDLE_SECONDS else "idle",
        "since": source.since,
        "last_seen": source.last_seen,
        "rows": source.rows,
        "dropped": source.dropped,
        "error": None,
    }


def _standing(one: Standing, node: str) -> Row:
    state = _STATES.get(one.state)
    return {
        "source": one.name,
        "channel": "",
        "via": one.via,
        "node": node,
        "state": state or "down",
        "since": one.since,
        "last_seen": None,
        "rows": one.rows,
        "dropped": one.refused,
        "breaks": one.breaks,
        "error": None if state else one.state,
    }
