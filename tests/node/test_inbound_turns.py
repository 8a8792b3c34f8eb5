"""Turns: those who wait go first, one after the other, and what they do is spread over the loop's turns."""

from __future__ import annotations

import asyncio

import pytest

from gapless.node.inbound import Turns

from ..support.until import turns, until

pytestmark = pytest.mark.anyio


async def test_there_is_time_until_the_share_is_used_up() -> None:
    generous, stingy = Turns(3600.0), Turns(0.0)
    assert [generous.has_time() for _ in range(3)] == [True, True, True]
    assert [stingy.has_time() for _ in range(3)] == [True, False, False]
    await turns(2)
    assert stingy.has_time(), "a new turn"


async def test_who_waits_goes_before_who_comes() -> None:
    shared, log = Turns(3600.0), list[str]()
    shared.call(lambda: log.append("first"))
    shared.call(lambda: log.append("second"))
    assert not shared.has_time()
    await turns(2)
    assert log == ["first", "second"]
    assert shared.has_time()


async def test_each_turn_of_the_loop_has_its_share() -> None:
    shared, log = Turns(0.0), list[str]()
    for _ in range(3):
        shared.call(lambda: log.append("served"))

    def look() -> None:
        log.append("others")
        if log.count("served") < 3:
            asyncio.get_running_loop().call_soon(look)

    look()
    await until(lambda: log.count("served") == 3)
    served = [at for at, what in enumerate(log) if what == "served"]
    assert all(log[at + 1] == "others" for at in served[:-1]), "between two there is a turn for the others"


async def test_one_that_asks_again_does_so_behind_the_others() -> None:
    shared, log = Turns(0.0), list[str]()

    def work(name: str) -> None:
        log.append(name)
        if log.count(name) < 3:
            shared.call(lambda: work(name))

    for name in "ab":
        work(name)
    await until(lambda: len(log) == 6)
    assert log == ["a", "b"] * 3


async def test_tasks_wait_in_the_same_queue_and_one_that_was_cancelled_holds_nobody_up() -> None:
    shared, log = Turns(0.0), list[str]()

    async def work(name: str) -> None:
        await shared.wait()
        log.append(name)

    tasks = [asyncio.create_task(work(name)) for name in "abc"]
    await turns(1)
    tasks[1].cancel()
    await until(lambda: len(log) == 2)
    assert log == ["a", "c"]
    await until(lambda: shared.has_time())
