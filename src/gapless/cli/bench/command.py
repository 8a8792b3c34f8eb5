"""`gapless bench`: measure a hub that is running."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import orjson
import typer

from ...client.remote import TIMEOUT_SECONDS, Remote
from ...errors import GaplessError
from ..terminal import DEFAULT_URL, Paint, Token, Url, WrongUsage, hub_at, say, write
from .load import MARKER_BYTES, Load, Totals
from .opening import Door
from .source import LEAST_BYTES, Order, Outcome

MAX_SECONDS = 60.0
SETTLE_SECONDS = 10.0
"""For what is published to arrive everywhere."""


class Entrance(StrEnum):
    """Which door the clients come through."""

    WS = "ws"
    CENTRIFUGE = "centrifuge"


class Output(StrEnum):
    """How the result is printed."""

    TABLE = "table"
    JSON = "json"


def bench(
    clients: Annotated[int, typer.Option(min=1, max=20_000, help="How many subscribers.")] = 100,
    channel: Annotated[
        str | None, typer.Option("-c", "--channel", show_default="bench:…, a new one", help="The channel.")
    ] = None,
    size: Annotated[int, typer.Option(min=LEAST_BYTES, max=512 * 1024, help="Bytes of a publication.")] = 128,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=MAX_SECONDS, help="How long publications are made.")
    ] = 5.0,
    rate: Annotated[
        float, typer.Option(min=0.0, max=100_000.0, help="Publications a second; 0: as many as it takes.")
    ] = 0.0,
    door: Annotated[Entrance, typer.Option(help="The protocol of the subscribers.")] = Entrance.WS,
    output: Annotated[
        Output, typer.Option("-o", "--output", help="json: one object on one line.")
    ] = Output.TABLE,
    remote: Annotated[
        bool, typer.Option("--remote", help="Load a hub that is not on this machine, too.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Measure a hub that is running: subscribers in this process, one publisher beside it.

    Every publication is counted at every subscriber; missing and repeated ones are an error.
    Latency is from when a publication was due to when a subscriber read it.
    """
    hub = hub_at(url, token)
    _check_place(hub, allowed=remote)
    channel = channel or f"bench:{secrets.token_hex(4)}"
    marker = "@" + secrets.token_hex(MARKER_BYTES // 2)
    order = Order(hub.url, hub.token, channel, marker, size, rate, seconds)
    asyncio.run(_check_hub(hub))
    totals, outcome = _measure(order, _door(hub, channel, door), clients)
    figures = _figures(totals, outcome, clients)
    if output is Output.JSON:
        about = {"channel": channel, "door": str(door), "clients": clients, "bytes": size}
        write([orjson.dumps(about | figures).decode()])
    else:
        write(_table(figures, f"{clients} subscribers, {size} bytes, {channel} on {hub.url}"))
    raise typer.Exit(_judge(totals, clients))


def _judge(totals: Totals, clients: int) -> int:
    """The exit code, and a line for each thing that must not be."""
    if totals.lost:
        say(f"{totals.lost} of {clients} connections were lost")
    if totals.missing:
        say(
            f"{totals.missing} deliveries are missing; where subscribers lag behind what the channel keeps, "
            "a --rate, a smaller --size or a longer history helps"
        )
    if totals.repeated:
        say(f"{totals.repeated} deliveries came twice or out of order")
    return 1 if totals.lost or totals.missing or totals.repeated else 0


def _check_place(hub: Remote, *, allowed: bool) -> None:
    if not hub.url.startswith("http://"):
        raise WrongUsage("bench speaks plain http:// only: TLS would be what it measures")
    if hub.loopback:
        return
    if not allowed:
        raise WrongUsage(f"{hub.url} is not on this machine; add --remote if you may load it")
    say(f"warning: this loads {hub.url}, and measures the network on the way")


async def _check_hub(hub: Remote) -> None:
    """Raises GaplessError with what is wrong, before anything is opened."""
    async with hub.client() as client:
        await hub.call(client, "info", b"{}")


def _door(hub: Remote, channel: str, entrance: Entrance) -> Door:
    parts = urlsplit(hub.url)
    if entrance is Entrance.WS:
        path, ready, words = f"/ws?channel={quote(channel, safe='')}&history=0", b'"more":false', b""
    else:
        # Kept alive by the server's ping frames, as on the other door, instead of its own words.
        path, ready = "/connection/websocket?cf_ws_frame_ping_pong=true", b'"id":2,"subscribe":'
        words = b'{"id":1,"connect":{}}\n' + orjson.dumps({"id": 2, "subscribe": {"channel": channel}})
    lines = [
        f"GET {parts.path}{path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *(f"{name}: {value}" for name, value in hub.headers.items()),
    ]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    return Door(parts.hostname or "", parts.port or 80, request, words, ready)


def _measure(order: Order, door: Door, clients: int) -> tuple[Totals, Outcome]:
    from ...server.serve import raise_open_files

    raise_open_files()
    load = Load(order.marker.encode())
    try:
        with _publisher() as process:
            load.open(door, clients)
            _give(process, order)
            limit = order.seconds + 2 * TIMEOUT_SECONDS
            if not load.pump(lambda: process.poll() is not None, limit):
                raise GaplessError(f"the publisher did not end within {limit:.0f} s")
            outcome = _taken(process)
        due = outcome.published * clients
        load.pump(lambda: load.totals.deliveries >= due or load.totals.lost == clients, SETTLE_SECONDS)
        load.finish(outcome.published)
    finally:
        load.close()
    return load.totals, outcome


@contextmanager
def _publisher() -> Iterator[subprocess.Popen[bytes]]:
    """The other process, which waits for its order; it is gone at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gapless.cli.bench.source"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,  # Ctrl-C is for this process, which then ends that one
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _give(process: subprocess.Popen[bytes], order: Order) -> None:
    # Through a pipe, because everybody on the machine can read a command line with its credential.
    if process.stdin is not None:
        try:
            process.stdin.write(orjson.dumps(asdict(order)) + b"\n")
        except BrokenPipeError:
            pass  # it has ended already, and is asked about that next


def _taken(process: subprocess.Popen[bytes]) -> Outcome:
    line = process.stdout.read() if process.stdout is not None else b""
    if not line:
        raise GaplessError("the publisher ended without a word; what it said stands above")
    outcome = Outcome(**orjson.loads(line))
    if outcome.error is not None:
        raise GaplessError(outcome.error)
    return outcome


def _figures(totals: Totals, outcome: Outcome, clients: int) -> dict[str, Any]:
    publishing = max(outcome.ended_ns - outcome.started_ns, 1) / 1e9
    arriving = max(totals.last_ns - outcome.started_ns, 1) / 1e9
    latencies = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {
        "seconds": round(publishing, 3),
        "publications": outcome.published,
        "publications_per_second": round(outcome.published / publishing, 1),
        "deliveries": totals.deliveries,
        "deliveries_per_second": round(totals.deliveries / arriving, 1) if totals.deliveries else 0.0,
        "latency_ms": {name: _milliseconds(totals.percentile(share)) for name, share in latencies.items()},
        "missing": totals.missing,
        "repeated": totals.repeated,
        "lost_connections": totals.lost,
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def _table(figures: dict[str, Any], title: str) -> list[str]:
    paint = Paint()
    latency = ", ".join(
        f"{name} {'–' if value is None else f'{value:g} ms'}" for name, value in figures["latency_ms"].items()
    )
    rows = [
        ("published", f"{figures['publications']:,} in {figures['seconds']:g} s", "publications_per_second"),
        ("delivered", f"{figures['deliveries']:,}", "deliveries_per_second"),
    ]
    lines = [f"{name:<10} {count:<24} {figures[speed]:>12,.0f}/s" for name, count, speed in rows]
    wrong = figures["missing"] or figures["repeated"]
    losses = f"{figures['missing']:,} missing, {figures['repeated']:,} repeated"
    lines += [
        f"{'latency':<10} {latency}",
        f"{'losses':<10} {paint(losses, 'bold red') if wrong else losses}",
    ]
    return [title, "", *lines]
