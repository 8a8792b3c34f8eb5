"""Going through what is long in parts, with a turn of the loop in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gapless import Hub
from gapless.api import call
from gapless.brokers.memory import MemoryBroker
from gapless.node.tasks import AT_ONCE, in_turns

pytestmark = pytest.mark.anyio

NUMBER = 5 * AT_ONCE + 7


class Turns:
    """Counts the turns of the loop, and what is done in each."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._turn = 0
        self._next()
        self.done: Counter[int] = Counter()

    def _next(self) -> None:
        self._turn += 1
        self._handle = self._loop.call_soon(self._next)

    def note(self) -> None:
        self.done[self._turn] += 1

    def end(self) -> None:
        self._handle.cancel()


class Names(list[str]):
    """Names that say whenever one of them is looked at."""

    def __init__(self, names: Any, note: Callable[[], None]) -> None:
        super().__init__(names)
        self._note = note

    def __iter__(self) -> Iterator[str]:
        for name in super().__iter__():
            self._note()
            yield name


class ManyChannels(MemoryBroker):
    """A broker with very many channels that nobody reads."""

    names: Names

    def known(self) -> list[str]:
        return self.names


async def test_everything_comes_once_in_its_order_and_no_more_than_so_much_in_a_turn() -> None:
    turns = Turns()
    found: list[str] = []
    async for batch in in_turns(Names(map(str, range(NUMBER)), turns.note)):
        found += batch
    turns.end()
    assert found == [str(number) for number in range(NUMBER)]
    assert max(turns.done.values()) == AT_ONCE
    assert len(turns.done) == 6


async def test_of_nothing_there_is_no_part() -> None:
    nothing: list[int] = []
    assert [batch async for batch in in_turns(nothing)] == []


@pytest.mark.parametrize("said", [b'{"all":true}', b'{"all":true,"limit":10}', b'{"all":true,"sort":"name"}'])
async def test_who_lists_very_many_channels_looks_at_so_many_in_a_turn(said: bytes) -> None:
    broker = ManyChannels()
    async with Hub(broker) as hub:
        turns = Turns()
        broker.names = Names((f"c{number:06}" for number in range(NUMBER)), turns.note)
        answer = await call(hub, "channels", said)
        turns.end()
    assert answer is not None
    assert b'"c000000"' in answer
    assert turns.done.total() == NUMBER
    assert max(turns.done.values()) <= AT_ONCE
