"""What an operator would want to be told when it happens, as log records: what was lost, refused or cut off.

Nothing new is counted for it. Two readings of all nodes are compared, and what differs is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..hub import Hub
from . import sources, stats

MOST = 100
"""Notices of one moment; how many more there were is said in one more."""

COUNTED: Mapping[str, tuple[str, str]] = {
    "publish_failed": ("error", "publications that the store did not take"),
    "overloaded": ("error", "publications refused: too much was in flight"),
    "session_errors": ("error", "connections ended by an error of the server; the log has it"),
    "hook_errors": ("error", "errors in hooks of the application; the log has them"),
    "stuck": ("error", "sockets that the server could not abort"),
    "repair_failed": ("error", "repairs of what a channel had missed that the store did not serve"),
    "gaps": ("warning", "subscribers told that publications are gone"),
    "unnumbered_lost": ("warning", "publications without history that slow subscribers missed"),
    "refused_connections": ("warning", "connections refused: origin, credential, hook, or the hub was full"),
    "crowded_addresses": ("warning", "connections or subscriptions refused: their address had too many"),
    "inbound_full": ("warning", "connections closed: clients sent more than can wait here"),
    "stalled": ("warning", "connections cut off: they took nothing any more"),
    "slow_replies": ("warning", "connections closed: they did not read their replies"),
    "slow_disconnects": ("warning", "connections closed because they were behind"),
    "bad_protocol": ("warning", "connections closed because of what they sent"),
    "oversized": ("warning", "connections ended by a message that was too large"),
    "unfinished": ("warning", "connections ended by a message that did not arrive in time"),
    "control_floods": ("warning", "connections ended because of their pings"),
    "rate_limited": ("warning", "commands refused by a rate"),
    "api_refused": ("warning", "calls of the HTTP API refused"),
    "ring_shrinks": ("warning", "entries that rings gave up: all of them share a bound"),
    "no_connect": ("info", "connections closed: they did not say who they are in time"),
    "no_pong": ("info", "connections closed: a ping was not answered"),
}
"""Counters that are told when they move, with a level and what moved."""

Notice = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Moment:
    """How everything stood: nodes by id, as `stats.here` says, and sources by name, channel and node."""

    at: float
    nodes: Mapping[str, Mapping[str, Any]]
    sources: Mapping[tuple[str, str, str], sources.Row]


class Notices:
    """What is new since the last time that somebody asked. Others are waited for at most `within` seconds."""

    def __init__(self, hub: Hub, within: float, clock: Callable[[], float] = time.time) -> None:
        self._hub = hub
        self._within = within
        self._clock = clock
        self._before: _Moment | None = None

    async def next(self, anew: bool) -> list[Notice]:
        """What happened since; with `anew`, for somebody who knows nothing yet, also what is still amiss.

        Raises BrokerError.
        """
        now = await self._look()
        before, self._before = self._before, now
        if before is not None and now.at - before.at > stats.FORGET_SECONDS:
            before = None  # nobody asked for a while: what happened then is no news
        found = [*_amiss(now)] if anew or before is None else []
        if before is not None:
            found += _changes(before, now, said_already=bool(found))
        more = len(found) - MOST
        return (
            [*found[:MOST], _notice(now.at, "warning", "notices", f"{more} more notices")]
            if more > 0
            else found
        )

    async def _look(self) -> _Moment:
        hub = self._hub
        others = await hub.node.peers.ask_again(stats.QUESTION, self._within)
        said = [stats.here(hub), *others.values()]
        rows = await sources.again(hub, self._within)
        return _Moment(
            round(self._clock(), 3),
            {one["node"]["uid"]: one for one in said},
            {(row["source"], row["channel"], row["node"]): row for row in rows if row["via"] != sources.HTTP},
        )


def _amiss(now: _Moment) -> Iterator[Notice]:
    """What does not work at this moment."""
    for row in now.sources.values():
        if row["state"] in _TROUBLE:
            yield _of_source(now.at, row)
    for one in now.nodes.values():
        if one["node"].get("unready"):
            yield _of_node(now.at, one, "error", "store", one["node"].get("unready"))


def _changes(before: _Moment, now: _Moment, *, said_already: bool) -> Iterator[Notice]:
    for uid, one in now.nodes.items():
        earlier = before.nodes.get(uid)
        if earlier is None:
            yield _of_node(now.at, one, "info", "nodes", "this node came")
        else:
            yield from _moved(now.at, earlier, one)
            yield from _stood(now.at, earlier, one)
            if not said_already:
                yield from _readiness(now.at, earlier, one)
    for uid, one in before.nodes.items():
        if uid not in now.nodes:
            yield _of_node(now.at, one, "warning", "nodes", "this node left, or does not answer")
    for key, row in now.sources.items():
        was = before.sources.get(key, row)
        is_new = was["state"] != row["state"] and not (said_already and row["state"] in _TROUBLE)
        if is_new:
            yield _of_source(now.at, row)


def _moved(at: float, earlier: Mapping[str, Any], one: Mapping[str, Any]) -> Iterator[Notice]:
    for name, (level, words) in COUNTED.items():
        count = one["counters"].get(name, 0) - earlier["counters"].get(name, 0)
        if count > 0:
            more = {"counter": name, "count": count, "total": one["counters"][name]}
            yield _of_node(at, one, level, name, f"{words}: {count}", more)


def _stood(at: float, earlier: Mapping[str, Any], one: Mapping[str, Any]) -> Iterator[Notice]:
    lag, before = one["node"].get("loop_lag"), earlier["node"].get("loop_lag")  # older nodes have none
    if lag is not None and before is not None and lag["stalls"] > before["stalls"]:
        words = f"the event loop stood still, for at most {lag['longest']:.1f} s in the last minute"
        yield _of_node(at, one, "warning", "loop", words, {"longest": lag["longest"]})


def _readiness(at: float, earlier: Mapping[str, Any], one: Mapping[str, Any]) -> Iterator[Notice]:
    unready = one["node"].get("unready")
    if unready != earlier["node"].get("unready"):
        level = "error" if unready else "info"
        yield _of_node(at, one, level, "store", unready or "publications can be stored again")


_TROUBLE = {"down": "error", "retrying": "warning"}


def _of_source(at: float, row: sources.Row) -> Notice:
    state, error = row["state"], row["error"]
    words = f"{row['source']} is {state}" + (f": {error}" if error else "")
    return _notice(at, _TROUBLE.get(state, "info"), "sources", words, row["node"], {"state": state})


def _of_node(
    at: float,
    one: Mapping[str, Any],
    level: str,
    kind: str,
    message: str,
    fields: Mapping[str, Any] | None = None,
) -> Notice:
    return _notice(at, level, kind, message, one["node"]["name"], fields)


def _notice(
    at: float, level: str, kind: str, message: str, source: str = "", fields: Mapping[str, Any] | None = None
) -> Notice:
    said = {"time": at, "level": level, "logger": f"gapless.{kind}", "message": message}
    return {**said, **({"source": source} if source else {}), **({"fields": fields} if fields else {})}
