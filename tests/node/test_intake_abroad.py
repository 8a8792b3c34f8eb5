"""What is awaited on another event loop than the hub's: receipts, and what is read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import pytest

from gapless import BrokerError, ChannelOptions, Hub, NotRunning, Position
from gapless.node.intake import there

from ..support.abroad import abroad
from ..support.broker import FakeBroker
from ..support.until import until
from ..support.virtual import VirtualLoop

pytestmark = pytest.mark.anyio

T = TypeVar("T")

CHANNELS = {"*": ChannelOptions(history=1000)}


class TestReceipts:
    async def test_a_receipt_may_be_awaited_there(self) -> None:
        async with Hub(channels=CHANNELS) as hub:

            async def work() -> list[Position | None]:
                return [await hub.publish("c", number) for number in range(40)]

            positions = await abroad(work)
            assert [position.offset for position in positions if position] == list(range(1, 41))

    async def test_by_several_on_several_loops_at_once(self) -> None:
        broker = FakeBroker()
        broker.slow_answers = True
        async with Hub(broker, channels=CHANNELS) as hub:
            receipt = hub.publish("c", 1)

            async def work() -> list[Position | None]:
                return await asyncio.gather(*(_awaited(receipt) for _ in range(3)))

            waiting = [asyncio.ensure_future(abroad(work)) for _ in range(2)]
            waiting.append(asyncio.ensure_future(work()))
            await until(lambda: len(receipt._waiting or ()) == 9)
            broker.answer_all()
            answers = [position for positions in await asyncio.gather(*waiting) for position in positions]
            assert answers == [await receipt] * 9

    async def test_a_failure_is_raised_there(self) -> None:
        broker = FakeBroker()
        async with Hub(broker, channels=CHANNELS) as hub:
            broker.down = True

            async def work() -> None:
                with pytest.raises(BrokerError, match="down"):
                    await hub.publish("c", 1)

            await abroad(work)
            assert (hub.counters.publish_failed, hub.counters.publish_unnoticed) == (1, 0)

    async def test_who_gave_up_or_is_gone_does_no_harm(self) -> None:
        broker = FakeBroker()
        broker.slow_answers = True
        async with Hub(broker, channels=CHANNELS) as hub:
            receipt = hub.publish("c", 1)

            async def work() -> None:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0):
                        await receipt

            await abroad(work)  # and its loop is closed by now
            broker.answer_all()
            assert await receipt is not None

    def test_while_the_hubs_own_loop_stands_still_it_says_so_at_once(self) -> None:
        broker = FakeBroker()
        broker.slow_answers = True
        home, other, hub = VirtualLoop(), VirtualLoop(), Hub(broker, channels=CHANNELS)
        home.run(hub.start())

        async def work() -> None:
            with pytest.raises(RuntimeError, match="a thread of its own"):
                await hub.publish("c", 1)
            with pytest.raises(RuntimeError, match="a thread of its own"):
                hub.subscribe("c")
            with pytest.raises(RuntimeError, match="a thread of its own"):
                await hub.history("c")

        other.run(work())
        other.end()
        broker.answer_all()
        home.run(hub.close())
        home.end()


class TestReading:
    async def test_what_is_awaited_is_done_on_the_hubs_loop(self) -> None:
        async with Hub(channels=CHANNELS) as hub:
            await hub.publish("c", 1)

            async def work() -> tuple[Any, ...]:
                return (
                    [publication.data for publication in (await hub.history("c")).publications],
                    await hub.presence("c"),
                    await hub.presence_stats("c"),
                    await hub.occupancy(all=True),
                    len(await hub.nodes()),
                )

            assert await abroad(work) == ([1], {}, (0, 0), {"c": 0}, 1)
            await abroad(lambda: hub.remove_history("c"))
            assert not (await hub.history("c")).publications

    def test_on_a_loop_that_is_gone_it_says_what_to_do(self) -> None:
        loop, hub = VirtualLoop(), Hub(channels=CHANNELS)
        loop.run(hub.start())
        loop.end()

        async def work() -> None:
            with pytest.raises(NotRunning, match="make a new hub"):
                await there(hub.node.intake, _nothing())

        asyncio.run(work())


async def _nothing() -> None:
    raise AssertionError("it cannot be done")


async def _awaited(receipt: Awaitable[T]) -> T:
    return await receipt
