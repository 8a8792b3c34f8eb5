"""Reading pages: in time and together where a broker is asked over a network, at once where it is here."""

from __future__ import annotations

import asyncio

import pytest

from gapless import BrokerError, ChannelOptions, Limits, MemoryBroker
from gapless.brokers.base import Broker
from gapless.core.counters import Counters
from gapless.model import Draft
from gapless.node.history import Pages, Range
from gapless.node.registry import Registry
from gapless.node.tasks import Tasks

from ..brokers.harness import Slip
from ..support.broker import FakeBroker

pytestmark = pytest.mark.anyio

KEPT = ChannelOptions(history=10)


def pages(broker: Broker, limits: Limits | None = None) -> tuple[Pages, Tasks]:
    counters, limits = Counters(), limits or Limits()
    tasks = Tasks(counters)
    found = Pages(broker, Registry({"*": KEPT}, limits), tasks, limits, counters)
    tasks.begin()
    found.begin()
    return found, tasks


async def test_a_broker_that_never_waits_is_read_without_a_turn_of_the_loop() -> None:
    broker = MemoryBroker()
    broker.publish("room", Draft(b"1"), KEPT, Slip())
    asked, _ = pages(broker)
    for read in (asked.page, asked.read):
        reading = read("room", Range(0))
        # No turn of the loop is taken, so no task could have helped.
        with pytest.raises(StopIteration) as ended:
            reading.send(None)
        assert [publication.payload for publication in ended.value.value.publications] == [b"1"]


async def test_a_failure_without_waiting_is_a_broker_error_too() -> None:
    broker = FakeBroker()
    broker.reads_fail = OSError("no such thing")
    with pytest.raises(BrokerError, match=r"the history of 'room' cannot be read: no such thing"):
        await pages(broker)[0].page("room")


async def test_who_asks_a_distant_broker_for_the_same_shares_the_answer() -> None:
    broker = FakeBroker()
    broker.hold()
    asked, tasks = pages(broker)
    readers = [asyncio.create_task(asked.page("room", Range(0))) for _ in range(20)]
    while not broker.reads:
        await asyncio.sleep(0)
    broker.release()
    found = await asyncio.gather(*readers)
    assert broker.reads == 1
    assert all(page is found[0] for page in found)
    await tasks.end()


async def test_a_distant_broker_that_does_not_answer_in_time_has_failed() -> None:
    broker = FakeBroker()
    broker.hold()
    with pytest.raises(BrokerError, match=r"the history of 'room' cannot be read: TimeoutError"):
        await pages(broker, Limits(broker_seconds=0.01))[0].page("room")
