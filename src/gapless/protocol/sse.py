"""Server-sent events (HTML Living Standard, 9.2): event-stream frames out, Last-Event-ID in."""

from __future__ import annotations

import re

from ..model import Position

COMMENT = b":\n\n"
"""A comment line: keeps proxies and dead connections honest, and no client sees it."""

_LINES = re.compile(rb"\r\n|\r|\n")


def event(data: bytes, *, id: str | None = None, name: str | None = None) -> bytes:  # noqa: A002
    """One event. `data` may hold line ends; each line becomes a `data:` line of its own.

    `id` and `name` are the hub's own words, never a peer's: they hold no line ends and no NUL.
    """
    head = b""
    if name is not None:
        head += b"event: " + name.encode() + b"\n"
    if id is not None:
        head += b"id: " + id.encode() + b"\n"
    if b"\n" not in data and b"\r" not in data:
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
