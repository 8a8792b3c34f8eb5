"""How often one client may do something: come with a command, subscribe, publish, read, be refused."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping

from ..core.rate import Rate
from ..errors import (
    BadRequest,
    ClientError,
    Disconnect,
    Expired,
    LimitExceeded,
    PermissionDenied,
    TokenExpired,
    TooManyRequests,
    UnknownChannel,
    Unrecoverable,
)
from ..node.node import Node
from ..options import Limits

ROUNDING = 1e-9
"""Seconds that clocks round away: without them what was waited for is not quite there."""

PAUSE_SECONDS = 1.0
"""Whose commands did not have to wait for so long has paused."""

USUAL = (TokenExpired, Expired, Unrecoverable, UnknownChannel, PermissionDenied, LimitExceeded)
"""Errors that a sound client meets, perhaps for all of its channels at once: they do not end it."""


_ALLOWED: Mapping[str, Callable[[Limits], tuple[float, int]]] = {
    "commands": lambda limits: (limits.commands, limits.commands_burst),
    "subscribe": lambda limits: (limits.subscribe_rate, limits.subscribe_burst),
    "publish": lambda limits: (limits.publish_rate or 0.0, limits.publish_burst),
    "read": lambda limits: (limits.read_rate, limits.read_burst),
    "errors": lambda limits: (limits.rejected_commands / 60.0, limits.rejected_commands),
}
"""By what is done: how often a second, and how often at once."""


class Rates:
    """The rates of one client. Each is made when it is first needed: most connections only ever read."""

    __slots__ = (
        "_hurried_since",
        "_hurried_until",
        "_loop",
        "_node",
        "commands",
        "errors",
        "publish",
        "read",
        "subscribe",
    )

    def __init__(self, node: Node) -> None:
        self._node = node
        self._loop = node.tasks.loop
        self._hurried_since = self._hurried_until = -math.inf
        self.commands: Rate | None = None
        self.errors: Rate | None = None
        self.publish: Rate | None = None
        self.read: Rate | None = None
        self.subscribe: Rate | None = None

    async def throttle(self) -> None:
        """Wait while commands come too fast; give up on a client that never pauses.

        Raises:
            Disconnect: 3013.
        """
        rate = self._rate("commands")
        now = self._loop.time()
        if rate.take(now):
            return
        wait = rate.wait(now)
        self._node.counters.rate_limited += 1
        if now - self._hurried_until > PAUSE_SECONDS:
            self._hurried_since = now
        elif now - self._hurried_since >= self._node.limits.commands_seconds:
            raise Disconnect(3013)
        self._hurried_until = now + wait
        await asyncio.sleep(wait + ROUNDING)
        rate.take(self._loop.time())

    def spend(self, what: str) -> None:
        """Use up one of `subscribe`, `publish` or `read`. Raises TooManyRequests."""
        if what == "publish" and self._node.limits.publish_rate is None:
            return
        if not self._rate(what).take(self._loop.time()):
            self._node.counters.rate_limited += 1
            raise TooManyRequests("too many requests: slow down")

    def count_error(self, error: ClientError) -> None:
        """A command was refused. Raises Disconnect when that happens too often."""
        self._node.counters.client_errors += 1
        if error.temporary or (isinstance(error, USUAL) and error.code != BadRequest.code):
            return
        if not self._rate("errors").take(self._loop.time()):
            self._node.counters.bad_protocol += 1
            raise Disconnect(3013, "too many errors")  # which SDKs come back from, later and later

    def _rate(self, what: str) -> Rate:
        rate: Rate | None = getattr(self, what)
        if rate is None:
            rate = Rate(*_ALLOWED[what](self._node.limits))
            setattr(self, what, rate)
        return rate
