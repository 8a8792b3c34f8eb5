"""A broker under test: its publications awaited, its notifications written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from gapless.brokers.base import Broker, PresenceStore
from gapless.model import Draft, History, Member, Position, Publication
from gapless.options import ChannelOptions

from ..support.until import DEADLINE, until

KEPT = ChannelOptions(history=100)
NOT_KEPT = ChannelOptions()


class Recorder:
    """The sink: what was notified, in its order, and what a test does at that moment."""

    def __init__(self) -> None:
        self.publications: list[tuple[str, Publication]] = []
        self.members: list[tuple[str, str, str]] = []
        self.interruptions = 0
        self.garbage: list[str] = []
        self.at_once: Callable[[str, Publication], None] | None = None

    def publication(self, channel: str, publication: Publication) -> None:
        self.publications.append((channel, publication))
        if self.at_once is not None:
            self.at_once(channel, publication)

    def joined(self, channel: str, member: Member) -> None:
        self.members.append(("join", channel, member.client))

    def left(self, channel: str, member: Member) -> None:
        self.members.append(("leave", channel, member.client))

    def interrupted(self) -> None:
        self.interruptions += 1

    def garbled(self, channel: str) -> None:
        self.garbage.append(channel)

    def of(self, channel: str) -> list[Publication]:
        return [publication for name, publication in self.publications if name == channel]

    until = staticmethod(until)
    """Wait until something that was notified makes it true."""


class Slip:
    """The other end of a receipt. Being settled twice is a mistake of the broker."""

    def __init__(self) -> None:
        self.future: asyncio.Future[Position | None] = asyncio.get_running_loop().create_future()

    def resolve(self, position: Position | None) -> None:
        self.future.set_result(position)

    def fail(self, error: Exception) -> None:
        self.future.set_exception(error)


class Harness:
    """One broker, started, with its own sink."""

    def __init__(self, broker: Broker, presence: PresenceStore) -> None:
        self.broker = broker
        self.presence = presence
        self.sink = Recorder()

    async def start(self) -> None:
        await self.presence.start(self.sink)
        await self.broker.start(self.sink)

    def send(
        self, channel: str, payload: bytes = b"0", options: ChannelOptions = KEPT, **draft: Any
    ) -> asyncio.Future[Position | None]:
        slip = Slip()
        self.broker.publish(channel, Draft(payload, **draft), options, slip)
        return slip.future

    async def publish(
        self, channel: str, payload: bytes = b"0", options: ChannelOptions = KEPT, **draft: Any
    ) -> Position | None:
        async with asyncio.timeout(DEADLINE):
            return await self.send(channel, payload, options, **draft)

    async def fill(self, channel: str, count: int, options: ChannelOptions = KEPT) -> list[Position]:
        """Publish 1, 2, 3 …; their positions."""
        positions = [await self.publish(channel, b"%d" % number, options) for number in range(1, count + 1)]
        return [position for position in positions if position is not None]

    async def history(self, channel: str, options: ChannelOptions = KEPT, **how: Any) -> History:
        return await self.broker.history(channel, options, **how)
