"""Reading pages: in time and together where a broker is asked over a network, at once where it is here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.brokers.harness import Slip

from gapless import BrokerError, ChannelOptions, Limits, MemoryBroker
from gapless.core.counters import Counters
from gapless.model import Draft, History
from gapless.node.history import Pages

pytestmark = pytest.mark.anyio

KEPT = ChannelOptions(history=10)


class Distant(MemoryBroker):
    """Answers when it is told to."""

    immediate = False

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()
        self.reads = 0

    async def history(self, *args: Any, **how: Any) -> History:
        self.reads += 1
        await self.answer.wait()
        return await super().history(*args, **how)


def pages(broker: MemoryBroker, spawned: list[Any], limits: Limits | None = None) -> Pages:
    def spawn(work: Any) -> asyncio.Task[None]:
        spawned.append(task := asyncio.get_running_loop().create_task(work))
        return task

    return Pages(broker, lambda _: KEPT, limits or Limits(), Counters(), spawn)


async def test_a_broker_that_never_waits_is_read_without_a_turn_of_the_loop() -> None:
    broker, spawned = MemoryBroker(), list[Any]()
    broker.publish("room", Draft(b"1"), KEPT, Slip())
    for read in (pages(broker, spawned).page, pages(broker, spawned).read):
        reading = read("room", after=0)
        with pytest.raises(StopIteration) as ended:
            reading.send(None)
        assert [publication.payload for publication in ended.value.value.publications] == [b"1"]
    assert not spawned


async def test_a_failure_without_waiting_is_a_broker_error_too() -> None:
    class Broken(MemoryBroker):
        async def history(self, *args: Any, **how: Any) -> History:
            raise OSError("no such thing")

    with pytest.raises(BrokerError, match=r"the history of 'room' cannot be read: no such thing"):
        await pages(Broken(), []).page("room")


async def test_who_asks_a_distant_broker_for_the_same_shares_the_answer() -> None:
    broker, spawned = Distant(), list[Any]()
    asked = pages(broker, spawned)
    readers = [asyncio.create_task(asked.page("room", after=0)) for _ in range(20)]
    while not broker.reads:
        await asyncio.sleep(0)
    broker.answer.set()
    found = await asyncio.gather(*readers)
    assert broker.reads == 1
    assert all(page is found[0] for page in found)
    await asyncio.gather(*spawned)


async def test_a_distant_broker_that_does_not_answer_in_time_has_failed() -> None:
    with pytest.raises(BrokerError, match=r"the history of 'room' cannot be read: TimeoutError"):
        await pages(Distant(), [], Limits(broker_seconds=0.01)).page("room")
