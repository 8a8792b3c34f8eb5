"""Who is connected, on all nodes, and who is behind by how much."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..core.cursor import State
from ..hub import Hub
from ..sessions.session import Session
from ..sessions.subscription import Subscription

QUESTION = "clients"

SHOWN_SUBSCRIPTIONS = 50
"""Subscriptions of one client in a row; `num_subs` counts them all."""

CLIENTS_AT_ONCE = 500
"""Sessions looked at before the loop has a turn."""

Row = dict[str, Any]


class Clients(NamedTuple):
    """Rows of clients, those furthest behind first, and how many clients there are altogether."""

    rows: list[Row]
    total: int


def answer(hub: Hub) -> None:
    """Let this node answer the others when they ask for its clients."""

    async def say(about: dict[str, Any]) -> dict[str, Any]:
        found = await here(hub, int(about["limit"]), str(about["query"]))
        return {"clients": found.rows, "total": found.total}

    hub.node.peers.questions.on(QUESTION, say)


async def everywhere(hub: Hub, limit: int, query: str = "") -> Clients:
    """Those of all nodes that answer in time. Raises BrokerError."""
    answers = await hub.node.peers.ask(QUESTION, limit=limit, query=query)
    return _together(await here(hub, limit, query), answers.values(), limit)


async def again(hub: Hub, limit: int, within: float) -> Clients:
    """The same for who asks time and again: of the nodes that were there a few seconds ago."""
    answers = await hub.node.peers.ask_again(QUESTION, within, limit=limit, query="")
    return _together(await here(hub, limit), answers.values(), limit)


def _together(found: Clients, answers: Iterable[dict[str, Any]], limit: int) -> Clients:
    rows, total = list(found.rows), found.total
    for said in answers:
        rows += said["clients"]
        total += said["total"]
    return Clients(_furthest(rows, limit), total)


async def here(hub: Hub, limit: int, query: str = "") -> Clients:
    """Those of this node whose id, user, name or address holds the query."""
    query = query.lower()
    # Two looks: a row costs several times what it takes to see whether it is wanted.
    first: list[tuple[int, bool, str, Session]] = []
    for at, session in enumerate(hub.node.roster, 1):
        if isinstance(session, Session) and session.flow.closed is None and _fits(session, query):
            behind = sum(map(_behind, session.subscriptions.values()))
            first.append((behind, session.flow.outlet.waiting, session.client, session))
        if at % CLIENTS_AT_ONCE == 0:
            first = heapq.nlargest(limit, first, key=_rank)
            await asyncio.sleep(0)
    now = time.time()
    rows = [_row(found[-1], hub.name, now) for found in heapq.nlargest(limit, first, key=_rank)]
    return Clients(_furthest(rows, limit), len(hub.node.roster))


def _rank(found: tuple[int, bool, str, Session]) -> tuple[int, bool, str]:
    return found[:3]


def _furthest(rows: list[Row], limit: int) -> list[Row]:
    return heapq.nlargest(limit, rows, key=lambda row: (row["behind"], row["waiting"], row["client"]))


def _fits(session: Session, query: str) -> bool:
    return not query or any(
        query in text.lower()
        for text in (session.client, session.grant.user, session.about.name, session.about.address)
    )


def _row(session: Session, node: str, now: float) -> Row:
    readings = [_reading(subscription, now) for subscription in session.subscriptions.values()]
    behind = sum(reading["behind"] for reading in readings)
    waiting = session.flow.outlet.waiting
    # At the head a cursor is behind for the moment that a flush takes: that is not being behind.
    lags = any(reading["behind"] and reading["state"] != State.LIVE.value for reading in readings)
    readings.sort(key=lambda reading: -reading["behind"])
    return {
        "client": session.client,
        "user": session.grant.user,
        "name": session.about.name,
        "transport": session.about.transport,
        "protocol": session.about.protocol,
        "address": session.about.address,
        "node": node,
        "state": "behind" if lags else "slow" if waiting else "ok",
        "behind": behind,
        "late": max((reading["late"] for reading in readings), default=0.0),
        "waiting": waiting,
        "unsent": session.flow.outlet.unsent,
        "num_subs": len(readings),
        "subscriptions": readings[:SHOWN_SUBSCRIPTIONS],
    }


def _behind(subscription: Subscription) -> int:
    """Entries between its cursor and the head of its channel."""
    cursor, channel = subscription.cursor, subscription.channel
    if channel is None or cursor.state is State.CLOSED:
        return 0
    ring = channel.ring
    numbered = channel.options.history and cursor.epoch == ring.epoch
    return max(0, ring.top - cursor.offset if numbered else ring.head - cursor.index)


def _reading(subscription: Subscription, now: float) -> dict[str, Any]:
    """How far one subscription has read.

    `late` is the age, in seconds, of the first entry that it has not read; at least, where that has left the
    ring.
    """
    behind, late = _behind(subscription), 0.0
    channel, cursor = subscription.channel, subscription.cursor
    if behind and channel is not None:
        index = max(cursor.index, channel.ring.first)
        unread = next(iter(channel.ring.entries(index, index + 1)), None)
        if unread is not None and unread.publication is not None and unread.publication.time:
            late = round(max(0.0, now - unread.publication.time), 3)
    return {"channel": subscription.name, "state": cursor.state.value, "behind": behind, "late": late}
