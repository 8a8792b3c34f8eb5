"""The tasks of a node."""

from __future__ import annotations

import asyncio
import logging

import pytest

from gapless.core.counters import Counters
from gapless.node.tasks import Tasks

pytestmark = pytest.mark.anyio


def tasks() -> tuple[Tasks, Counters]:
    counters = Counters()
    made = Tasks(counters)
    made.begin()
    return made, counters


async def for_ever(ended: list[str] | None = None) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        if ended is not None:
            ended.append("cleared up")


async def test_what_fails_is_logged_and_counted_and_ends_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fails() -> None:
        raise RuntimeError("a bug")

    here, counters = tasks()
    other = here.spawn(for_ever())
    with caplog.at_level(logging.ERROR):
        await asyncio.wait([here.spawn(fails())])
        await asyncio.sleep(0)
    assert (counters.session_errors, "a bug" in caplog.text, other.done()) == (1, True, False)
    await here.end()


async def test_at_the_end_every_task_has_cleared_up_behind_itself() -> None:
    here, counters = tasks()
    ended: list[str] = []
    for _ in range(3):
        here.spawn(for_ever(ended))
    await asyncio.sleep(0)
    await here.end()
    assert (ended, here.running, counters.session_errors) == (["cleared up"] * 3, frozenset(), 0)


async def test_what_ends_by_itself_is_waited_for_within_a_bound() -> None:
    here, _ = tasks()
    gate, done = asyncio.Event(), list[str]()

    async def soon() -> None:
        await gate.wait()
        done.append("soon")

    here.spawn(soon())
    stays = here.spawn(for_ever())
    gate.set()
    await here.settle(0.01)
    assert (done, [*here.running]) == (["soon"], [stays])
    await here.end()


async def test_who_ends_the_others_from_inside_does_not_end_itself() -> None:
    here, _ = tasks()
    order: list[str] = []

    async def last() -> None:
        await here.end()
        order.append("still here")

    here.spawn(for_ever(order))
    await asyncio.sleep(0)
    await here.spawn(last())
    assert order == ["cleared up", "still here"]
