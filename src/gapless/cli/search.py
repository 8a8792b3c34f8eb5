"""`gapless search`: find publications by their words."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

import orjson
import typer

from ..client.reader import Arrived
from ..client.remote import Remote
from .pretty import pretty
from .tail import Format, shown
from .terminal import DEFAULT_URL, Paint, Token, Url, WrongUsage, hub_at, write


def search(
    channel: Annotated[str, typer.Argument(help="The channel to search in.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(help='Every one must be there; "in quotes" together, word* begins one.'),
    ] = None,
    lines: Annotated[
        int, typer.Option("-n", "--lines", metavar="N", min=1, help="How many of the newest.")
    ] = 20,
    before: Annotated[
        int | None, typer.Option(metavar="OFFSET", show_default=False, help="Only older ones than this.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", show_default=False, help="From 2026-11-28T17:00 on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", show_default=False, help="Before 2026-11-28T18:00.")
    ] = None,
    level: Annotated[
        str | None, typer.Option(show_default=False, help="Only log records of this level.")
    ] = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="json: one object a line; raw: its data only.")
    ] = Format.PRETTY,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Find publications by their words, the newest last; the channel needs search = true."""
    request: dict[str, object] = {"channel": channel, "query": " ".join(words or ()), "limit": lines}
    narrower = {
        "before": before,
        "level": level,
        "since": None if since is None else _seconds("since", since),
        "until": None if until is None else _seconds("until", until),
    }
    request |= {name: value for name, value in narrower.items() if value is not None}
    found = asyncio.run(_search(hub_at(url, token), request))
    paint, now = Paint(), datetime.now().astimezone()
    for publication in reversed(found["publications"]):
        arrived = Arrived(
            channel,
            publication["offset"],
            found["epoch"],
            publication["data"],
            live=False,
            tags=publication.get("tags"),
        )
        write(
            pretty(arrived, paint, now=now, show_channel=False)
            if output is Format.PRETTY
            else [shown(arrived, output)]
        )


async def _search(remote: Remote, request: dict[str, object]) -> dict[str, Any]:
    async with remote.client() as client:
        return await remote.call(client, "search", orjson.dumps(request))


def _seconds(name: str, text: str) -> float:
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        raise WrongUsage(f"--{name} is a time as 2026-11-28T17:00, not {text!r}") from None
