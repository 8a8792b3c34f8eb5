"""`gapless channels`: what there is."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..client.remote import Remote
from .terminal import DEFAULT_URL, Token, Url, hub_at, safe, safe_json, say, write

LOOK_SECONDS = 1.5
"""Between the two looks of which rates are made."""

MEASURES = ("rate", "bytes_rate", "kept", "gaps", "last")
"""What is shown of each channel in a page."""

SORTS = ("num_clients", "name", "rate", "bytes_rate", "gaps", "last")
"""As the API sorts channels."""

Rows = dict[str, dict[str, Any]]


def channels(
    pattern: Annotated[str, typer.Argument(help="Only channels that match, as in 'orders:*'.")] = "",
    sort: Annotated[str, typer.Option(help=f"A page in this order: {', '.join(SORTS)}.")] = "",
    limit: Annotated[int, typer.Option(help="Channels in a page.", min=1, max=1000)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """List the channels, with how many clients are subscribed to each.

    With --sort those that come first in that order, with what comes in each and what is kept.
    """
    if sort and sort not in SORTS:
        raise typer.BadParameter(f"one of {', '.join(SORTS)}", param_hint="--sort")
    rows = asyncio.run(_channels(hub_at(url, token), pattern, sort, limit))
    if as_json:
        write(
            [safe_json(json.dumps(_shown(name, about), ensure_ascii=False)) for name, about in rows.items()]
        )
    elif rows:
        Console().print(_table(rows, more=bool(sort)))
    elif pattern:
        say(f"no channel matches {pattern!r}")
    else:
        say("there is no channel yet; `gapless publish logs '\"hello\"'` makes one")


async def _channels(remote: Remote, pattern: str, sort: str, limit: int) -> Rows:
    request: dict[str, object] = {"all": True}
    if pattern:
        request["pattern"] = pattern
    if sort:
        request |= {"sort": sort, "limit": limit, "counters": True}
    async with remote.client() as client:
        found: Rows = (await remote.call(client, "channels", orjson.dumps(request))).get("channels", {})
        if sort in ("rate", "bytes_rate"):  # which is made of two looks
            await asyncio.sleep(LOOK_SECONDS)
            found = (await remote.call(client, "channels", orjson.dumps(request))).get("channels", {})
    return found if sort else dict(sorted(found.items()))


def _shown(name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    counted = {measure: about[measure] for measure in MEASURES if measure in about}
    return {"channel": name, "clients": int(about.get("num_clients", 0)), **counted}


def _table(rows: Rows, *, more: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("CHANNEL", overflow="fold")
    measures = MEASURES if more else ()
    for title in ("clients", *measures):
        table.add_column(title.upper().replace("_", " "), justify="right")
    for name, about in rows.items():
        numbers = [_number(measure, about.get(measure)) for measure in measures]
        table.add_row(Text(safe(name)), str(about.get("num_clients", 0)), *numbers)
    return table


def _number(measure: str, value: float | None) -> str:
    if value is None:
        return ""
    if measure == "last":
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))
    return f"{value:,.1f}" if measure.endswith("rate") else f"{value:,}"
