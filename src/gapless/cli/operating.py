"""`gapless clients`, `sources`, `history` and `clear`: what operators look at, and take away."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..client.reader import Arrived
from ..client.remote import Remote
from .pretty import pretty
from .tail import Format, positions, shown
from .terminal import DEFAULT_URL, Paint, Token, Url, hub_at, safe, safe_json, say, write

NEWEST = 1000
"""Publications of each channel in which `sources` looks."""

Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


def clients(
    words: Annotated[str, typer.Argument(help="Only those whose id, user or address holds this.")] = "",
    as_json: Json = False,
    lines: Annotated[int, typer.Option("-n", "--lines", metavar="N", min=1, max=1000, help="At most.")] = 100,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """List the clients of the hub, all its processes together, those furthest behind first."""
    result = call(hub_at(url, token), "clients", {"q": words, "limit": lines})
    found = result.get("clients", [])
    columns: tuple[str, ...] = (
        "client",
        "user",
        "address",
        "protocol",
        "transport",
        "state",
        "behind",
        "num_subs",
    )
    if len({row.get("node") for row in found}) > 1:
        columns = ("node", *columns)
    _show(found, columns, as_json, "no client is connected")
    if found and not as_json and result.get("total", 0) > len(found):
        say(f"{result['total'] - len(found)} more; -n takes up to 1000")


def sources(
    channels: Annotated[list[str] | None, typer.Argument(help="Channels to look in.")] = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """List who feeds the hub, all its processes together; or, of channels that are named, who is in them.

    In a channel each source counts that the newest 1000 publications name, with its rows and errors.
    """
    remote = hub_at(url, token)
    if not channels:
        found = call(remote, "sources", {"limit": 1000}).get("sources", [])
        columns: tuple[str, ...] = (
            "source",
            "channel",
            "via",
            "state",
            "rows",
            "dropped",
            "last_seen",
            "error",
        )
        _show(
            [{**row, "last_seen": _when(row)} for row in found] if not as_json else found,
            columns,
            as_json,
            "nobody has fed this hub since it started",
        )
        return
    found = [row for name in channels for row in _sources_of(remote, name)]
    columns = ("channel", "source", "rows", "errors", "newest")
    _show(found, columns, as_json, "nothing in the channels names its source")


def history(
    channel: Annotated[str, typer.Argument(help="The channel to read.")],
    lines: Annotated[int, typer.Option("-n", "--lines", metavar="N", min=1, help="At most.")] = 100,
    since: Annotated[
        str | None, typer.Option(metavar="POSITION", show_default=False, help="From behind EPOCH:OFFSET on.")
    ] = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="json: one object a line; raw: its data only.")
    ] = Format.PRETTY,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Read what a channel keeps, oldest first: the newest of it, or what follows a position."""
    request: dict[str, Any] = {"channel": channel, "limit": lines}
    if since is None:
        request["reverse"] = True
    else:
        position = positions([since], [channel])[channel]
        request["since"] = {"offset": position.offset, "epoch": position.epoch}
    result = call(hub_at(url, token), "history", request)
    publications = result.get("publications", [])
    paint, now = Paint(), datetime.now().astimezone()
    for one in publications if since is not None else reversed(publications):
        arrived = Arrived(
            channel, one["offset"], result["epoch"], one["data"], live=False, tags=one.get("tags")
        )
        pretty_ = output is Format.PRETTY
        write(pretty(arrived, paint, now=now, show_channel=False) if pretty_ else [shown(arrived, output)])


def clear(
    channel: Annotated[str, typer.Argument(help="The channel whose history goes.")],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Remove what a channel keeps. Offsets go on; who reads on from before is told what is missing."""
    remote = hub_at(url, token)
    if not yes:
        typer.confirm(f"Remove the history of {safe(channel)} at {remote.url}?", abort=True, err=True)
    call(remote, "history_remove", {"channel": channel})
    say(f"{channel} keeps nothing any more")


def call(remote: Remote, method: str, request: dict[str, Any]) -> dict[str, Any]:
    """One call of the API. Raises Unreachable and Refused."""

    async def once() -> dict[str, Any]:
        async with remote.client() as client:
            return await remote.call(client, method, orjson.dumps(request))

    return asyncio.run(once())


def _when(row: dict[str, Any]) -> str:
    """When it was last heard, for people."""
    seen = row["last_seen"]
    return datetime.fromtimestamp(seen).astimezone().isoformat(" ", "seconds")[:19] if seen else ""


def _sources_of(remote: Remote, channel: str) -> Iterable[dict[str, Any]]:
    page = call(remote, "history", {"channel": channel, "limit": NEWEST, "reverse": True})
    rows, errors, newest = Counter[str](), Counter[str](), dict[str, str]()
    for one in page.get("publications", []):
        data = one["data"]
        source = data.get("source") if isinstance(data, dict) else None
        if isinstance(source, str):
            rows[source] += 1
            errors[source] += data.get("level") in ("error", "critical")
            newest.setdefault(source, str(data.get("time", "")))
    for source, count in rows.most_common():
        yield {
            "channel": channel,
            "source": source,
            "rows": count,
            "errors": errors[source],
            "newest": newest[source],
        }


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _show(rows: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool, nothing: str) -> None:
    if as_json:
        write([safe_json(json.dumps(row, ensure_ascii=False)) for row in rows])
        return
    if not rows:
        say(nothing)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column.upper().replace("NUM_SUBS", "CHANNELS"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(safe(_cell(row.get(column)))) for column in columns))
    Console().print(table)
