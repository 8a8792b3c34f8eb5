"""How many connections each user has, on all nodes together, where that is limited."""

from __future__ import annotations

import logging

from ..brokers.base import Broker, JoinsNodes
from ..errors import BrokerError, Disconnect
from ..options import Limits
from .roster import Roster
from .tasks import Tasks

log = logging.getLogger("gapless")

COMING_SECONDS = 10.0
"""A connection that was let in and is not there by then does not come."""


class Users:
    """Lets connections of a user in, as long as there are not too many.

    Where nodes share a broker, each says there how many it has, and what a node has said ends with
    it. A broker that does not answer keeps nobody out: then each node counts its own.
    """

    def __init__(self, broker: Broker, roster: Roster, tasks: Tasks, limits: Limits, *, uid: str) -> None:
        self._nodes = broker.nodes if isinstance(broker, JoinsNodes) else None
        self._roster, self._tasks, self._uid = roster, tasks, uid
        self._limit = limits.user_connections
        self._coming: dict[str, list[float]] = {}
        self._untold: dict[str, None] = {}
        self._telling = False
        if self._limit is not None:
            roster.on_came, roster.on_left = self._came, self._left

    async def admit(self, user: str) -> None:
        """One more connection of a user; those without a user id are not counted.

        Raises:
            Disconnect: 3504, there are as many as there may be.
        """
        if self._limit is None or not user:
            return
        count = self._count(user) + 1
        if count > self._limit:
            raise Disconnect(3504)
        now = self._tasks.loop.time()
        self._coming.setdefault(user, []).append(now)
        if self._nodes is None:
            return
        try:
            fits = await self._nodes.count(self._uid, user, count, self._limit)
        except BrokerError as error:
            log.warning("the connections of a user are counted on this node alone: %s", error)
            return
        if not fits:
            self._forget(user, now)
            raise Disconnect(3504)

    def expire(self, now: float) -> None:
        """Count no more who was let in and has not come. Called about once a second."""
        for user, times in list(self._coming.items()):
            for since in [since for since in times if since <= now - COMING_SECONDS]:
                self._forget(user, since)
                self._left(user)

    def _count(self, user: str) -> int:
        return self._roster.of_user(user) + len(self._coming.get(user, ()))

    def _came(self, user: str) -> None:
        if times := self._coming.get(user):
            self._forget(user, times[0])

    def _forget(self, user: str, since: float) -> None:
        times = self._coming.get(user, [])
        if since in times:
            times.remove(since)
        if not times:
            self._coming.pop(user, None)

    def _left(self, user: str) -> None:
        if user and self._nodes is not None:
            self._untold[user] = None
            if not self._telling:
                self._telling = True
                self._tasks.spawn(self._tell())

    async def _tell(self) -> None:
        """Say how many are left of those of whom somebody has gone; one task for all who go at once."""
        try:
            while self._untold and self._nodes is not None:
                user, _ = self._untold.popitem()
                await self._nodes.count(self._uid, user, self._count(user), None)
        except BrokerError:
            pass  # it is said with whoever comes or goes next
        finally:
            self._telling = False
