"""A first step ahead: nothing of what follows is different for it."""

from __future__ import annotations

import asyncio

import pytest

from gapless.doors.shortcut import Eager

pytestmark = pytest.mark.anyio


async def at_once() -> int:
    return 1


async def failing() -> int:
    raise ValueError("no")


async def test_what_need_not_wait_is_done_before_it_is_awaited() -> None:
    eager = Eager(at_once())
    assert eager.done
    assert await eager == 1


async def test_what_fails_at_once_says_so_when_it_is_awaited() -> None:
    eager = Eager(failing())
    assert eager.done
    with pytest.raises(ValueError, match="no"):
        await eager


async def test_what_waits_goes_on_from_where_it_is() -> None:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    steps: list[str] = []

    async def waiting() -> int:
        steps.append("begun")
        first = await future
        steps.append("woken")
        await asyncio.sleep(0)
        return first + 1

    eager = Eager(waiting())
    assert (eager.done, steps) == (False, ["begun"])
    asyncio.get_running_loop().call_soon(future.set_result, 1)
    assert await eager == 2
    assert steps == ["begun", "woken"]


async def test_what_fails_later_raises_its_own_error() -> None:
    async def waiting() -> None:
        await asyncio.sleep(0)
        raise ValueError("later")

    with pytest.raises(ValueError, match="later"):
        await Eager(waiting())


async def test_a_deadline_and_a_cancellation_reach_it() -> None:
    told: list[str] = []

    async def waiting() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await Eager(waiting())
    assert told == ["cancelled"]
