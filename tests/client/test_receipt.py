"""The receipt of a publication to a hub elsewhere: for any thread, on any loop, and more than once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from gapless import GaplessError, Position
from gapless.client.receipt import Dropped, Receipt, wake

from ..support.until import DEADLINE

pytestmark = pytest.mark.anyio

SOMEWHERE = Position(3, "e")


async def test_it_is_awaited_by_several_and_gives_each_the_position() -> None:
    receipt = Receipt()

    async def reads() -> Position | None:
        return await receipt

    waiting = [asyncio.create_task(reads()) for _ in range(3)]
    await asyncio.sleep(0)
    threading.Thread(target=receipt.settle, args=(SOMEWHERE,)).start()
    async with asyncio.timeout(DEADLINE):
        assert await asyncio.gather(*waiting) == [SOMEWHERE] * 3
    assert await receipt == SOMEWHERE, "and at once, once it is known"


def test_a_thread_waits_for_it_no_longer_than_it_says() -> None:
    receipt = Receipt()
    with pytest.raises(TimeoutError, match=r"0\.01 seconds"):
        receipt.result(0.01)
    threading.Thread(target=receipt.settle, args=(None,)).start()
    assert receipt.result(DEADLINE) is None
    assert receipt.done


async def test_what_went_wrong_is_raised_each_time_it_is_asked() -> None:
    receipt = Receipt()
    receipt.settle(Dropped("no room"))
    for _ in range(2):
        with pytest.raises(Dropped, match="no room"):
            await receipt
        with pytest.raises(GaplessError, match="no room"):
            receipt.result()


async def test_who_gave_up_disturbs_nobody() -> None:
    receipt = Receipt()

    async def reads() -> Position | None:
        return await receipt

    gone, stays = asyncio.create_task(reads()), asyncio.create_task(reads())
    await asyncio.sleep(0)
    gone.cancel()
    receipt.settle(SOMEWHERE)
    assert await stays == SOMEWHERE
    assert gone.cancelled() or gone.cancelling()


def test_a_loop_that_is_gone_is_not_woken() -> None:
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    loop.close()
    wake(loop, future)
    assert not future.done()
