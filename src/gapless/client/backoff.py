"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable

_jitter = random.Random().random
"""Not the common one: it is drawn from in threads, and others may count on that one's sequence."""


class Backoff:
    """Delays in seconds that double up to a bound, each spread over its upper half.

    The spread keeps the clients of a hub that comes back from arriving all at once.
    """

    __slots__ = ("_attempt", "_first", "_longest", "_random")

    def __init__(
        self, first: float = 0.2, longest: float = 10.0, random: Callable[[], float] = _jitter
    ) -> None:
        self._first = first
        self._longest = longest
        self._random = random
        self._attempt = 0

    def next(self) -> float:
        """Seconds to wait before the next try: longer each time, with jitter."""
        delay = min(self._longest, self._first * 2.0 ** min(self._attempt, 32))
        self._attempt += 1
        return delay * (0.5 + self._random() / 2)

    def reset(self) -> None:
        """The last attempt worked."""
        self._attempt = 0
