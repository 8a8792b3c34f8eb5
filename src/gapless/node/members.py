"""The members that connections of this node are: each appears in presence and disappears, in this order."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from ..errors import BrokerError, LimitExceeded
from ..sessions.subscription import Admission, Subscription
from .node import Node

if TYPE_CHECKING:
    from ..sessions.session import Session

log = logging.getLogger("gapless")


class Members:
    """What the node refreshes (`Node.members`) and what the presence store holds, kept in step."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._leaving: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def join(self, session: Session, seat: Subscription, admission: Admission) -> None:
        """Appear in the seat's channel. Given up meanwhile, it has disappeared again afterwards.

        Raises:
            LimitExceeded: what others would see of it is too large.
            BrokerError: the presence did not answer.
        """
        name, limits = seat.name, self._node.limits
        member = session.member(admission)
        size = len(member.conn_info or b"") + len(member.chan_info or b"")
        if size > limits.presence_info_bytes:
            raise LimitExceeded("bytes of a member's info", limits.presence_info_bytes, size, code=107)
        leaving = self._leaving.get((name, member.client))
        if leaving is not None:
            await asyncio.wait([leaving])  # else its earlier leave would take this join away
            if not session.is_current(seat):
                return
        self._node.members[(name, member.client)] = member
        announce = admission.options.join_leave
        try:
            async with asyncio.timeout(limits.broker_seconds):
                await self._node.presence.join(name, member, announce=announce)
        except TimeoutError as error:
            raise BrokerError(f"the presence of {name!r} did not answer in time") from error
        if not session.is_current(seat):
            self._send_off(name, member.client, announce)  # the first leave may have come before the join

    def renew(self, session: Session) -> None:
        """What others see of this connection has changed; presence shows it at its next refresh."""
        members, client = self._node.members, session.client
        for name, seat in session.subscriptions.items():
            if (name, client) in members:
                members[(name, client)] = session.member(seat.admission)

    def leave(self, name: str, client: str, *, announce: bool) -> None:
        """Disappear from a channel, if it appeared there. Nobody waits for the presence to answer."""
        if self._node.members.pop((name, client), None) is not None:
            self._send_off(name, client, announce)

    def _send_off(self, name: str, client: str, announce: bool) -> None:
        before = self._leaving.get((name, client))
        self._leaving[(name, client)] = self._node.spawn(self._leave(name, client, announce, before))

    async def _leave(self, name: str, client: str, announce: bool, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            async with asyncio.timeout(self._node.limits.broker_seconds):
                await self._node.presence.leave(name, client, announce=announce)
        except (BrokerError, TimeoutError) as error:
            log.warning("a member could not leave and will expire: %s", error or "no answer in time")
        finally:
            if self._leaving.get((name, client)) is asyncio.current_task():
                del self._leaving[(name, client)]
