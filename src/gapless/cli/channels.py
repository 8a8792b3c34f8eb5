"""`gapless channels`: what there is."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..client.remote import Remote
from .terminal import DEFAULT_URL, Token, Url, hub_at, safe, safe_json, say, write


def channels(
    pattern: Annotated[str, typer.Argument(help="Only channels that match, as in 'orders:*'.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """List the channels, with how many clients are subscribed to each."""
    found = asyncio.run(_channels(hub_at(url, token), pattern))
    rows = sorted((name, int(about.get("num_clients", 0))) for name, about in found.items())
    if as_json:
        write(
            [
                safe_json(json.dumps({"channel": name, "clients": clients}, ensure_ascii=False))
                for name, clients in rows
            ]
        )
    elif rows:
        Console().print(_table(rows))
    elif pattern:
        say(f"no channel matches {pattern!r}")
    else:
        say("there is no channel yet; `gapless publish logs '\"hello\"'` makes one")


async def _channels(remote: Remote, pattern: str) -> dict[str, dict[str, Any]]:
    request: dict[str, object] = {"all": True}
    if pattern:
        request["pattern"] = pattern
    async with remote.client() as client:
        result = await remote.call(client, "channels", orjson.dumps(request))
    found: dict[str, dict[str, Any]] = result.get("channels", {})
    return found


def _table(rows: list[tuple[str, int]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("CHANNEL", overflow="fold")
    table.add_column("CLIENTS", justify="right")
    for name, clients in rows:
        table.add_row(Text(safe(name)), str(clients))
    return table
