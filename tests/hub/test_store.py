"""A hub over a store: what survives it, what several of them share, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any

import httpx
import pytest

from gapless import ChannelOptions, ConfigError, Hub, HubApp, Member, Position
from gapless.brokers.sqlite.broker import SqliteBroker
from gapless.errors import LimitExceeded, NotAvailable

from ..api.calling import answer, error, result
from ..support.until import DEADLINE, until

pytestmark = pytest.mark.anyio

CHANNELS = {
    "logs": ChannelOptions(history=100, search=True),
    "room": ChannelOptions(history=10, presence=True, join_leave=True),
    "now": ChannelOptions(),
}


def store(directory: Path) -> str:
    return f"sqlite:///{directory}/app.db"


async def numbers(hub: Hub, channel: str, count: int, since: Position | None = None) -> list[int]:
    """The next publications of a channel, as a subscriber in this process gets them."""
    async with asyncio.timeout(DEADLINE), hub.subscribe(channel, since=since, history=None) as feed:
        return [(await anext(feed)).data for _ in range(count)]


async def test_a_subscriber_goes_on_where_it_was_before_the_restart(tmp_path: Path) -> None:
    async with Hub(store(tmp_path), channels=CHANNELS) as hub:
        positions = [await hub.publish("logs", number) for number in range(5)]
    async with Hub(store(tmp_path), channels=CHANNELS) as hub:
        await hub.publish("logs", 5)
        assert await numbers(hub, "logs", 3, since=positions[2]) == [3, 4, 5]
        assert await numbers(hub, "logs", 6) == [0, 1, 2, 3, 4, 5]


async def test_hubs_on_one_store_are_one(tmp_path: Path) -> None:
    async with (
        Hub(store(tmp_path), channels=CHANNELS) as one,
        Hub(store(tmp_path), channels=CHANNELS) as other,
    ):
        reading = [asyncio.create_task(numbers(hub, "logs", 40)) for hub in (one, other)]
        for number in range(40):
            await (one if number % 2 else other).publish("logs", number)
        first, second = await asyncio.gather(*reading)
        assert first == second == list(range(40))
        reading = [asyncio.create_task(numbers(hub, "now", 3)) for hub in (one, other)]
        await until(lambda: all(hub.channels().get("now") == 1 for hub in (one, other)))
        for number in range(3):
            await one.publish("now", number)
        assert await asyncio.gather(*reading) == [[0, 1, 2]] * 2
        await one.node.presence.join("room", Member("a", "u"), announce=True)
        assert list(await other.presence("room")) == ["a"]
        assert await other.presence_stats("room") == (1, 1)
        assert set(other.channels(all=True)) >= {"logs", "room"} - {"room"}


async def test_each_says_how_all_stand(tmp_path: Path) -> None:
    async with Hub(store(tmp_path), name="one") as one, Hub(store(tmp_path), name="other") as other:
        await other.publish("logs", 1)

        async def all_are_there() -> bool:
            return len(await one.nodes()) == 2

        await until(all_are_there)
        first, second = await one.nodes()
        assert (first["uid"], first["name"], second["uid"], second["name"]) == (
            one.uid,
            "one",
            other.uid,
            "other",
        )
        assert (await result(other, "info"))["nodes"][0]["metrics"]["items"]["published"] == 1.0


async def test_it_finds_what_was_acknowledged(tmp_path: Path) -> None:
    async with Hub(store(tmp_path), channels=CHANNELS) as hub:
        for text in ("disk full", "disk fine"):
            await hub.publish("logs", {"level": "ERROR", "message": text})
        matches = await hub.search("logs", "disk", limit=1)
        assert ([p.data["message"] for p in matches.publications], matches.more) == (["disk fine"], True)
        assert (await hub.search("logs", "disk", before=2)).publications[0].offset == 1
        assert not (await hub.search("logs", "disk " * 819)).more
        with pytest.raises(LimitExceeded, match="characters of a search: 4100 is above the limit of 4096"):
            await hub.search("logs", "disk " * 820)
        with pytest.raises(NotAvailable, match="search is off"):
            await hub.search("room", "disk")
    async with Hub(channels=CHANNELS) as hub:
        with pytest.raises(NotAvailable, match="sqlite:///"):
            await hub.search("logs", "disk")


async def test_so_does_the_api(tmp_path: Path) -> None:
    async with Hub(store(tmp_path), channels=CHANNELS) as hub:
        position = await hub.publish("logs", {"level": "ERROR", "message": "disk"})
        await hub.publish("logs", {"level": "INFO", "message": "disk"})
        assert position is not None
        found = await result(hub, "search", channel="logs", query="disk", level="error", since=1, until=9e9)
        (publication,) = found.pop("publications")
        assert found == {"epoch": position.epoch, "offset": 2, "more": False}
        assert publication.pop("time") > 1.6e9
        assert publication == {"data": {"level": "ERROR", "message": "disk"}, "offset": 1}
        assert (await error(hub, "search", channel="room", query="x"))[0] == 108
        assert (await error(hub, "search", channel="logs", limit=0))[0] == 107
        assert (await error(hub, "search", channel="logs", query="x" * 4097))[0] == 107
        assert (await result(hub, "search", channel="logs", before=2))["publications"][0]["offset"] == 1


async def test_publications_of_a_batch_are_stored_together_and_in_order(tmp_path: Path) -> None:
    async with Hub(store(tmp_path), channels=CHANNELS) as hub:
        commands: list[Any] = [{"publish": {"channel": "logs", "data": n}} for n in range(150)]
        commands.insert(40, {"history": {"channel": "logs"}})
        replies = (await answer(hub, "batch", commands=commands))["replies"]
        assert replies.pop(40)["history"]["offset"] == 40
        assert [reply["publish"]["offset"] for reply in replies] == list(range(1, 151))
        page = await hub.history("logs")
        assert [publication.data for publication in page.publications] == list(range(50, 150))
        broker = hub.node.broker
        assert isinstance(broker, SqliteBroker)
        assert 1 < await commits(broker) < 100


async def commits(broker: SqliteBroker) -> int:
    """How many transactions it has written."""
    found: list[int] = []

    def look(journal: Any) -> list[Any]:
        found.append(journal.commits)
        return []

    broker.store.chore(look)
    await until(lambda: found)
    return found[0]


async def test_it_is_not_ready_while_nothing_can_be_stored(tmp_path: Path) -> None:
    hub = Hub(store(tmp_path), channels=CHANNELS)
    broker = hub.node.broker
    assert isinstance(broker, SqliteBroker)
    async with (
        hub,
        httpx.AsyncClient(transport=httpx.ASGITransport(HubApp(hub)), base_url="http://127.0.0.1") as client,
    ):
        assert (await client.get("/ready")).status_code == 200

        def fail(_: Any) -> list[Any]:
            raise OSError(errno.EIO, "Input/output error")

        broker.store.chore(fail)
        await until(lambda: broker.unready() is not None)
        answer = await client.get("/ready")
        assert answer.status_code == 503
        assert "nothing can be stored" in answer.json()["reason"]
        assert str(tmp_path) not in answer.text
        assert (await client.get("/health")).status_code == 200


def test_a_store_that_cannot_be_is_refused() -> None:
    for url in ("sqlite://app.db", "sqlite:///", "postgres://x"):
        with pytest.raises(ConfigError):
            Hub(url)


def test_making_a_hub_opens_nothing(tmp_path: Path) -> None:
    Hub(store(tmp_path))
    assert list(tmp_path.iterdir()) == []
