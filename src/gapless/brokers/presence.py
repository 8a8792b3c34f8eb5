"""Who is in which channel of this process: the presence store of brokers that have none of their own."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..core.presence import Presence
from ..model import Member
from ..options import Limits
from .base import Sink


class MemoryPresence:
    """Who is in which channel of this process."""

    def __init__(self, limits: Limits | None = None, *, now: Callable[[], float] = time.time) -> None:
        self._limits = limits or Limits()
        self._now = now
        self._sink: Sink | None = None
        self._channels: dict[str, Presence] = {}
        self._announced: set[str] = set()

    async def start(self, sink: Sink) -> None:
        self._sink = sink

    async def join(self, channel: str, member: Member, *, announce: bool) -> bool:
        presence = self._channels.setdefault(channel, Presence())
        came = presence.join(member, self._now() + self._limits.presence_expiry)
        if announce:
            self._announced.add(channel)
            if came and self._sink is not None:
                self._sink.joined(channel, member)
        return came

    async def leave(self, channel: str, client: str, *, announce: bool) -> Member | None:
        presence = self._channels.get(channel)
        member = presence.leave(client) if presence is not None else None
        if member is not None:
            self._gone(channel, [member], announce)
        return member

    async def members(self, channel: str) -> dict[str, Member]:
        presence = self._channels.get(channel)
        return presence.members() if presence is not None else {}

    async def counts(self, channel: str) -> tuple[int, int]:
        presence = self._channels.get(channel)
        return (len(presence), presence.user_count) if presence is not None else (0, 0)

    def expire(self, now: float) -> None:
        for channel, presence in list(self._channels.items()):
            gone = presence.expire(now)
            if gone:
                self._gone(channel, gone, channel in self._announced)

    def _gone(self, channel: str, members: list[Member], announce: bool) -> None:
        if announce and self._sink is not None:
            for member in members:
                self._sink.left(channel, member)
        if not len(self._channels[channel]):
            del self._channels[channel]
            self._announced.discard(channel)
