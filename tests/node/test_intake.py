"""The way of publications to the broker: from threads, faster than the broker takes them, and failing."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gapless import BrokerError, ChannelOptions, Hub, Limits, NotRunning, Overloaded, Position, Receipt
from gapless.errors import BadRequest
from gapless.model import Draft
from gapless.opaque import packed

from ..support.abroad import abroad
from ..support.broker import FakeBroker
from ..support.checker import Checker
from ..support.until import DEADLINE, until
from ..support.virtual import VirtualLoop

pytestmark = pytest.mark.anyio

KEPT = ChannelOptions(history=1000)
JSON = ChannelOptions(history=1000, any_bytes=False)
CHANNELS = {"*": KEPT, "plain": ChannelOptions()}


def hub_with(broker: Any = "memory://", **limits: Any) -> Hub:
    return Hub(broker, channels=CHANNELS, limits=Limits(**limits))


async def kept(hub: Hub, channel: str = "c") -> list[Any]:
    return [publication.data for publication in (await hub.history(channel)).publications]


class TestFromThreads:
    async def test_publications_of_one_thread_keep_their_order(self) -> None:
        async with hub_with() as hub:
            with ThreadPoolExecutor(4) as threads:
                work = [threads.submit(self.publish, hub, name, 100) for name in "abcd"]
                await until(lambda: all(future.done() for future in work))
            await until(lambda: hub.counters.published == 400)
            found = await kept(hub)
            for name in "abcd":
                assert [number for who, number in found if who == name] == list(range(100))

    @staticmethod
    def publish(hub: Hub, name: str, count: int, channel: str = "c") -> list[Receipt]:
        return [hub.publish(channel, [name, number]) for number in range(count)]

    async def test_a_burst_costs_one_wake_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with hub_with() as hub:
            loop, wake_ups = asyncio.get_running_loop(), list[str]()
            wake = loop.call_soon_threadsafe

            def counting(callback: Callable[..., object], *args: Any, **how: Any) -> asyncio.Handle:
                wake_ups.append(getattr(callback, "__name__", "?"))
                return wake(callback, *args, **how)

            monkeypatch.setattr(loop, "call_soon_threadsafe", counting)
            burst = threading.Thread(target=self.publish, args=(hub, "a", 500))
            burst.start()
            burst.join(DEADLINE)  # the loop stands still meanwhile
            assert wake_ups.count("_drain_inbox") == 1
            await until(lambda: hub.counters.published == 500)
            assert wake_ups.count("_drain_inbox") == 1

    async def test_result_gives_the_position_there(self) -> None:
        async with hub_with() as hub:
            position = await asyncio.to_thread(lambda: hub.publish("c", 1).result(DEADLINE))
            assert position == (await hub.history("c")).top

    @pytest.mark.parametrize("ring", [4, 100, 1024])
    async def test_a_large_burst_leaves_the_subscribers_their_turns(self, ring: int) -> None:
        """Taken at once, it would run over the ring of a subscriber that is ready all the time."""
        hub = Hub(channels={"c": ChannelOptions(ring=ring)})
        async with hub, hub.subscribe("c") as feed:
            reading = asyncio.ensure_future(self.read(feed, 3000))
            await asyncio.sleep(0)
            burst = threading.Thread(target=self.publish, args=(hub, "a", 3000))
            burst.start()
            burst.join(DEADLINE)
            async with asyncio.timeout(DEADLINE):
                assert await reading == list(range(3000))

    @staticmethod
    async def read(feed: Any, count: int) -> list[int]:
        return [(await anext(feed)).data[1] for _ in range(count)]

    async def test_one_that_fails_takes_no_other_along(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with hub_with() as hub:
            publish = hub.node.broker.publish

            def failing(channel: str, draft: Draft, options: ChannelOptions, settle: Any) -> None:
                if channel == "bad":
                    raise RuntimeError("a bug in a broker")
                publish(channel, draft, options, settle)

            monkeypatch.setattr(hub.node.broker, "publish", failing)
            receipts: list[Receipt] = []
            burst = threading.Thread(
                target=lambda: receipts.extend(hub.publish(name, 1) for name in ("c", "bad", "c"))
            )
            burst.start()
            burst.join(DEADLINE)
            await until(lambda: all(receipt.done for receipt in receipts))
            assert [receipt.error is None for receipt in receipts] == [True, False, True]
            with pytest.raises(RuntimeError):
                await receipts[1]

    async def test_while_the_hub_closes_each_is_taken_or_refused(self) -> None:
        for _ in range(10):
            hub, receipts, refused = hub_with(), list[Receipt](), threading.Event()
            await hub.start()

            def publish(
                hub: Hub = hub, receipts: list[Receipt] = receipts, refused: threading.Event = refused
            ) -> None:
                try:
                    while True:
                        receipts.append(hub.publish("c", 1))
                except NotRunning:
                    refused.set()

            thread = threading.Thread(target=publish)
            thread.start()
            await until(lambda receipts=receipts: len(receipts) > 20)  # type: ignore[misc]
            await hub.close()
            thread.join(DEADLINE)
            assert refused.is_set()
            assert all(receipt.done for receipt in receipts)

    def test_on_a_loop_that_is_gone_they_are_told_what_to_do(self) -> None:
        loop, hub = VirtualLoop(), hub_with()
        loop.run(hub.start())
        loop.end()
        with ThreadPoolExecutor(1) as threads:
            for _ in range(2):
                with pytest.raises(NotRunning, match="make a new hub"):
                    threads.submit(hub.publish, "c", 1).result(DEADLINE)


class TestOverload:
    """More in flight than the bound is refused; nothing of it was kept."""

    def hub(self) -> tuple[Hub, FakeBroker]:
        broker = FakeBroker(Checker())
        broker.slow_answers = True
        return hub_with(broker, in_flight_bytes=100), broker

    async def test_at_the_bound_publishing_is_refused_with_its_numbers(self) -> None:
        hub, broker = self.hub()
        async with hub:
            receipts = [hub.publish("c", "x" * 48) for _ in range(2)]
            assert hub.stats().in_flight_bytes == 100
            with pytest.raises(Overloaded, match="in_flight_bytes") as refused:
                hub.publish("c", 1)
            assert (refused.value.in_flight_bytes, refused.value.max_bytes) == (101, 100)
            assert hub.counters.overloaded == 1
            broker.answer_all()
            await asyncio.gather(*(_awaited(receipt) for receipt in receipts))
            assert hub.stats().in_flight_bytes == 0
            assert hub.publish("c", 1) is not None
            broker.answer_all()

    async def test_what_threads_have_put_in_counts_as_well(self) -> None:
        hub, broker = self.hub()
        async with hub:
            with ThreadPoolExecutor(1) as threads:
                waiting = [threads.submit(hub.publish, "c", "x" * 38).result(DEADLINE) for _ in range(2)]
                with pytest.raises(Overloaded):
                    threads.submit(hub.publish, "c", "x" * 38).result(DEADLINE)
            await until(lambda: len(broker.unanswered) == 2)
            broker.answer_all()
            assert all(receipt.done for receipt in waiting)

    async def test_a_broker_that_answers_at_once_is_never_overloaded(self) -> None:
        async with hub_with(in_flight_bytes=10) as hub:
            for _ in range(100):
                hub.publish("c", 1)


class TestFailing:
    async def test_awaited_it_is_raised(self) -> None:
        broker = FakeBroker()
        async with hub_with(broker) as hub:
            broker.down = True
            with pytest.raises(BrokerError, match="down"):
                await hub.publish("c", 1)
            assert (hub.counters.publish_failed, hub.counters.publish_unnoticed) == (1, 0)

    async def test_unnoticed_it_is_logged_and_counted(self, caplog: pytest.LogCaptureFixture) -> None:
        broker = FakeBroker()
        async with hub_with(broker) as hub:
            broker.down = True
            hub.publish("c", 1)
            gc.collect()
            assert (hub.counters.publish_failed, hub.counters.publish_unnoticed) == (1, 1)
            assert "nobody looked at its receipt" in caplog.text


async def _awaited(receipt: Receipt) -> Position | None:
    return await receipt


class TestWhatAChannelTakes:
    async def test_bytes_that_are_no_json_only_where_the_channel_says_so(self) -> None:
        async with Hub(channels={"any": KEPT, "c": JSON}) as hub:
            assert await hub.node.intake.publish("any", Draft(packed(b"\xff")))
            with pytest.raises(BadRequest, match="no JSON"):
                hub.node.intake.publish("c", Draft(packed(b"\xff")))

    async def test_a_channel_of_deltas_asks_for_them_where_the_publisher_did_not(self) -> None:
        async with Hub(channels={"c": ChannelOptions(history=9, delta_publish=True), "d": KEPT}) as hub:
            await hub.publish("c", 1)
            await hub.publish("d", 1)
            kept = [(await hub.history(name)).publications[0].delta for name in "cd"]
            assert kept == [True, False]


class TestRuns:
    """Many publications to a channel at once, where the broker can."""

    async def test_come_in_order_right_behind_what_was_there_and_count(self) -> None:
        async with hub_with() as hub:
            first = await hub.publish("c", 0)
            assert first is not None
            assert hub.node.intake.publish_run("c", [b"1", b"2"]) == Position(3, first.epoch)
            assert await kept(hub) == [0, 1, 2]
            assert hub.counters.published == 3

    async def test_one_that_the_channel_does_not_take_keeps_all_of_them_out(self) -> None:
        async with Hub(channels={"c": JSON}) as hub:
            await hub.publish("c", 0)
            with pytest.raises(BadRequest, match="no JSON"):
                hub.node.intake.publish_run("c", [b"1", packed(b"\xff")])
            assert await kept(hub) == [0]

    async def test_are_a_mistake_where_the_broker_takes_one_by_one(self) -> None:
        async with hub_with(FakeBroker()) as hub:
            with pytest.raises(TypeError, match="one by one"):
                hub.node.intake.publish_run("c", [b"1"])


class TestOtherLoops:
    """Whether what the hub's loop does can be waited for here."""

    async def test_on_its_own_loop_and_from_other_threads_it_can(self) -> None:
        async with hub_with() as hub:
            hub.node.intake.check_loop()
            await abroad(lambda: _checked(hub))

    def test_in_its_own_thread_nothing_would_ever_come(self) -> None:
        hub, own, other = hub_with(), VirtualLoop(), VirtualLoop()
        try:
            own.run(hub.start())
            with pytest.raises(RuntimeError, match="stands still"):
                other.run(_checked(hub))
            own.run(hub.close())
            other.run(_checked(hub))
        finally:
            own.end()
            other.end()

    def test_on_a_loop_that_is_gone_nothing_ever_comes_either(self) -> None:
        hub, own, other = hub_with(), VirtualLoop(), VirtualLoop()
        try:
            own.run(hub.start())
            own.end()
            with pytest.raises(NotRunning, match="make a new hub"):
                other.run(_checked(hub))
        finally:
            other.end()


async def _checked(hub: Hub) -> None:
    hub.node.intake.check_loop()
