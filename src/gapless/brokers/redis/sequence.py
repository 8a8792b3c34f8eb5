"""Publications of one channel go in runs, so that none is stored behind which another one failed.

Calls of Redis are under way by the thousand. When it refuses one of them, for want of memory perhaps, it may
take the next; and what a connection carried that was given up may be done later than what the next
one carries. Either way a publication that failed would be published again behind those that came
after it. So each call says the run it is in and its place there, and the script refuses one that does not
follow the last of this node. A run ends with the first failure that is heard of, and a later one
begins.
"""

from __future__ import annotations

import itertools
import secrets

from redis.exceptions import ResponseError

from ...errors import BrokerError

OVERTAKES = "OVERTAKES"
"""What the script's refusal begins with."""


class Run:
    """Publications of one channel, one behind the other, of which some are under way."""

    __slots__ = ("channel", "number", "placed", "under_way")

    def __init__(self, channel: str, number: int) -> None:
        self.channel = channel
        self.number = number
        self.placed = 0
        self.under_way = 0

    def place(self) -> tuple[str, str]:
        """Behind what the next publication has to stand, as the script notes it, and where that is itself."""
        place = self.placed
        self.placed += 1
        self.under_way += 1
        return f"{self.number} {place - 1} " if place else "", f"{self.number} {place} "


class Sequence:
    """The runs of a node; `node` is where the script notes how far they are."""

    def __init__(self) -> None:
        self.node = f"by {secrets.token_urlsafe(6)}"
        self._numbers = itertools.count(1)
        self._runs: dict[str, Run] = {}

    def next(self, channel: str) -> Run:
        """The run of the next publication."""
        run = self._runs.get(channel)
        if run is None:
            run = self._runs[channel] = Run(channel, next(self._numbers))
        return run

    def done(self, run: Run) -> None:
        """One of a run was answered. Once nothing is under way, the next one has nothing to follow."""
        run.under_way -= 1
        if not run.under_way:
            self._end(run)

    def failed(self, run: Run) -> None:
        """Whoever publishes hears of it now: what comes from now on may stand before it."""
        run.under_way -= 1
        self._end(run)

    def __len__(self) -> int:
        """Runs that go on."""
        return len(self._runs)

    def _end(self, run: Run) -> None:
        if self._runs.get(run.channel) is run:
            del self._runs[run.channel]


def overtakes(error: ResponseError) -> BrokerError | None:
    """What is told of a publication that was refused for the one before it; None: of another refusal."""
    if not str(error).startswith(OVERTAKES):
        return None
    failure = BrokerError("what was published before this could not be stored")
    failure.__cause__ = error
    return failure
