"""Searching in what a channel keeps: every word, newest first, and nothing that is gone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gapless import BrokerError, ChannelOptions, ConfigError, Limits
from gapless.brokers.base import Searches
from gapless.brokers.sqlite.address import Tuning
from gapless.brokers.sqlite.broker import SqliteBroker
from gapless.brokers.sqlite.streams import SLACK
from gapless.model import Matches

from ...support.clock import Clock
from ..harness import Harness
from .opening import own, rows, settled

pytestmark = pytest.mark.anyio

LOGS = ChannelOptions(history=10_000, search=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def harness(path: Path, clock: Clock) -> AsyncIterator[Harness]:
    opened = await reopened(path, clock)
    yield opened
    await opened.broker.close()


async def reopened(path: Path, clock: Clock, **tuning: Any) -> Harness:
    broker = SqliteBroker(path, Limits(), now=clock, tuning=Tuning(**tuning))
    harness = Harness(broker, broker.presence)
    await harness.start()
    return harness


async def publish(
    harness: Harness, *records: Any, options: ChannelOptions = LOGS, channel: str = "logs"
) -> None:
    for record in records:
        await harness.publish(channel, json.dumps(record, ensure_ascii=False).encode(), options)


async def found(harness: Harness, query: str, options: ChannelOptions = LOGS, **how: Any) -> list[int]:
    matches = await look(harness, query, options, **how)
    return [publication.offset for publication in matches.publications]


async def look(
    harness: Harness, query: str, options: ChannelOptions = LOGS, channel: str = "logs", **how: Any
) -> Matches:
    assert isinstance(harness.broker, Searches)
    return await harness.broker.search(channel, options, query, **how)


class TestWords:
    async def test_every_word_must_be_there_in_any_order(self, harness: Harness) -> None:
        await publish(harness, "disk full on node7", "disk fine", {"message": "full of joy", "node": "node7"})
        assert await found(harness, "node7 full") == [3, 1]
        assert await found(harness, "disk") == [2, 1]
        assert await found(harness, "nothing") == []

    async def test_in_quotes_they_stand_together(self, harness: Harness) -> None:
        await publish(harness, "disk full", "full disk")
        assert await found(harness, '"disk full"') == [1]
        assert await found(harness, '"disk full') == [1]

    async def test_a_star_ends_the_beginning_of_a_word(self, harness: Harness) -> None:
        await publish(harness, "connection", "connected", "disconnect")
        assert await found(harness, "conn*") == [2, 1]

    async def test_letters_are_compared_in_either_case_and_without_accents(self, harness: Harness) -> None:
        await publish(harness, "Gerät getrennt", "STRASSE", "日本語 ログ")
        assert await found(harness, "gerat") == [1]
        assert await found(harness, "strasse") == [2]
        assert await found(harness, "ログ") == [3]

    async def test_keys_are_no_words_and_numbers_are(self, harness: Harness) -> None:
        await publish(harness, {"message": "started", "pid": 4711, "deep": {"er": ["inner"]}})
        assert await found(harness, "message") == []
        assert await found(harness, "4711 inner") == [1]

    @pytest.mark.parametrize(
        "query", ["*", '"', '""', "AND", "a AND", "NEAR(", "-x", "text:", "^a", "()", "\0", "%"]
    )
    async def test_nothing_that_is_typed_is_wrong(self, harness: Harness, query: str) -> None:
        await publish(harness, "something else")
        await found(harness, query)


class TestPaging:
    async def test_newest_first_and_on_from_the_last_one(self, harness: Harness) -> None:
        await publish(harness, *(f"word {number}" for number in range(7)))
        page = await look(harness, "word", limit=3)
        assert ([p.offset for p in page.publications], page.more, page.top.offset) == ([7, 6, 5], True, 7)
        page = await look(harness, "word", limit=3, before=5)
        assert ([p.offset for p in page.publications], page.more) == ([4, 3, 2], True)
        page = await look(harness, "word", limit=3, before=2)
        assert ([p.offset for p in page.publications], page.more) == ([1], False)
        assert page.publications[0].payload == b'"word 0"'
        assert page.publications[0].epoch == page.top.epoch

    async def test_without_words_everything_is_found(self, harness: Harness) -> None:
        await publish(harness, "a", "b")
        assert await found(harness, " ") == [2, 1]
        assert await found(harness, "", before=2) == [1]
        assert await found(harness, "", before=2**63) == await found(harness, ""), (
            "there is nothing behind it"
        )

    async def test_by_time(self, harness: Harness, clock: Clock) -> None:
        begin = clock.now
        for _ in range(4):
            await publish(harness, "tick")
            clock.now += 10
        assert await found(harness, "tick", since=begin + 10, until=begin + 30) == [3, 2]
        assert await found(harness, "", since=begin + 30) == [4]

    async def test_by_level(self, harness: Harness) -> None:
        await publish(
            harness,
            {"level": "ERROR", "message": "disk"},
            {"level": "info", "message": "disk error"},
            {"level": "error", "message": "net"},
            "error",
            {"level": 7},
        )
        assert await found(harness, "", level="error") == [3, 1]
        assert await found(harness, "disk", level="Error") == [1]
        assert await found(harness, "", level='"') == []

    async def test_a_level_is_the_same_by_all_its_names(self, harness: Harness) -> None:
        await publish(
            harness,
            {"level": "warn", "message": "disk"},
            {"level": "WARNING", "message": "disk"},
            {"level": "error", "message": "a warning about the disk"},
            {"level": "audit", "message": "disk"},
        )
        for name in ("warn", "Warning", "WRN"):
            assert await found(harness, "disk", level=name) == [2, 1]
        assert await found(harness, "", level="Audit") == [4]

    async def test_channels_are_apart(self, harness: Harness) -> None:
        await publish(harness, "same")
        await publish(harness, "same", "same", channel="other")
        assert await found(harness, "same") == [1]
        assert await found(harness, "same", channel="other") == [2, 1]
        assert await found(harness, "s1", channel="other") == []
        assert await look(harness, "same", channel="unknown") == Matches([], (0, ""), False)  # type: ignore[arg-type]


class TestTheIndex:
    async def test_what_was_acknowledged_is_found(self, harness: Harness) -> None:
        for number in range(20):
            await publish(harness, f"word{number}")
            assert await found(harness, f"word{number}") == [number + 1]

    async def test_it_is_built_beside(self, harness: Harness, path: Path) -> None:
        await publish(harness, *(f"word {number}" for number in range(30)))
        assert rows(path, "SELECT indexed FROM streams") == [(0,)]
        harness.broker.expire(0.0)
        await settled(harness)
        await settled(harness)
        assert rows(path, "SELECT indexed FROM streams") == [(30,)]

    async def test_what_is_no_longer_kept_is_not_found_and_leaves_no_trace(
        self, harness: Harness, path: Path
    ) -> None:
        small = ChannelOptions(history=5, search=True)
        await publish(harness, *(f"word w{number}" for number in range(8)), options=small)
        assert await found(harness, "word", small) == [8, 7, 6, 5, 4]
        assert await found(harness, "w1", small) == []
        await publish(harness, *("more" for _ in range(SLACK)), options=small)
        assert await found(harness, "word", small) == []
        await harness.broker.remove_history("logs")
        harness.broker.expire(0.0)
        await settled(harness)
        assert await found(harness, "more", small) == []
        assert rows(path, "SELECT count(*) FROM publications") == [(0,)]
        check = sqlite3.connect(path)
        check.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        assert check.execute("SELECT count(*) FROM words WHERE words MATCH 'more OR word'").fetchall() == [
            (0,)
        ]
        check.close()

    async def test_a_channel_that_asks_later_gets_it_from_its_beginning(self, harness: Harness) -> None:
        silent = ChannelOptions(history=10_000)
        await publish(harness, "early", "later", options=silent)
        assert await found(harness, "early") == [1]

    async def test_a_bite_at_a_time(self, path: Path, clock: Clock) -> None:
        harness = await reopened(path, clock, index_rows=3)
        await publish(harness, *(f"word {number}" for number in range(10)))
        assert await found(harness, "word", limit=1) == [10]
        assert len(await found(harness, "word")) == 10
        await harness.broker.close()

    async def test_an_index_that_takes_too_long_goes_on_the_next_time(self, path: Path, clock: Clock) -> None:
        harness = await reopened(path, clock, index_rows=3, search_seconds=0.0)
        await publish(harness, *(f"word {number}" for number in range(10)))
        with pytest.raises(BrokerError, match="are not in the search index yet"):
            await found(harness, "word")
        await harness.broker.close()
        harness = await reopened(path, clock)
        assert len(await found(harness, "word")) == 10
        await harness.broker.close()

    async def test_a_search_that_takes_too_long_is_given_up(self, path: Path, clock: Clock) -> None:
        harness = await reopened(path, clock, search_seconds=-1.0, search_steps=1, index_rows=100)
        await publish(harness, *(f"word {number}" for number in range(10)))
        with pytest.raises(BrokerError, match="the search took longer"):
            await found(harness, "word")
        assert own(harness).unready() is None
        assert await harness.publish("logs", b"1", LOGS) is not None
        await harness.broker.close()


def test_searching_needs_something_that_is_kept() -> None:
    with pytest.raises(ConfigError, match="search needs history"):
        ChannelOptions(search=True)
