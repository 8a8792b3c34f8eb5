"""The fake presence store: who is in which channel, known when the test wants."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

from gapless.brokers.presence import MemoryPresence
from gapless.model import Member
from gapless.options import Limits

from .until import turns


class FakePresence(MemoryPresence):
    """Calls of a kind that is held wait for `answer` or `release`; the others take `delays`, in turns.

    `fails` is raised by every join and leave.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits)
        self.calls: list[str] = []
        """Joins and leaves that were answered."""
        self.waiting: list[tuple[str, asyncio.Future[None]]] = []
        self.delays: Iterator[int] = itertools.repeat(0)
        self.fails: Exception | None = None
        self._held: tuple[str, ...] = ()

    async def join(self, channel: str, member: Member, *, announce: bool) -> bool:
        await self._take_time("join")
        return await super().join(channel, member, announce=announce)

    async def leave(self, channel: str, client: str, *, announce: bool) -> Member | None:
        await self._take_time("leave")
        return await super().leave(channel, client, announce=announce)

    def present(self, channel: str) -> bool:
        """Is anybody in the channel?"""
        return channel in self._channels

    def hold(self, *calls: str) -> None:
        """`join`, `leave` or both wait from now on."""
        self._held = calls

    def release(self) -> None:
        """Nothing waits any more."""
        self._held = ()
        waiting, self.waiting = self.waiting, []
        for _, answer in waiting:
            answer.set_result(None)

    async def answer(self, call: str) -> None:
        """Answer the only call that is under way."""
        await turns()
        [(what, answer)] = self.waiting
        assert what == call
        self.waiting.clear()
        answer.set_result(None)
        await turns()

    async def _take_time(self, call: str) -> None:
        await turns(next(self.delays))
        if call in self._held:
            answer = asyncio.get_running_loop().create_future()
            self.waiting.append((call, answer))
            await answer
        if self.fails is not None:
            raise self.fails
        self.calls.append(call)
