"""Presence in Redis: who is in which channel, on all nodes together."""

from __future__ import annotations

import asyncio
import logging
import random

from ...errors import BrokerError
from ...model import Member
from ...options import Limits
from ..base import Sink
from . import record, scripts
from .keys import EXPIRIES, MEMBERS, USERS, Keys
from .site import Site, call

log = logging.getLogger("gapless")

EXPIRE_SECONDS = 5.0
"""Between looks for members that were not refreshed, of each node, more or less."""

DUE_AT_ONCE = 100
"""Channels looked at in each group then."""


class RedisPresence:
    """Members kept beside the streams of a broker, which also carries the announcements.

    A member of a node that died is removed by whichever node looks first, and announced as gone
    if it was announced when it came.
    """

    def __init__(self, keys: Keys, site: Site, limits: Limits) -> None:
        self._keys, self._site = keys, site
        self._lasts = int(limits.presence_expiry * 1000)
        self._notify = "SPUBLISH" if site.sharded else "PUBLISH"
        self._looked_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def start(self, sink: Sink) -> None:
        """Announcements come with the broker's notifications, to the broker's sink."""

    async def join(self, channel: str, member: Member, *, announce: bool) -> bool:
        group, keys = self._named(channel)
        return bool(
            await call(
                self._site,
                group,
                b"EVALSHA",
                scripts.JOIN.sha,
                len(keys),
                *keys,
                member.client,
                member.user,
                record.write_member(member),
                self._lasts,
                int(announce),
                self._notify,
                self._keys.notifications(channel),
                channel,
            )
        )

    async def leave(self, channel: str, client: str, *, announce: bool) -> Member | None:
        gone = await self._leave(channel, client, "1" if announce else "0")
        return gone[0] if gone else None

    async def _leave(self, channel: str, client: str, announce: str) -> list[Member]:
        group, keys = self._named(channel)
        target = self._keys.notifications(channel)
        gone = await call(
            self._site,
            group,
            b"EVALSHA",
            scripts.LEAVE.sha,
            len(keys),
            *keys,
            client,
            announce,
            self._notify,
            target,
            channel,
        )
        return [record.read_member(written) for written in gone]

    async def members(self, channel: str) -> dict[str, Member]:
        group, (members, *_) = self._named(channel)
        kept = await call(self._site, group, b"HVALS", members)
        found: dict[str, Member] = {}
        for value in kept:
            try:
                member = record.read_member(_json(value))
            except (BrokerError, ValueError):
                continue  # no node has written it; it goes when it expires, or with its key
            found[member.client] = member
        return found

    async def counts(self, channel: str) -> tuple[int, int]:
        group, (members, _, users, _) = self._named(channel)
        clients, distinct = await asyncio.gather(
            call(self._site, group, b"HLEN", members), call(self._site, group, b"HLEN", users)
        )
        return clients, distinct

    def _named(self, channel: str) -> tuple[int, tuple[str, str, str, str]]:
        keys = self._keys
        group = keys.group(channel)
        names = (keys.of(group, kind, channel) for kind in (MEMBERS, EXPIRIES, USERS))
        return group, (*names, keys.due(group))  # type: ignore[return-value]

    def expire(self, now: float) -> None:
        if now < self._looked_at + EXPIRE_SECONDS or not (self._looking is None or self._looking.done()):
            return
        self._looked_at = now + random.random() * EXPIRE_SECONDS / 2  # nodes need not do it all together
        self._looking = asyncio.get_running_loop().create_task(self._look(now))

    async def _look(self, now: float) -> None:
        """Remove who was not refreshed. Which channels to look at, our clock says; who is late, Redis."""
        keys, edge = self._keys, int(now * 1000)
        try:
            due = await asyncio.gather(
                *(
                    call(
                        self._site,
                        group,
                        b"ZRANGEBYSCORE",
                        keys.due(group),
                        "-inf",
                        edge,
                        "LIMIT",
                        0,
                        DUE_AT_ONCE,
                    )
                    for group in range(keys.groups)
                )
            )
            # Of names that no node has written, what can be read of them: that channel has no members.
            names = [name.decode(errors="replace") for found in due for name in found]
            await asyncio.gather(*(self._leave(name, "", "") for name in names))
        except BrokerError as error:
            log.warning("members that are gone cannot be removed yet: %s", error)


def _json(kept: bytes) -> bytes:
    """The member as it is kept: MARK LENGTH:USER JSON."""
    length, _, rest = kept[1:].partition(b":")
    return rest[int(length) :]
