"""A memory broker whose answers the test holds back, or turns into errors."""

from __future__ import annotations

import asyncio
from typing import Any

from gapless.brokers.memory import MemoryBroker
from gapless.errors import BrokerError
from gapless.model import History


class HeldBroker(MemoryBroker):
    """`hold` makes every history wait for `release`; `fails` makes it fail then.

    A page is read when it is released, as by a slow broker that is asked over a network; with
    `reads_early`, when it was asked for, as by one whose answer is slow to arrive.
    """

    immediate = False

    def __init__(self) -> None:
        super().__init__()
        self._gate = asyncio.Event()
        self._gate.set()
        self._held: str | None = None
        self.reads_early = False
        self.fails = False
        self.waiting = 0

    def hold(self, channel: str | None = None) -> None:
        """Those of one channel, or all."""
        self._held = channel
        self._gate.clear()

    def release(self) -> None:
        self._gate.set()

    async def history(self, channel: str, *args: Any, **how: Any) -> History:
        page = await super().history(channel, *args, **how) if self.reads_early else None
        if self._held in (None, channel):
            self.waiting += 1
            await self._gate.wait()
            self.waiting -= 1
        if self.fails:
            raise BrokerError("as the test wants it")
        return page or await super().history(channel, *args, **how)

    def forget(self, channel: str) -> None:
        """Begin the channel's stream anew, as after a restart."""
        self._forget(channel)
