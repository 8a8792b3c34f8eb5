"""Pings by a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest

from gapless.transports.keepalive import Keepalive

from ..support.virtual import VirtualLoop


class Line:
    """What was sent, and when."""

    def __init__(self, *, timeout: float | None = 5.0) -> None:
        self.loop = asyncio.get_running_loop()
        self.pings: list[tuple[float, bytes]] = []
        self.lost_at: list[float] = []
        self.busy = False
        self.lives = False
        self.keepalive = Keepalive(20.0, timeout, self._ping, self._lost)

    def _ping(self, payload: bytes) -> bool:
        if not self.busy:
            self.pings.append((self.loop.time(), payload))
        return not self.busy

    def _lost(self) -> bool:
        self.lost_at.append(self.loop.time())
        return self.lives

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.pings]


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    with closing(VirtualLoop()) as made:
        yield made


def test_pings_are_as_far_apart_as_was_said_whatever_their_answers_take(loop: VirtualLoop) -> None:
    async def story() -> None:
        line, start = Line(), loop.time()
        for count in range(1, 4):
            while len(line.pings) < count:
                await asyncio.sleep(0.5)
            await asyncio.sleep(3.0)
            line.keepalive.on_pong(line.pings[-1][1])
        assert line.times == [start + 20.0, start + 40.0, start + 60.0]
        assert not line.lost_at
        line.keepalive.stop()

    loop.run_until_complete(story())


def test_the_round_trip_is_that_of_the_last_ping_that_was_answered(loop: VirtualLoop) -> None:
    async def story() -> None:
        line = Line(timeout=None)
        known = [line.keepalive.round_trip]
        for seconds in (0.5, 3.0):
            count = len(line.pings)
            while len(line.pings) == count:
                await asyncio.sleep(0.25)
            await asyncio.sleep(seconds)
            line.keepalive.on_pong(b"else")
            line.keepalive.on_pong(line.pings[-1][1])
            known.append(line.keepalive.round_trip)
        assert known == [None, 0.5, 3.0]
        line.keepalive.stop()

    loop.run_until_complete(story())


def test_an_answer_that_does_not_come_in_time_is_the_end(loop: VirtualLoop) -> None:
    async def story() -> None:
        line, start = Line(), loop.time()
        await asyncio.sleep(21.0)
        line.keepalive.on_pong(b"else")
        line.keepalive.on_pong(b"")
        await asyncio.sleep(60.0)
        assert line.lost_at == [start + 25.0]
        assert len(line.pings) == 1, "nobody is asked again"

    loop.run_until_complete(story())


def test_an_answer_counts_once(loop: VirtualLoop) -> None:
    async def story() -> None:
        line, start = Line(), loop.time()
        await asyncio.sleep(21.0)
        first = line.pings[0][1]
        line.keepalive.on_pong(first)
        await asyncio.sleep(20.0)
        line.keepalive.on_pong(first)
        await asyncio.sleep(20.0)
        assert line.lost_at == [start + 45.0]

    loop.run_until_complete(story())


def test_a_ping_that_cannot_be_sent_now_is_not_waited_for(loop: VirtualLoop) -> None:
    async def story() -> None:
        line, start = Line(), loop.time()
        line.busy = True
        await asyncio.sleep(50.0)
        assert (line.pings, line.lost_at) == ([], [])
        line.busy = False
        await asyncio.sleep(20.0)
        assert line.times == [start + 60.0]
        line.keepalive.stop()

    loop.run_until_complete(story())


def test_who_lives_all_the_same_has_as_long_again(loop: VirtualLoop) -> None:
    async def story() -> None:
        line, start = Line(), loop.time()
        line.lives = True
        await asyncio.sleep(31.0)
        assert line.lost_at == [start + 25.0, start + 30.0]
        line.keepalive.on_pong(line.pings[-1][1])
        await asyncio.sleep(10.0)
        assert len(line.pings) == 2
        line.lives = False
        await asyncio.sleep(60.0)
        assert line.lost_at[2:] == [line.times[1] + 5.0], "asked again, and cut off"

    loop.run_until_complete(story())


def test_without_a_timeout_nobody_waits_for_answers(loop: VirtualLoop) -> None:
    async def story() -> None:
        line, start = Line(timeout=None), loop.time()
        await asyncio.sleep(70.0)
        line.keepalive.on_pong(line.pings[-1][1])
        await asyncio.sleep(20.0)
        assert line.times == [start + 20.0 * n for n in range(1, 5)]
        line.keepalive.stop()
        await asyncio.sleep(100.0)
        assert len(line.pings) == 4

    loop.run_until_complete(story())
