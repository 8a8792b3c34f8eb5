"""What is told to those who watch the hub at work: channels with their numbers, clients, sources.

Everything is computed for the one who asks, and for what is returned alone: a hub that nobody watches
pays nothing for it.
"""

from __future__ import annotations

import fnmatch
import heapq
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import BadRequest, BrokerError
from ..hub import Hub
from ..node.history import POSITION
from ..watch.clients import everywhere
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


async def channels(hub: Hub, said: Fields) -> dict[str, Any]:
    """Channels with subscribers, by wish those that match a pattern, and what they keep.

    With `limit`, those with the most subscribers come first, so many of them; so do they with `counters`
    (default 100), and each then has its position and how many publications are kept. Raises BadRequest,
    BadBody or BrokerError.
    """
    found = await hub.occupancy(all=field(said, "all", bool, False))
    pattern: str = field(said, "pattern", str, "")
    if pattern:
        matches = glob(pattern)
        found = {name: clients for name, clients in found.items() if matches(name)}
    has_counters: bool = field(said, "counters", bool, False)
    if not (has_counters or "limit" in said):
        return {"channels": {name: {"num_clients": clients} for name, clients in found.items()}}
    busiest = _busiest(found, limit_of(said, 100))
    more = {name: await _kept(hub, name) for name in busiest} if has_counters else {}
    rows = {name: {"num_clients": found[name], **more.get(name, {})} for name in busiest}
    return {"channels": rows, "total": len(found)}


def _busiest(found: Mapping[str, int], limit: int) -> list[str]:
    """Those with the most subscribers, and those alike by name."""
    # Apart: there may be a hundred thousand that nobody reads, and a key for each is most of the work.
    busy = heapq.nsmallest(
        limit, (name for name in found if found[name]), key=lambda name: (-found[name], name)
    )
    return busy + heapq.nsmallest(limit - len(busy), (name for name in found if not found[name]))


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
    """The clients of all nodes, those furthest behind first. Raises BadBody or BrokerError."""
    limit = limit_of(said, 100)
    found = await everywhere(hub, limit, field(said, "q", str, ""))
    return {"clients": found.rows, "total": found.total}


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
