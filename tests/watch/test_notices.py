"""Notices: what is said when something was lost, refused or cut off, once, and of the node that did it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from typing import Any

import pytest

from gapless import ChannelOptions, Hub
from gapless.core.counters import Counters
from gapless.core.sources import Standing
from gapless.node import lag
from gapless.watch import notices, stats
from gapless.watch.notices import COUNTED, Notices

from ..support.broker import FakeBroker

pytestmark = pytest.mark.anyio


class FailingBroker(FakeBroker):
    """One that says so itself when it can store nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: str | None = None

    def unready(self) -> str | None:
        return self.trouble


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def broker() -> FailingBroker:
    return FailingBroker()


@pytest.fixture
async def hub(anyio_backend: str, broker: FailingBroker) -> AsyncIterator[Hub]:
    async with Hub(broker, channels={"*": ChannelOptions(history=10)}) as hub:
        yield hub


@pytest.fixture
def said(hub: Hub) -> Notices:
    return Notices(hub, 0.1, Clock())


def feed(hub: Hub, name: str = "redis:main") -> Callable[[str], None]:
    """A feed of the server, and how to say how it stands."""
    state = ["live"]
    hub.node.sources.add(lambda: Standing(name, "redis", state[0], 1, 0, 0))

    def become(word: str) -> None:
        state[0] = word

    return become


def told(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one["level"], one["logger"], one["message"]) for one in found]


async def test_while_nothing_happens_nothing_is_said(hub: Hub, said: Notices) -> None:
    feed(hub)
    assert await said.next(True) == []
    await hub.publish("logs", 1)
    assert await said.next(False) == []


async def test_what_was_counted_before_somebody_came_is_no_news(hub: Hub, said: Notices) -> None:
    hub.counters.gaps = 7
    assert await said.next(True) == []
    hub.counters.gaps += 2
    (notice,) = await said.next(False)
    assert notice == {
        "time": 1002.0,
        "level": "warning",
        "logger": "gapless.gaps",
        "message": "subscribers told that publications are gone: 2",
        "source": hub.name,
        "fields": {"counter": "gaps", "count": 2, "total": 9},
    }
    assert await said.next(False) == [], "once"


async def test_a_source_that_goes_down_and_comes_back_is_said_each_time(hub: Hub, said: Notices) -> None:
    become = feed(hub)
    await said.next(True)
    become("away: refused")
    assert told(await said.next(False)) == [
        ("error", "gapless.sources", "redis:main is down: away: refused"),
    ]
    assert await said.next(False) == []
    become("connecting")
    assert told(await said.next(False)) == [("warning", "gapless.sources", "redis:main is retrying")]
    become("live")
    assert told(await said.next(False)) == [("info", "gapless.sources", "redis:main is up")]


async def test_who_comes_later_is_told_what_is_still_amiss(
    hub: Hub, said: Notices, broker: FailingBroker
) -> None:
    become = feed(hub)
    await said.next(True)
    become("away: refused")
    broker.trouble = "/secret/path: read-only"
    await said.next(False)
    found = told(await said.next(True))
    assert found == [
        ("error", "gapless.sources", "redis:main is down: away: refused"),
        ("error", "gapless.store", "nothing can be stored just now; the log says why"),
    ]
    broker.trouble = None
    become("live")
    assert told(await said.next(False)) == [
        ("info", "gapless.store", "publications can be stored again"),
        ("info", "gapless.sources", "redis:main is up"),
    ]


async def test_nothing_is_said_twice_to_who_comes_in_the_moment_it_happens(hub: Hub, said: Notices) -> None:
    become = feed(hub)
    await said.next(True)
    become("away: refused")
    assert len(await said.next(True)) == 1


async def test_nodes_that_come_and_go_are_named(
    hub: Hub, said: Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = stats.here(hub)
    other = {**other, "node": {**other["node"], "uid": "other", "name": "web-2"}}
    answers: list[dict[str, Any]] = [{}, {"other": other}, {}]

    async def ask_again(question: str, within: float, **about: Any) -> dict[str, Any]:
        return answers[0] if question == stats.QUESTION else {}

    monkeypatch.setattr(hub.node.peers, "ask_again", ask_again)
    await said.next(True)
    del answers[0]
    (came,) = await said.next(False)
    del answers[0]
    (left,) = await said.next(False)
    assert (came["source"], came["message"]) == ("web-2", "this node came")
    assert (left["source"], left["message"]) == ("web-2", "this node left, or does not answer")


async def test_a_loop_that_stood_still_is_said(
    hub: Hub, said: Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = [lag.Lateness(0.01, 0.01, 0.01, 0), lag.Lateness(2.34, 0.01, 0.01, 1)]
    monkeypatch.setattr(hub.node.lag, "reading", lambda: readings[0])
    await said.next(True)
    del readings[0]
    (notice,) = await said.next(False)
    assert notice["message"] == "the event loop stood still, for at most 2.3 s in the last minute"
    assert await said.next(False) == []


async def test_of_very_many_the_first_are_said_and_the_others_counted(hub: Hub, said: Notices) -> None:
    becomes = [feed(hub, f"feed {number}") for number in range(notices.MOST + 5)]
    await said.next(True)
    for become in becomes:
        become("away: refused")
    found = await said.next(False)
    assert len(found) == notices.MOST + 1
    assert found[-1]["message"] == "5 more notices"


async def test_after_a_while_without_a_reader_nothing_old_is_news(hub: Hub) -> None:
    clock = Clock()
    said = Notices(hub, 0.1, clock)
    await said.next(True)
    hub.counters.gaps += 1
    clock.now += stats.FORGET_SECONDS + 1
    assert await said.next(True) == []


def test_each_counter_that_is_told_exists() -> None:
    assert COUNTED.keys() <= {field.name for field in fields(Counters)}
