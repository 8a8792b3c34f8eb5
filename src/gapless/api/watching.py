"""What is told to those who watch the hub at work: channels with their numbers, clients, sources.

Everything is computed for the one who asks, and for what is returned alone: a hub that nobody watches
pays nothing for it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import Any

import orjson

from ..errors import BadRequest
from ..hub import Hub
from ..watch import listing
from ..watch.clients import SORTS, everywhere
from ..watch.order import Kinds, Order
from ..watch.sources import everywhere as all_sources
from .arguments import BadBody, Fields, field

MAX_ROWS = 1_000
"""Channels, clients or sources in one answer."""


def limit_of(said: Fields, default: int) -> int:
    """How many rows are asked for. Raises BadBody."""
    limit: int = field(said, "limit", int, default)
    if not 1 <= limit <= MAX_ROWS:
        raise BadBody(f"limit is between 1 and {MAX_ROWS}")
    return limit


def order_of(said: Fields, kinds: Kinds, default: str) -> Order:
    """In which order rows are asked for, and behind which one. Raises BadBody."""
    order: str = field(said, "order", str, "")
    if order not in ("", "asc", "desc"):
        raise BadBody("order is asc or desc")
    sort: str = field(said, "sort", str, default)
    try:
        return Order.read(kinds, sort, order == "desc" if order else None, field(said, "cursor", str, ""))
    except ValueError as error:
        raise BadBody(str(error)) from None


async def channels(hub: Hub, said: Fields) -> dict[str, Any]:
    """Channels with subscribers, by wish those that match a pattern, and what they keep.

    With one of `limit` (default 100), `sort`, `order`, `cursor` and `counters` it is a page, by default of
    those with the most subscribers; `counters` says more of each. Raises BadRequest, BadBody or BrokerError.
    """
    pattern: str = field(said, "pattern", str, "")
    fits, idle = glob(pattern) if pattern else None, field(said, "all", bool, False)
    counters: bool = field(said, "counters", bool, False)
    if not counters and said.keys().isdisjoint(("limit", "sort", "order", "cursor")):
        return {"channels": await _all(hub, fits, idle=idle)}
    order, limit = order_of(said, listing.SORTS, "num_clients"), limit_of(said, 100)
    page = await listing.listing(hub, order, limit, idle=idle, fits=fits, counters=counters)
    return {"channels": page.rows, "total": page.total, **_on(page.cursor)}


def _on(cursor: str | None) -> dict[str, str]:
    return {} if cursor is None else {"cursor": cursor}


async def _all(hub: Hub, fits: Callable[[str], bool] | None, *, idle: bool) -> orjson.Fragment:
    """All of them. There may be a hundred thousand: they are written some in each turn."""
    written: list[bytes] = []
    async for some in hub.node.peers.occupancy(idle=idle):
        rows = {name: {"num_clients": n} for name, n in some.items() if fits is None or fits(name)}
        if rows:
            written.append(orjson.dumps(rows)[1:-1])
    return orjson.Fragment(b"{" + b",".join(written) + b"}")


async def clients(hub: Hub, said: Fields) -> dict[str, Any]:
    """A page of the clients of all nodes, by default those furthest behind. Raises BadBody or BrokerError."""
    order, limit = order_of(said, SORTS, "behind"), limit_of(said, 100)
    found = await everywhere(hub, limit, field(said, "q", str, ""), order)
    return {"clients": found.rows, "total": found.total, **_on(found.cursor)}


async def sources(hub: Hub, said: Fields) -> dict[str, Any]:
    """Who feeds the hub, on all nodes, the newest first. Raises BadBody or BrokerError."""
    limit = limit_of(said, 100)
    rows = await all_sources(hub)
    return {"sources": rows[:limit], "total": len(rows)}


def glob(pattern: str) -> Callable[[str], bool]:
    """`*`, `?`, `[a-z]` and `{a,b}`; an empty pattern matches everything.

    Raises:
        BadRequest: a brace that is not closed, or too many alternatives.
    """
    if not pattern:
        return lambda name: True
    # The standard library's translation does not backtrack across stars, whatever the pattern.
    expressions = [re.compile(fnmatch.translate(plain)) for plain in _alternatives(pattern)]
    return lambda name: any(expression.match(name) for expression in expressions)


def _alternatives(pattern: str) -> list[str]:
    """The patterns without braces that one with braces stands for."""
    open_at = pattern.rfind("{")
    if open_at < 0:
        return [pattern]
    close_at = pattern.find("}", open_at)
    if close_at < 0:
        raise BadRequest("pattern: a { is not closed")
    before, inside, after = pattern[:open_at], pattern[open_at + 1 : close_at], pattern[close_at + 1 :]
    choices = inside.split(",")
    if len(choices) * pattern.count("{") > _MAX_ALTERNATIVES:
        raise BadRequest(f"pattern: more than {_MAX_ALTERNATIVES} alternatives")
    # The innermost group first: what is left of it has one group less.
    found = [plain for choice in choices for plain in _alternatives(before + choice + after)]
    if len(found) > _MAX_ALTERNATIVES:
        raise BadRequest(f"pattern: more than {_MAX_ALTERNATIVES} alternatives")
    return found


_MAX_ALTERNATIVES = 64
