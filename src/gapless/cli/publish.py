"""`gapless publish`: one publication."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from typing import Annotated, Any

import orjson
import typer

from ..client.backoff import Backoff
from ..client.remote import NobodyThere, Remote, Unreachable
from .terminal import DEFAULT_URL, Token, Url, WrongUsage, hub_at, say, write

ATTEMPTS = 3
"""A lost answer is asked for again, with the same idempotency key; a hub that is not there is not."""


def publish(
    channel: Annotated[str, typer.Argument(help="The channel to publish to.")],
    data: Annotated[str, typer.Argument(metavar="JSON", help="What to publish; - reads it from stdin.")],
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Publish one value to a channel and print its position.

    [dim]gapless publish events '{"type":"deploy"}'[/dim]
    """
    payload = _json(sys.stdin.read() if data == "-" else data)
    result = asyncio.run(_publish(hub_at(url, token), channel, payload))
    if "offset" in result:
        write([f"{result['epoch']}:{result['offset']}"])
    else:
        say(f"published; {channel} keeps no history, so there is no position")


def _json(text: str) -> str:
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise WrongUsage(
            f"this is not JSON: {error}; text is written '\"like this\"', quotes included"
        ) from None
    return text.strip()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


async def _publish(remote: Remote, channel: str, payload: str) -> dict[str, Any]:
    # As a fragment the value travels as it was written, digit by digit.
    body = orjson.dumps(
        {"channel": channel, "data": orjson.Fragment(payload), "idempotency_key": secrets.token_hex(16)}
    )
    backoff = Backoff()
    async with remote.client() as client:
        for _ in range(ATTEMPTS - 1):
            try:
                return await remote.call(client, "publish", body)
            except NobodyThere:
                raise
            except Unreachable:
                await asyncio.sleep(backoff.next())
        return await remote.call(client, "publish", body)
