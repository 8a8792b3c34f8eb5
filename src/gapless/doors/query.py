"""The query of `/ws` and `/sse`: which channels, from where, how."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, Self

from ..model import Position
from ..options import Limits
from ..protocol import plain

_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)


class BadQuery(ValueError):
    """A parameter that cannot be meant; the text says which, and what it should be."""


class Query(NamedTuple):
    """A checked query. `pace` is seconds, 0 for none; `history` None for all that is kept."""

    channels: tuple[str, ...]
    since: dict[str, Position]
    history: int | None
    batch: bool
    pace: float
    joins: bool
    takes_commands: bool
    """Of an event stream: does it carry the frames of `/ws`, and are commands posted to it?"""

    @classmethod
    def parse(
        cls,
        pairs: list[tuple[str, str]],
        limits: Limits,
        *,
        default_channels: tuple[str, ...] = (),
        sse: bool = False,
    ) -> Self:
        """Read the pairs of a query; parameters it does not know are left to others.

        Raises:
            BadQuery: a parameter that cannot be meant.
        """
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        channels = tuple(values.get("channel", ())) or default_channels
        if len(set(channels)) != len(channels):
            raise BadQuery("channel: the same channel is named twice")
        if len(channels) > limits.subscriptions:
            raise BadQuery(f"channel: at most {limits.subscriptions} of them on one connection")
        if "" in channels:
            raise BadQuery("channel: the name is empty")
        since: dict[str, Position] = {}
        for text in values.get("since", ()):
            channel, position = _since(text, channels)
            if channel in since:
                raise BadQuery(f"since: {channel!r} is given twice")
            since[channel] = position
        takes_commands = sse and _flag(values, "commands")
        if sse and "batch" in values and not takes_commands:
            raise BadQuery("batch: events are not batched; leave it out")
        return cls(
            channels=channels,
            since=since,
            history=_history(values),
            batch=_flag(values, "batch"),
            pace=_pace(values, limits),
            joins=_flag(values, "joins"),
            takes_commands=takes_commands,
        )

    def with_channels(self, more: Iterable[str]) -> Self:
        """As it is, and those of `more` that it does not name, behind the others and from the same start."""
        others = tuple(channel for channel in more if channel not in self.channels)
        return self._replace(channels=self.channels + others) if others else self

    def commands(self) -> list[plain.Subscribe]:
        """What the query asks for, one subscription a channel."""
        return [
            plain.Subscribe(channel, self.history, self.since.get(channel), self.joins)
            for channel in self.channels
        ]


def _single(values: dict[str, list[str]], name: str) -> str | None:
    found = values.get(name)
    if found is None:
        return None
    if len(found) > 1:
        raise BadQuery(f"{name}: given {len(found)} times, once is enough")
    return found[0]


def _flag(values: dict[str, list[str]], name: str) -> bool:
    text = _single(values, name)
    if text not in (None, "0", "1"):
        raise BadQuery(f"{name}: is 1 or 0, not {text[:40]!r}" if text else f"{name}: is 1 or 0, not empty")
    return text == "1"


def _history(values: dict[str, list[str]]) -> int | None:
    text = _single(values, "history")
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise BadQuery(f"history: is a whole number, 0 for none, not {text[:40]!r}")
    return int(text)


def _pace(values: dict[str, list[str]], limits: Limits) -> float:
    text = _single(values, "pace")
    if text is None:
        return 0.0
    if not _NUMBER.fullmatch(text) or int(text) > limits.max_pace_ms:
        raise BadQuery(f"pace: is 0 to {limits.max_pace_ms} milliseconds, not {text[:40]!r}")
    return int(text) / 1000.0


def _since(text: str, channels: tuple[str, ...]) -> tuple[str, Position]:
    channel, at, position = text.rpartition("@")
    if not at:
        raise BadQuery(f"since: is CHANNEL@EPOCH:OFFSET, not {text[:80]!r}")
    if channel not in channels:
        raise BadQuery(f"since: {channel[:80]!r} is not among the channels of this query")
    try:
        return channel, Position.parse(position)
    except ValueError as error:
        raise BadQuery(f"since: {error}") from None
