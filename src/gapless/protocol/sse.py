"""Server-sent events (HTML Living Standard, 9.2): event-stream frames out, Last-Event-ID in."""

from __future__ import annotations

import re

from ..model import Position

COMMENT = b":\n\n"
"""A comment line: keeps proxies and dead connections honest, and no client sees it."""

LF, CR = b"\n\r"

_LINES = re.compile(rb"\r\n|\r|\n")


_ESCAPES = {b"\xc2\x85": rb"\u0085", b"\xe2\x80\xa8": rb"\u2028", b"\xe2\x80\xa9": rb"\u2029"}
"""Where clients split lines that take every end of a line in Unicode for one."""


def event(data: bytes, *, id: str | None = None, name: str | None = None) -> bytes:  # noqa: A002
    """One event. `data` is JSON, and may hold line ends; each line becomes a `data:` line of its own.

    `id` and `name` are the hub's own words, never a peer's: they hold no line ends and no NUL.
    """
    # A byte is found ten times as fast as a piece of text.
    if not data.isascii() and (b"\xe2\x80" in data or b"\xc2\x85" in data):
        for end, escape in _ESCAPES.items():
            data = data.replace(end, escape)
    head = b""
    if name is not None:
        head += b"event: " + name.encode() + b"\n"
    if id is not None:
        head += b"id: " + id.encode() + b"\n"
    if LF not in data and CR not in data:
        return b"%bdata: %b\n\n" % (head, data)
    return head + b"".join(b"data: " + line + b"\n" for line in _LINES.split(data)) + b"\n"


def event_id(positions: list[Position]) -> str:
    """Where a stream over several channels stands, in their order."""
    return ",".join(map(str, positions))


def parse_event_id(text: str, channels: int) -> list[Position] | None:
    """The positions of a Last-Event-ID, one for each channel; None when it is not one of ours."""
    parts = text.split(",")
    if len(parts) != channels:
        return None
    try:
        return [Position.parse(part) for part in parts]
    except ValueError:
        return None


class Heartbeat:
    """When the next comment line is due: `interval` seconds after the last, while nothing waits for it."""

    __slots__ = ("_beat_at", "_interval")

    def __init__(self, interval: float, now: float) -> None:
        self._interval = interval
        self._beat_at = now

    def is_due(self, now: float, *, waiting: bool) -> bool:
        """Now? Then the next one is due `interval` later. `waiting` says that the socket takes nothing."""
        if not waiting and now - self._beat_at < self._interval:
            return False
        self._beat_at = now
        return not waiting
