"""Who is connected, on all nodes, and who is behind by how much."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, NamedTuple

from ..core.cursor import State
from ..core.growth import Growth
from ..hub import Hub
from ..sessions.session import Session
from ..sessions.subscription import Subscription
from .order import Kinds, Order, Placed

QUESTION = "clients"

SHOWN_SUBSCRIPTIONS = 50
"""Subscriptions of one client in a row; `num_subs` counts them all."""

CLIENTS_AT_ONCE = 500
"""Sessions looked at before the loop has a turn."""

Row = dict[str, Any]

SORTS: Kinds = {
    **dict.fromkeys(("behind", "unsent", "num_subs", "gaps", "since"), float),
    **dict.fromkeys(("client", "user", "name", "address", "transport"), str),
}
"""What clients can be sorted by: members of their rows that are known without looking into each channel."""

FURTHEST = Order("behind", descending=True)
"""Those furthest behind first, and of others alike those that take nothing more just now."""


class Clients(NamedTuple):
    """Rows of clients in their order, how many there are altogether, and where the next page begins."""

    rows: list[Row]
    total: int
    cursor: str | None = None


def answer(hub: Hub) -> None:
    """Let this node answer the others when they ask for its clients."""

    async def say(about: dict[str, Any]) -> dict[str, Any]:
        order = Order(**about["order"]) if "order" in about else FURTHEST  # a node of an older version asks
        found = await here(hub, int(about["limit"]), str(about["query"]), order)
        return {"clients": found.rows, "total": found.total}

    hub.node.peers.questions.on(QUESTION, say)


async def everywhere(hub: Hub, limit: int, query: str = "", order: Order = FURTHEST) -> Clients:
    """Those of all nodes that answer in time. Raises BrokerError."""
    about = {"limit": limit + 1, "query": query, "order": asdict(order)}
    answers = await hub.node.peers.ask(QUESTION, **about)
    return _together(await here(hub, limit + 1, query, order), answers.values(), limit, order)


async def again(hub: Hub, limit: int, within: float) -> Clients:
    """The same for who asks time and again: of the nodes that were there a few seconds ago."""
    answers = await hub.node.peers.ask_again(QUESTION, within, limit=limit + 1, query="")
    return _together(await here(hub, limit + 1), answers.values(), limit, FURTHEST)


def _together(found: Clients, answers: Iterable[dict[str, Any]], limit: int, order: Order) -> Clients:
    rows, total = list(found.rows), found.total
    for said in answers:
        rows += said["clients"]
        total += said["total"]
    placed = order.first(limit + 1, [_placed(order, row, row) for row in rows])
    cursor = order.cursor(placed[limit - 1]) if len(placed) > limit else None
    return Clients([each.about for each in placed[:limit]], total, cursor)


async def here(hub: Hub, limit: int, query: str = "", order: Order = FURTHEST) -> Clients:
    """Those of this node whose id, user, name or address holds the query."""
    query = query.lower()
    # Two looks: a row costs several times what it takes to see whether it is wanted.
    first: list[Placed] = []
    for at, session in enumerate(hub.node.roster, 1):
        if isinstance(session, Session) and session.flow.closed is None and _fits(session, query):
            first.append(_placed(order, _facts(session), session))
        if at % CLIENTS_AT_ONCE == 0:
            first = order.first(limit, first)
            await asyncio.sleep(0)
    now, clock = time.time(), hub.node.tasks.loop.time()
    rows = [_row(found.about, hub.name, now, clock) for found in order.first(limit, first)]
    return Clients(rows, len(hub.node.roster))


def _placed(order: Order, row: Row, about: Any) -> Placed:
    value = row.get(order.by)  # a node of an older version leaves some out
    if order.by == "behind":
        value = 2 * row["behind"] + row["waiting"]
    return Placed(value, row["client"], about)


def _fits(session: Session, query: str) -> bool:
    return not query or any(
        query in text.lower()
        for text in (session.client, session.grant.user, session.about.name, session.about.address)
    )


def _facts(session: Session) -> Row:
    """What is known of it at once."""
    outlet, about = session.flow.outlet, session.about
    return {
        "client": session.client,
        "user": session.grant.user,
        "name": about.name,
        "transport": about.transport,
        "protocol": about.protocol,
        "address": about.address,
        "since": session.since,
        "behind": sum(map(_behind, session.subscriptions.values())),
        "waiting": outlet.waiting,
        "unsent": outlet.unsent,
        "gaps": session.gaps,
        "num_subs": len(session.subscriptions),
    }


def _row(session: Session, node: str, now: float, clock: float) -> Row:
    """`now` is the time in Unix seconds, `clock` that of the loop."""
    readings = [_reading(subscription, now) for subscription in session.subscriptions.values()]
    # At the head a cursor is behind for the moment that a flush takes: that is not being behind.
    lags = any(reading["behind"] and reading["state"] != State.LIVE.value for reading in readings)
    readings.sort(key=lambda reading: -reading["behind"])
    facts = _facts(session)
    return {
        **facts,
        "node": node,
        "agent": session.about.agent,
        "rate": _rate(session, clock),
        "round_trip": None if session.round_trip is None else round(session.round_trip, 4),
        "state": "behind" if lags else "slow" if facts["waiting"] else "ok",
        "late": max((reading["late"] for reading in readings), default=0.0),
        "subscriptions": readings[:SHOWN_SUBSCRIPTIONS],
    }


def _rate(session: Session, now: float) -> float | None:
    """Bytes a second that are written to it, where they are counted and somebody looked before.

    In two digits: what moves by less is not told anew each second.
    """
    sent = session.flow.outlet.sent_bytes
    if sent is None:
        return None
    if session.growth is None:
        session.growth = Growth()
    rates = session.growth.look(now, "", sent)
    return None if rates is None else float(f"{rates[0]:.2g}")


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
