"""`gapless tail`: read channels as they go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from ..client.reader import Arrived, CaughtUp, Happening, Missed, Reader
from ..client.subscriber import Away, Back, Subscriber
from ..model import Position
from .common import DEFAULT_URL, Token, Url, WrongUsage, hub_at
from .pretty import pretty
from .terminal import Paint, safe_json, say, write

GAP = 4
"""The exit code of --fail-on-gap."""


class Format(StrEnum):
    """How publications are printed."""

    PRETTY = "pretty"
    JSON = "json"
    RAW = "raw"


def tail(
    channels: Annotated[list[str], typer.Argument(metavar="CHANNEL...", help="The channels to read.")],
    lines: Annotated[
        str, typer.Option("-n", "--lines", metavar="N", help="How many of the newest come first, or all.")
    ] = "10",
    since: Annotated[
        list[str] | None,
        typer.Option(
            metavar="POSITION", help="Go on after EPOCH:OFFSET, or CHANNEL@EPOCH:OFFSET (repeatable)."
        ),
    ] = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="json: one object a line; raw: its data only.")
    ] = Format.PRETTY,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Stay for what comes, or end after what is there.")
    ] = True,
    fail_on_gap: Annotated[
        bool, typer.Option("--fail-on-gap", help="Exit with 4 as soon as something was missed.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Read channels: the newest of their history, then live, through every reconnect.

    What could not be recovered is said on stderr.
    """
    channels = list(dict.fromkeys(channels))
    reader = Reader(channels, _count(lines), positions(since or (), channels))
    tail = Tail(output, show_channel=len(channels) > 1, fail_on_gap=fail_on_gap)
    waiting_for = set() if follow else set(channels)
    raise typer.Exit(asyncio.run(_read(Subscriber(hub_at(url, token), reader), tail, waiting_for)))


def positions(texts: Sequence[str], channels: Sequence[str]) -> dict[str, Position]:
    """What --since says, by channel. Raises WrongUsage."""
    since: dict[str, Position] = {}
    for text in texts:
        channel, at, position = text.rpartition("@")
        if not at:
            if len(channels) > 1:
                raise WrongUsage(f"--since {text}: with several channels, write CHANNEL@EPOCH:OFFSET")
            channel = channels[0]
        if channel not in channels:
            raise WrongUsage(f"--since {text}: {channel} is not among the channels to read")
        try:
            since[channel] = Position.parse(position)
        except ValueError as error:
            raise WrongUsage(f"--since {text}: {error}") from None
    return since


def _count(lines: str) -> int | None:
    if lines == "all":
        return None
    if lines.isascii() and lines.isdigit():
        return int(lines)
    raise WrongUsage(f"-n is a whole number or all, not {lines!r}")


async def _read(subscriber: Subscriber, tail: Tail, waiting_for: set[str]) -> int:
    """Until the end of the program, or until those channels are read up to now. Gives the exit code."""
    endless = not waiting_for
    async with aclosing(subscriber.frames()) as frames:
        async for happened in frames:
            code = tail.show(happened)
            if code is not None:
                return code
            waiting_for -= {event.channel for event in happened if isinstance(event, CaughtUp)}
            if not endless and not waiting_for:
                return 0
    return 0


class Tail:
    """Shows what happened: publications on stdout, everything about them on stderr."""

    def __init__(self, output: Format, *, show_channel: bool, fail_on_gap: bool) -> None:
        self._output = output
        self._show_channel = show_channel
        self._fail_on_gap = fail_on_gap
        self._paint = Paint()
        self._resuming: set[str] = set()

    def show(self, happened: Sequence[Happening | Away | Back]) -> int | None:
        """One frame's worth. Gives the exit code when it has to end here."""
        now = datetime.now().astimezone()
        lines: list[str] = []
        for event in happened:
            if isinstance(event, Arrived):
                lines += self._lines(event, now)
                continue
            write(lines)  # so that what is said stands at its place when both go to one terminal
            lines = []
            self._say(event)
            if self._fail_on_gap and isinstance(event, Missed):
                return GAP
        write(lines)
        return None

    def _lines(self, arrived: Arrived, now: datetime) -> list[str]:
        match self._output:
            case Format.PRETTY:
                return pretty(arrived, self._paint, now=now, show_channel=self._show_channel)
            case _:
                return [shown(arrived, self._output)]

    def _say(self, event: Happening | Away | Back) -> None:
        match event:
            case Away(reason, delay):
                say(f"{reason}; next attempt in {delay:.1f} s")
            case Back():
                say("connected again")
            case CaughtUp(channel, position, recovered=True):
                say(f"{channel}: nothing was missed, at {position}")
            case Missed():
                say(missed(event))
            case _:
                pass


def missed(event: Missed) -> str:
    """A gap, in words."""
    if event.reason == "away":
        return f"{event.channel}: keeps no history; what was published meanwhile is unknown"
    if event.count is not None:
        what = f"{event.count} publications"
    elif event.first is not None and event.last is not None:
        what = f"{event.last - event.first + 1} publications ({event.first} to {event.last})"
    elif event.first is not None:
        what = f"everything from {event.first} on, of an earlier epoch,"
    else:
        what = "something"
    verb = "were" if what[0].isdigit() else "was"
    return f"{event.channel}: GAP, {what} {verb} missed: {_REASONS.get(event.reason, event.reason)}"


_REASONS = {
    "trimmed": "the history no longer reaches back",
    "lost": "the history no longer reaches back to the position",
    "epoch": "the stream began a new life, offsets start again",
    "latest": "the channel only promises the newest state, and this reader was behind",
    "unnumbered": "they had no offset, and this reader was behind",
    "interrupted": "the hub lost its link to the broker for a while",
    "unannounced": "the hub did not say why",
}


def shown(arrived: Arrived, output: Format) -> str:
    """A publication as one line for programs."""
    return _json(arrived.data if output is Format.RAW else _frame(arrived))


def _frame(arrived: Arrived) -> dict[str, Any]:
    frame: dict[str, Any] = {"channel": arrived.channel}
    if arrived.offset:
        frame |= {"offset": arrived.offset, "epoch": arrived.epoch}
    frame["data"] = arrived.data
    if arrived.tags:
        frame["tags"] = arrived.tags
    return frame


def _json(value: object) -> str:
    return safe_json(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
