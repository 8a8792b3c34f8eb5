"""Pages that many ask for at once: read once, encoded once, and never an old one."""

from __future__ import annotations

import pytest

from gapless import ChannelOptions, Limits, MemoryBroker
from gapless.brokers.memory import RECENT_PAGES
from gapless.model import Draft, Publication, Run, shown

from ..support.clock import Clock
from .harness import Slip

pytestmark = pytest.mark.anyio

KEPT = ChannelOptions(history=5, history_age=60.0)


def publish(broker: MemoryBroker, text: str, channel: str = "room") -> None:
    broker.publish(channel, Draft(f'"{text}"'.encode()), KEPT, Slip())


async def offsets(broker: MemoryBroker, after: int | None = None) -> list[int]:
    page = await broker.history("room", KEPT, after=after)
    return [publication.offset for publication in page.publications]


async def test_the_same_question_gets_the_same_page_while_nothing_happens() -> None:
    broker = MemoryBroker(Limits())
    publish(broker, "a")
    publish(broker, "b")
    first = (await broker.history("room", KEPT, after=1)).publications
    again = (await broker.history("room", KEPT, after=1)).publications
    other = (await broker.history("room", KEPT, after=0)).publications
    assert first is again
    assert isinstance(first, Run)
    assert other is not first
    assert [publication.offset for publication in other] == [1, 2]


async def test_a_publication_makes_a_page_new() -> None:
    broker = MemoryBroker(Limits())
    publish(broker, "a")
    assert await offsets(broker) == [1]
    publish(broker, "b")
    assert await offsets(broker) == [1, 2]
    for text in "cdefg":
        publish(broker, text)
        await offsets(broker)
    assert await offsets(broker) == [3, 4, 5, 6, 7], "also where one goes for each that comes"


async def test_what_became_too_old_is_on_no_page() -> None:
    clock = Clock()
    broker = MemoryBroker(Limits(), now=clock)
    publish(broker, "a")
    clock.now += 30
    publish(broker, "b")
    assert await offsets(broker) == [1, 2]
    clock.now += 31
    assert await offsets(broker) == [2]


async def test_what_was_removed_is_on_no_page() -> None:
    broker = MemoryBroker(Limits())
    publish(broker, "a")
    assert await offsets(broker) == [1]
    await broker.remove_history("room")
    assert await offsets(broker) == []


async def test_a_new_life_of_a_stream_has_pages_of_its_own() -> None:
    broker = MemoryBroker(Limits(memory_channels=1))
    publish(broker, "old")
    old = await broker.history("room", KEPT)
    publish(broker, "x", "other")  # one channel is all there is room for
    publish(broker, "new")
    new = await broker.history("room", KEPT)
    assert new.top.epoch != old.top.epoch
    assert [publication.payload for publication in new.publications] == [b'"new"']


async def test_only_a_few_pages_are_kept() -> None:
    broker = MemoryBroker(Limits())
    publish(broker, "a")
    first = (await broker.history("room", KEPT)).publications
    for limit in range(1, RECENT_PAGES + 1):
        await broker.history("room", KEPT, limit=limit)
    assert (await broker.history("room", KEPT)).publications is not first


def test_whoever_is_excluded_gets_a_list_of_its_own() -> None:
    run = Run([Publication(b"1", 1), Publication(b"2", 2, exclude="me"), Publication(b"3", 3)])
    assert shown(run, "you") is run
    assert [publication.offset for publication in shown(run, "me")] == [1, 3]
    assert shown(run, "you") is run
