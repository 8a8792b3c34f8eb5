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


class Sequence:
    """The runs of a node; `node` is its name for the script."""

    def __init__(self) -> None:
        self.node = secrets.token_urlsafe(6)
        self._numbers = itertools.count(1)
        self._runs: dict[str, Run] = {}

    def place(self, channel: str) -> tuple[Run, int]:
        """The run of the next publication, and its place there, from 0."""
        run = self._runs.get(channel)
        if run is None:
            run = self._runs[channel] = Run(channel, next(self._numbers))
        place = run.placed
        run.placed += 1
        run.under_way += 1
        return run, place

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
