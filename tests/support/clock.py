"""The fake clock: Unix time that stands still until it is moved."""

from __future__ import annotations


class Clock:
    """Called, it says what time it is."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds
