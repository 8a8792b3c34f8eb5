"""The members that connections of this node are: each appears in presence and disappears, in this order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from ..brokers.base import PresenceStore
from ..errors import BrokerError, LimitExceeded
from ..model import Member
from ..options import Limits
from .tasks import Tasks

log = logging.getLogger("gapless")


class Members:
    """Who is present through this node: kept in step with what the presence store holds, and refreshed."""

    def __init__(self, presence: PresenceStore, tasks: Tasks, limits: Limits) -> None:
        self._presence = presence
        self._tasks = tasks
        self._limits = limits
        self._here: dict[tuple[str, str], Member] = {}
        self._leaving: dict[tuple[str, str], asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._here)

    def __getitem__(self, key: tuple[str, str]) -> Member:
        """By channel and client id, as others see it there. Raises KeyError: it is not present from here."""
        return self._here[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(list(self._here))

    async def join(
        self, channel: str, member: Member, *, announce: bool, is_current: Callable[[], bool]
    ) -> None:
        """Appear in a channel. Given up meanwhile, which `is_current` tells, it has disappeared again.

        Raises:
            LimitExceeded: what others would see of it is too large.
            BrokerError: the presence did not answer.
        """
        limits, client = self._limits, member.client
        size = len(member.conn_info or b"") + len(member.chan_info or b"")
        if size > limits.presence_info_bytes:
            raise LimitExceeded("bytes of a member's info", limits.presence_info_bytes, size, code=107)
        leaving = self._leaving.get((channel, client))
        if leaving is not None:
            await asyncio.wait([leaving])  # else its earlier leave would take this join away
            if not is_current():
                return
        self._here[(channel, client)] = member
        try:
            async with asyncio.timeout(limits.broker_seconds):
                await self._presence.join(channel, member, announce=announce)
        except TimeoutError as error:
            raise BrokerError(f"the presence of {channel!r} did not answer in time") from error
        if not is_current():
            # The first leave may have come before the join.
            self._send_off(channel, client, announce)

    def renew(self, channel: str, member: Member) -> None:
        """What others see of it has changed; presence shows it at its next refresh."""
        if (channel, member.client) in self._here:
            self._here[(channel, member.client)] = member

    def leave(self, channel: str, client: str, *, announce: bool) -> None:
        """Disappear from a channel, if it appeared there. Nobody waits for the presence to answer."""
        if self._here.pop((channel, client), None) is not None:
            self._send_off(channel, client, announce)

    async def refresh(self) -> None:
        """Tell the presence that all of them are still here."""
        for (channel, client), member in list(self._here.items()):
            if (channel, client) in self._here:  # else it has left, and must not come back
                try:
                    async with asyncio.timeout(self._limits.broker_seconds):
                        await self._presence.join(channel, member, announce=False)
                except (BrokerError, TimeoutError) as error:
                    log.warning("presence cannot be refreshed yet: %s", error or "no answer in time")
                    return

    def _send_off(self, channel: str, client: str, announce: bool) -> None:
        before = self._leaving.get((channel, client))
        self._leaving[(channel, client)] = self._tasks.spawn(self._leave(channel, client, announce, before))

    async def _leave(
        self, channel: str, client: str, announce: bool, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            async with asyncio.timeout(self._limits.broker_seconds):
                await self._presence.leave(channel, client, announce=announce)
        except (BrokerError, TimeoutError) as error:
            log.warning("a member could not leave and will expire: %s", error or "no answer in time")
        finally:
            if self._leaving.get((channel, client)) is asyncio.current_task():
                del self._leaving[(channel, client)]
