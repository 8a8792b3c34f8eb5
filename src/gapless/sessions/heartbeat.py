"""The heartbeat of an event stream: comment lines, which no client sees and every proxy does."""

from __future__ import annotations


class Heartbeat:
    """When the next one is due: `interval` seconds after the last, while nothing waits for the socket."""

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
