"""How fast something grows, by two looks at what counts it."""

from __future__ import annotations

LEAST_SECONDS = 0.9
"""Between two looks of which a rate is made: in less, one batch more or less is all that is seen."""

FORGET_SECONDS = 10.0
"""A look that was longer ago says nothing about now."""


class Growth:
    """Rates of counts that belong to one life of something, `epoch`. Costs nothing while nobody looks."""

    __slots__ = ("_at", "_counts", "_epoch", "_rates")

    def __init__(self) -> None:
        self._at = 0.0
        self._epoch: str | None = None
        self._counts: tuple[int, ...] = ()
        self._rates: tuple[float, ...] | None = None

    def look(self, now: float, epoch: str, *counts: int) -> tuple[float, ...] | None:
        """How much each grows in a second; None: that is not known before another look."""
        passed = now - self._at
        if epoch != self._epoch or not 0 <= passed <= FORGET_SECONDS:
            self._rates = None
        elif passed < LEAST_SECONDS:
            return self._rates  # as whoever looked just before was told
        else:
            pairs = zip(counts, self._counts, strict=True)
            self._rates = tuple(max(0, count - seen) / passed for count, seen in pairs)
        self._at, self._epoch, self._counts = now, epoch, counts
        return self._rates
