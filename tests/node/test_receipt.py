"""Receipts: awaited on the loop, read in threads, or ignored; and what a failure does in each."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor

import pytest

from gapless import BrokerError, Position
from gapless.node.receipt import Receipt

from ..support.until import DEADLINE

pytestmark = pytest.mark.anyio

HERE = Position(7, "e")


class Desk:
    """Hands out receipts, and writes down what becomes of them."""

    def __init__(self) -> None:
        self.settled_receipts: list[Receipt] = []
        self.unseen_errors: list[Exception] = []
        self.relief: Awaitable[None] | None = None
        self.thread: int | None = None

    def receipt(self) -> Receipt:
        return Receipt(self, "c", 1)

    def settled(self, receipt: Receipt) -> None:
        self.settled_receipts.append(receipt)

    def relieve(self, channel: str) -> Awaitable[None] | None:
        relief, self.relief = self.relief, None
        return relief

    def is_here(self) -> bool:
        return threading.get_ident() == self.thread

    def check_loop(self) -> None:
        pass

    def unseen(self, error: Exception) -> None:
        self.unseen_errors.append(error)


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestAwaiting:
    async def test_gives_the_position(self, desk: Desk) -> None:
        receipt = desk.receipt()
        asyncio.get_running_loop().call_soon(receipt.resolve, HERE)
        assert await receipt == HERE
        assert desk.settled_receipts == [receipt]

    async def test_gives_none_where_there_is_no_history(self, desk: Desk) -> None:
        receipt = desk.receipt()
        receipt.resolve(None)
        assert await receipt is None

    async def test_raises_what_went_wrong_every_time(self, desk: Desk) -> None:
        receipt = desk.receipt()
        receipt.fail(BrokerError("no"))
        for _ in range(2):
            with pytest.raises(BrokerError, match="no"):
                await receipt

    @pytest.mark.parametrize("settled", [True, False])
    async def test_always_gives_the_loop_a_turn(self, desk: Desk, settled: bool) -> None:
        receipt, turns = desk.receipt(), list[str]()
        loop = asyncio.get_running_loop()
        if settled:
            receipt.resolve(HERE)
        else:
            loop.call_soon(receipt.resolve, HERE)
        loop.call_soon(turns.append, "a turn")
        await receipt
        assert turns == ["a turn"]

    async def test_waits_for_relief_before_the_next_is_published(self, desk: Desk) -> None:
        relieved = asyncio.get_running_loop().create_future()
        receipt = desk.receipt()
        receipt.resolve(HERE)
        desk.relief = relieved
        waiting = asyncio.ensure_future(_position(receipt))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        relieved.set_result(None)
        assert await waiting == HERE

    async def test_may_be_done_by_several(self, desk: Desk) -> None:
        receipt = desk.receipt()
        waiting = [asyncio.ensure_future(_position(receipt)) for _ in range(3)]
        await asyncio.sleep(0)
        receipt.resolve(HERE)
        assert await asyncio.gather(*waiting) == [HERE] * 3

    async def test_given_up_leaves_the_others_waiting(self, desk: Desk) -> None:
        receipt = desk.receipt()
        first, second = (asyncio.ensure_future(_position(receipt)) for _ in range(2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        receipt.resolve(HERE)
        assert await second == HERE
        assert first.cancelled()


class TestInThreads:
    async def test_result_waits_for_the_answer(self, desk: Desk) -> None:
        receipt = desk.receipt()
        with ThreadPoolExecutor(3) as threads:
            waiting = [threads.submit(receipt.result, DEADLINE) for _ in range(3)]
            receipt.resolve(HERE)
            assert [future.result(DEADLINE) for future in waiting] == [HERE] * 3

    async def test_each_of_many_threads_gets_it_however_they_race_with_the_answer(self, desk: Desk) -> None:
        for _ in range(50):
            receipt, ready = desk.receipt(), threading.Barrier(4)

            def wait(receipt: Receipt = receipt, ready: threading.Barrier = ready) -> Position | None:
                ready.wait(DEADLINE)
                return receipt.result(DEADLINE)

            with ThreadPoolExecutor(3) as threads:
                waiting = [threads.submit(wait) for _ in range(3)]
                ready.wait(DEADLINE)
                receipt.resolve(HERE)
                assert [future.result(DEADLINE) for future in waiting] == [HERE] * 3

    async def test_result_raises_what_went_wrong(self, desk: Desk) -> None:
        receipt = desk.receipt()
        receipt.fail(BrokerError("no"))
        with pytest.raises(BrokerError, match="no"):
            receipt.result(0)

    async def test_without_an_answer_in_time_it_says_so(self, desk: Desk) -> None:
        with pytest.raises(TimeoutError, match=r"no answer of the broker within 0\.0 seconds"):
            desk.receipt().result(0.0)

    async def test_an_answer_that_is_there_needs_no_waiting(self, desk: Desk) -> None:
        receipt = desk.receipt()
        receipt.resolve(HERE)
        desk.thread = threading.get_ident()
        assert receipt.result(0) == HERE

    async def test_in_the_hubs_own_thread_it_says_what_to_do_instead_of_waiting_for_ever(
        self, desk: Desk
    ) -> None:
        desk.thread = threading.get_ident()
        with pytest.raises(RuntimeError, match="await the receipt"):
            desk.receipt().result()


class TestIgnoring:
    async def test_a_failure_that_nobody_looked_at_is_reported(self, desk: Desk) -> None:
        error = BrokerError("no")
        receipt = desk.receipt()
        receipt.fail(error)
        desk.settled_receipts.clear()
        del receipt
        gc.collect()
        assert desk.unseen_errors == [error]

    async def test_one_that_somebody_looked_at_is_not(self, desk: Desk) -> None:
        receipt = desk.receipt()
        receipt.fail(BrokerError("no"))
        with pytest.raises(BrokerError):
            receipt.result(0)
        desk.settled_receipts.clear()
        del receipt
        gc.collect()
        assert desk.unseen_errors == []

    async def test_success_is_no_news(self, desk: Desk) -> None:
        receipt = desk.receipt()
        receipt.resolve(HERE)
        desk.settled_receipts.clear()
        del receipt
        gc.collect()
        assert desk.unseen_errors == []


async def _position(receipt: Receipt) -> Position | None:
    return await receipt
