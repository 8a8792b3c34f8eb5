"""`gapless tail`: read channels as they go."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from ..client.reader import Arrived, CaughtUp, Happening, Missed, Reader
from ..client.subscriber import Away, Back, Subscriber
from ..model import Position
from .filters import Filter, duration, filled, filter_from
from .pretty import pretty
from .terminal import DEFAULT_URL, Paint, Token, Url, WrongUsage, hub_at, safe_json, say, write

GAP = 4
"""The exit code of --fail-on-gap."""


class Color(StrEnum):
    """When there are colours."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


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
            metavar="POSITION|TIME",
            help="Go on after EPOCH:OFFSET, or CHANNEL@EPOCH:OFFSET (repeatable); or from 10m ago on.",
        ),
    ] = None,
    level: Annotated[
        str | None, typer.Option(show_default=False, help="Only rows of this level and above.")
    ] = None,
    grep: Annotated[
        list[str] | None,
        typer.Option("-g", "--grep", metavar="REGEX", help="Only what holds it (repeatable)."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("-w", "--where", metavar="FIELD=VALUE", help="Only rows with this (repeatable)."),
    ] = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="json: one object a line; raw: its data only.")
    ] = Format.PRETTY,
    template: Annotated[
        str | None, typer.Option(show_default=False, help="As in '{time} {level} {message} {fields.user}'.")
    ] = None,
    color: Annotated[Color, typer.Option(help="Colours of our own.")] = Color.AUTO,
    ansi: Annotated[bool, typer.Option("--ansi", help="Show the colours in messages, too.")] = False,
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
    begin, places = _begin(since or ())
    chosen = filter_from(level, grep or (), where or (), begin)
    # What is left out is only known here: the newest N of what is shown come out of all that is kept.
    count = None if begin is not None and lines == "10" else _count(lines)
    reader = Reader(channels, None if chosen.active else count, positions(places, channels))
    how = Shape(output, template, color, ansi, show_channel=len(channels) > 1)
    tail = Tail(how, chosen, count, fail_on_gap=fail_on_gap)
    waiting_for = set() if follow else set(channels)
    raise typer.Exit(asyncio.run(_read(Subscriber(hub_at(url, token), reader), tail, waiting_for)))


def _begin(since: Sequence[str]) -> tuple[datetime | None, list[str]]:
    """The time, and the positions, that --since says."""
    ago = [found for text in since if (found := duration(text)) is not None]
    places = [text for text in since if duration(text) is None]
    return (datetime.now().astimezone() - max(ago) if ago else None), places


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


class Shape:
    """How publications are printed."""

    def __init__(
        self, output: Format, template: str | None, color: Color, ansi: bool, *, show_channel: bool
    ) -> None:
        self._output = output
        self._template = template
        self._ansi = ansi
        self._show_channel = show_channel
        self._paint = Paint(when=color)

    def lines(self, arrived: Arrived, now: datetime) -> list[str]:
        """The lines of one."""
        if self._template is not None:
            return [filled(self._template, arrived)]
        if self._output is Format.PRETTY:
            channel = self._show_channel
            return pretty(arrived, self._paint, now=now, show_channel=channel, ansi=self._ansi)
        return [shown(arrived, self._output)]


class Tail:
    """Shows what happened: publications on stdout, everything about them on stderr.

    With a filter, `count` of the newest in history that it takes are shown, None for all.
    """

    def __init__(self, shape: Shape, chosen: Filter, count: int | None, *, fail_on_gap: bool) -> None:
        self._shape = shape
        self._chosen = chosen
        self._count = count
        self._old: dict[str, deque[Arrived]] = {}
        self._fail_on_gap = fail_on_gap

    def show(self, happened: Sequence[Happening | Away | Back]) -> int | None:
        """One frame's worth. Gives the exit code when it has to end here."""
        now = datetime.now().astimezone()
        lines: list[str] = []
        for event in happened:
            if isinstance(event, Arrived):
                lines += self._lines(event, now)
                continue
            if isinstance(event, CaughtUp):
                for kept in self._old.pop(event.channel, ()):
                    lines += self._shape.lines(kept, now)
            write(lines)  # so that what is said stands at its place when both go to one terminal
            lines = []
            self._say(event)
            if self._fail_on_gap and isinstance(event, Missed):
                return GAP
        write(lines)
        return None

    def _lines(self, arrived: Arrived, now: datetime) -> list[str]:
        if not self._chosen.active:
            return self._shape.lines(arrived, now)
        if not self._chosen.takes(arrived):
            return []
        if arrived.live or self._count is None:
            return self._shape.lines(arrived, now)
        self._old.setdefault(arrived.channel, deque(maxlen=self._count)).append(arrived)
        return []

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
