"""What is told to those who watch the hub at work: channels with their numbers, clients with their lag.

Everything is computed for the one who asks, and for what is returned alone: a hub that nobody watches
pays nothing for it.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import Any

from ..core.cursor import State
from ..errors import BrokerError
from ..hub import Hub
from ..node.history import POSITION
from ..sessions.session import Session
from ..sessions.subscription import Subscription
from .arguments import BadBody, Fields, field
from .glob import glob

MAX_ROWS = 1_000
"""Channels or clients in one answer."""

SHOWN_SUBSCRIPTIONS = 50
"""Subscriptions of one client in an answer; `num_subs` counts them all."""

CLIENTS_AT_ONCE = 500
"""Sessions looked at before the loop has a turn."""


def limit_of(said: Fields, default: int) -> int:
    """How many rows are asked for. Raises BadBody."""
    limit: int = field(said, "limit", int, default)
    if not 1 <= limit <= MAX_ROWS:
        raise BadBody(f"limit is between 1 and {MAX_ROWS}")
    return limit


async def channels(hub: Hub, said: Fields) -> dict[str, Any]:
    """Channels with subscribers, by wish those that match a pattern, and what they keep.

    With `counters`, those with the most subscribers come first, `limit` of them (default 100), and
    each has its position and how many publications are kept. Raises BadRequest, BadBody or BrokerError.
    """
    matches = glob(field(said, "pattern", str, ""))
    found = {
        name: clients
        for name, clients in (await hub.occupancy(all=field(said, "all", bool, False))).items()
        if matches(name)
    }
    if not field(said, "counters", bool, False):
        return {"channels": {name: {"num_clients": clients} for name, clients in found.items()}}
    busiest = heapq.nsmallest(limit_of(said, 100), found, key=lambda name: (-found[name], name))
    rows = {name: {"num_clients": found[name], **await _kept(hub, name)} for name in busiest}
    return {"channels": rows, "total": len(found)}


async def _kept(hub: Hub, channel: str) -> dict[str, Any]:
    """Where a channel stands; nothing when it keeps no history, or when the broker does not say."""
    if not hub.node.registry.options(channel).history:
        return {}
    try:
        page = await hub.node.pages.read(channel, POSITION)
    except BrokerError:
        return {}
    return {
        "offset": page.top.offset,
        "epoch": page.top.epoch,
        "oldest": page.oldest,
        "kept": max(0, page.top.offset - page.oldest + 1),
    }


async def clients(hub: Hub, said: Fields) -> dict[str, Any]:
    """The clients of this node, those furthest behind first. Raises BadBody."""
    limit = limit_of(said, 100)
    query = field(said, "q", str, "").lower()
    rows: list[dict[str, Any]] = []
    for at, session in enumerate(hub.node.roster, 1):
        if isinstance(session, Session) and session.closed is None and _fits(session, query):
            rows.append(_client(session))
        if at % CLIENTS_AT_ONCE == 0:
            rows = _furthest(rows, limit)
            await asyncio.sleep(0)
    return {"clients": _furthest(rows, limit), "total": len(hub.node.roster)}


def _furthest(rows: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    return heapq.nlargest(limit, rows, key=lambda row: (row["behind"], row["waiting"], row["client"]))


def _fits(session: Session, query: str) -> bool:
    return not query or any(
        query in text.lower() for text in (session.client, session.user, session.about.address)
    )


def _client(session: Session) -> dict[str, Any]:
    readings = [_reading(subscription) for subscription in session.subscriptions.values()]
    behind = sum(reading["behind"] for reading in readings)
    waiting = session.flow.outlet.waiting
    # At the head a cursor is behind for the moment that a flush takes: that is not being behind.
    lags = any(reading["behind"] and reading["state"] != State.LIVE.value for reading in readings)
    readings.sort(key=lambda reading: -reading["behind"])
    return {
        "client": session.client,
        "user": session.user,
        "transport": session.about.transport,
        "protocol": session.about.protocol,
        "address": session.about.address,
        "state": "behind" if lags else "slow" if waiting else "ok",
        "behind": behind,
        "waiting": waiting,
        "num_subs": len(readings),
        "subscriptions": readings[:SHOWN_SUBSCRIPTIONS],
    }


def _reading(subscription: Subscription) -> dict[str, Any]:
    """How far one subscription has read: entries between its cursor and the head of its channel."""
    cursor, channel = subscription.cursor, subscription.channel
    behind = 0
    if channel is not None and cursor.state is not State.CLOSED:
        ring = channel.ring
        numbered = channel.options.history and cursor.epoch == ring.epoch
        behind = ring.top - cursor.offset if numbered else ring.head - cursor.index
    return {"channel": subscription.name, "state": cursor.state.value, "behind": max(0, behind)}
