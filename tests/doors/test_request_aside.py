"""Long bodies beside the loop: one at a time, in their order, and no more than may wait."""

from __future__ import annotations

import asyncio
import threading

import pytest

from gapless.doors.request import Aside
from gapless.errors import Overloaded

from ..support.until import DEADLINE, until

pytestmark = pytest.mark.anyio


async def test_the_loop_goes_on_meanwhile_and_what_is_made_of_it_comes_back() -> None:
    gate = threading.Event()
    reading = asyncio.create_task(Aside(2).read(1, lambda: gate.wait(DEADLINE)))
    await asyncio.sleep(0)
    gate.set()  # by the loop, which would else wait for itself
    assert await reading is True


async def test_one_is_read_at_a_time_and_the_others_in_their_order() -> None:
    aside, gate = Aside(2), threading.Event()
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        gate.wait(DEADLINE)
        return number

    tasks = [asyncio.create_task(aside.read(1, lambda number=number: work(number))) for number in range(5)]  # type: ignore[misc]
    await until(lambda: begun == [0])
    await asyncio.sleep(0.02)  # time for another to begin, if it may
    assert begun == [0]
    gate.set()
    assert await asyncio.gather(*tasks) == begun == [0, 1, 2, 3, 4]


async def test_so_much_may_wait_and_one_byte_more_is_refused() -> None:
    aside, gate = Aside(2), threading.Event()
    waiting = [asyncio.create_task(aside.read(4, lambda: gate.wait(DEADLINE))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await aside.read(1, lambda: None)
    gate.set()
    await asyncio.gather(*waiting)
    assert await aside.read(8, lambda: 7) == 7
    assert await aside.read(9, lambda: 8) == 8, "one alone may be as long as a body may"


async def test_what_fails_or_is_given_up_leaves_room_for_the_next() -> None:
    aside, gate = Aside(2), threading.Event()
    with pytest.raises(ZeroDivisionError):
        await aside.read(8, lambda: 1 // 0)
    tasks = [asyncio.create_task(aside.read(4, lambda: gate.wait(DEADLINE))) for _ in range(2)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    gate.set()
    assert await aside.read(8, lambda: 7) == 7
