"""Channels in pages: sorted by what is known of each anyway, on all nodes, a bounded part in each turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..core.channel import Channel
from ..errors import BrokerError
from ..hub import Hub
from ..node.history import POSITION
from ..node.tasks import in_turns
from .order import Kinds, Order, Placed, Value

QUESTION = "channels"


class Measure(NamedTuple):
    """What a node knows of a channel that somebody there reads, and what that is on all nodes together."""

    of: Callable[[Channel, float], Value]
    together: Callable[[Sequence[float]], float]


MEASURES: Mapping[str, Measure] = {
    # Each node that listens hears everything.
    "rate": Measure(lambda channel, now: (channel.rates(now) or (None, None))[0], max),
    "bytes_rate": Measure(lambda channel, now: (channel.rates(now) or (None, None))[1], max),
    "gaps": Measure(lambda channel, now: channel.gaps, sum),
    "last": Measure(lambda channel, now: channel.last or None, max),
}

SORTS: Kinds = {"num_clients": float, "name": str, **dict.fromkeys(MEASURES, float)}
"""What channels can be sorted by."""

Row = dict[str, Any]
Measured = dict[str, dict[str, Value]]
"""Measures of channels, by name."""


class Listing(NamedTuple):
    """One page: rows by name in their order, how many channels there are, and where the next page begins."""

    rows: dict[str, Row]
    total: int
    cursor: str | None


def answer(hub: Hub) -> None:
    """Let this node answer the others when they ask for its channels."""

    async def say(about: dict[str, Any]) -> Measured:
        measures = [str(name) for name in about["measures"] if name in MEASURES]
        return await here(hub, measures, about["names"])

    hub.node.peers.questions.on(QUESTION, say)


async def listing(
    hub: Hub, order: Order, limit: int, *, idle: bool, fits: Callable[[str], bool] | None, counters: bool
) -> Listing:
    """The channels whose names fit (None: all), but not the hub's own; with `idle` also what nobody reads.

    With `counters` each row has its measures, its position and what of it is kept. Raises BrokerError.
    """
    measured = await everywhere(hub, [order.by], None) if order.by in MEASURES else {}
    own = hub.node.registry.own
    picked: list[Placed] = []
    total = 0
    async for some in hub.node.peers.occupancy(idle=idle):
        names = [name for name in some if name not in own and (fits is None or fits(name))]
        total += len(names)
        rows = [(_value(order.by, name, some[name], measured), name, some[name]) for name in names]
        picked = order.first(limit + 1, [*picked, *rows])
    shown = picked[:limit]
    listed: dict[str, Row] = {each.name: {"num_clients": each.about} for each in shown}
    if counters:
        await _count(hub, listed)
    return Listing(listed, total, order.cursor(shown[-1]) if len(picked) > limit else None)


def _value(by: str, name: str, clients: int, measured: Measured) -> Value:
    if by == "name":
        return name
    return clients if by == "num_clients" else measured.get(name, {}).get(by)


async def everywhere(hub: Hub, measures: list[str], names: list[str] | None) -> Measured:
    """What all nodes that answer in time know of these channels, or of all that somebody reads.

    Raises BrokerError.
    """
    answers = await hub.node.peers.ask(QUESTION, measures=measures, names=names)
    together = await here(hub, measures, names)
    for said in answers.values():
        async for batch in in_turns(said.items()):
            for name, known in batch:
                together[name] = _both(together.get(name, {}), known)
    return together


def _both(one: Mapping[str, Value], other: Mapping[str, Value]) -> dict[str, Value]:
    """What two nodes know of a channel."""
    known: dict[str, Value] = {}
    for name, measure in MEASURES.items():
        values = [value for said in (one, other) if isinstance(value := said.get(name), (int, float))]
        if values:
            known[name] = measure.together(values)
    return known


async def here(hub: Hub, measures: list[str], names: list[str] | None) -> Measured:
    """What this node knows of these channels, or of all that somebody here reads."""
    rings, own = hub.node.rings, hub.node.registry.own
    channels = (
        rings.all() if names is None else [ring for name in names if (ring := rings.find(name)) is not None]
    )
    now = hub.node.tasks.loop.time()
    measured: Measured = {}
    async for batch in in_turns(channels):
        for channel in batch:
            if channel.name not in own:
                measured[channel.name] = {name: MEASURES[name].of(channel, now) for name in measures}
    return measured


async def _count(hub: Hub, rows: dict[str, Row]) -> None:
    measured = await everywhere(hub, list(MEASURES), list(rows))
    kept = await asyncio.gather(*(_kept(hub, name) for name in rows))
    for (name, row), standing in zip(rows.items(), kept, strict=True):
        known = measured.get(name, {})
        row |= {
            measure: round(value, 3) for measure, value in known.items() if isinstance(value, (int, float))
        }
        row |= standing


async def _kept(hub: Hub, channel: str) -> Row:
    """Where a channel stands; nothing when it keeps no history, or when the broker does not say."""
    options = hub.node.registry.options(channel)
    if not options.history:
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
        "retention": {
            "publications": options.history,
            "bytes": options.history_bytes,
            "seconds": options.history_age,
        },
    }
