"""Fed from Redis Streams: nothing is lost or doubled across breaks and restarts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest
from redis import Redis

from gapless import BrokerError, ChannelOptions, ConfigError, GaplessError, Hub, NotRunning
from gapless.feeds.redis_streams import StreamFeed, names_streams, payload_of

from ..support.redis_server import RedisServer, has
from ..support.until import until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]


@pytest.fixture
def client(server: RedisServer) -> Iterator[Redis]:
    with Redis(port=server.port) as client:
        yield client


@pytest.fixture
async def hub(anyio_backend: str) -> AsyncIterator[Hub]:
    async with Hub(channels={"*": ChannelOptions(history=10_000)}) as hub:
        yield hub


async def kept(hub: Hub, channel: str = "logs") -> list[Any]:
    return [json.loads(one.payload) for one in (await hub.history(channel)).publications]


async def live(feed: StreamFeed) -> None:
    await until(lambda: feed.state == "live", "the feed")


def add(client: Redis, *numbers: int) -> None:
    for number in numbers:
        client.xadd("logs", {"data": json.dumps({"n": number})})


async def numbers(hub: Hub) -> list[int]:
    return [row["n"] for row in await kept(hub)]


async def test_what_is_added_is_published(server: RedisServer, client: Redis, hub: Hub) -> None:
    add(client, 0)
    async with StreamFeed(hub.publish, f"redis://127.0.0.1:{server.port}?stream=logs&stream=more") as feed:
        await live(feed)
        add(client, *range(1, 5))
        client.xadd("more", {"level": "info", "text": "ä"})
        await until(lambda: feed.received == 5)
        await until(lambda: len(client.xpending_range("logs", "gapless", "-", "+", 10)) == 0)
        assert await numbers(hub) == [1, 2, 3, 4]
        assert await kept(hub, "more") == [{"level": "info", "text": "ä"}]


async def test_it_goes_on_where_it_was_after_a_restart(server: RedisServer, client: Redis, hub: Hub) -> None:
    url = f"redis://127.0.0.1:{server.port}"
    async with StreamFeed(hub.publish, url, streams=["logs"], from_start=True) as feed:
        await live(feed)
        add(client, 1, 2)
        await until(lambda: feed.received == 2)
    add(client, 3, 4)
    async with StreamFeed(hub.publish, url, streams=["logs"]) as feed:
        await until(lambda: feed.received >= 2)
        add(client, 5)
        await until(lambda: len(hub.node.broker.kept("logs")) == 5)  # type: ignore[attr-defined]
    assert await numbers(hub) == [1, 2, 3, 4, 5]


async def test_what_was_read_and_not_acknowledged_is_read_again_and_no_copy(
    server: RedisServer, client: Redis, hub: Hub
) -> None:
    client.xgroup_create("logs", "gapless", "0", mkstream=True)
    add(client, 1, 2, 3)
    client.xreadgroup("gapless", "feed", {"logs": ">"}, count=2)
    added: Any = client.xrange("logs")
    first = added[0][0].decode()
    await hub.publish("logs", {"n": 1}, idempotency_key=f"gapless:{first}")
    async with StreamFeed(hub.publish, f"redis://127.0.0.1:{server.port}", streams=["logs"]) as feed:
        await until(lambda: feed.received == 3)
        await until(lambda: len(hub.node.broker.kept("logs")) == 3)  # type: ignore[attr-defined]
    assert await numbers(hub) == [1, 2, 3]


async def test_a_redis_that_restarts_costs_nothing(server: RedisServer, client: Redis, hub: Hub) -> None:
    async with StreamFeed(hub.publish, f"redis://127.0.0.1:{server.port}", streams=["logs"]) as feed:
        await live(feed)
        add(client, 1)
        await until(lambda: feed.received == 1)
        client.client_kill_filter(_type="normal", skipme=True)
        await until(lambda: feed.breaks == 1)
        add(client, 2, 3)
        await until(lambda: len(hub.node.broker.kept("logs")) == 3)  # type: ignore[attr-defined]
    assert await numbers(hub) == [1, 2, 3]


async def test_what_was_trimmed_unread_is_announced(server: RedisServer, client: Redis, hub: Hub) -> None:
    url = f"redis://127.0.0.1:{server.port}"
    async with StreamFeed(hub.publish, url, streams=["logs"]) as feed:
        await live(feed)
        add(client, 1)
        await until(lambda: feed.received == 1)
    add(client, *range(2, 12))
    client.xtrim("logs", maxlen=3, approximate=False)
    async with StreamFeed(hub.publish, url, streams=["logs"]) as feed:
        await until(lambda: feed.received == 3)
        await until(lambda: len(hub.node.broker.kept("logs")) == 5)  # type: ignore[attr-defined]
    first, lost, *rest = await kept(hub)
    assert first == {"n": 1}
    assert (lost["kind"], lost["count"]) == ("feeder_gap", 7)
    assert [row["n"] for row in rest] == [9, 10, 11]


@pytest.mark.parametrize(
    ("fields", "data"),
    [
        ([b"data", b"text"], {"message": "text"}),
        ([b"other", b"1"], {"other": "1"}),
        ([b"a", b"1", b"data", b"2"], {"a": "1", "data": "2"}),
        ({b"a": b"\xff"}, {"a": "\ufffd"}),
    ],
)
def test_fields_become_data(fields: Any, data: object) -> None:
    assert payload_of(fields) == data


def test_an_address_says_which_feed_it_is() -> None:
    assert names_streams("redis://h?stream=a")
    assert not names_streams("redis://h?channel=a")
    with pytest.raises(ConfigError, match="stream="):
        StreamFeed(None, "redis://h")  # type: ignore[arg-type]


async def test_an_entry_waits_for_a_hub_that_does_not_run_or_cannot_store(
    server: RedisServer, client: Redis, hub: Hub
) -> None:
    problems: list[GaplessError] = [NotRunning("not yet"), BrokerError("the disk is full")]

    def publish(channel: str, data: Any, *, idempotency_key: str | None = None) -> Any:
        if orjson.loads(orjson.dumps(data)) == {"n": 2} and problems:
            raise problems.pop()
        return hub.publish(channel, data, idempotency_key=idempotency_key)

    url = f"redis://127.0.0.1:{server.port}"
    async with StreamFeed(publish, url, streams=["logs"], from_start=True) as feed:
        await live(feed)
        add(client, 1, 2, 3)
        await until(lambda: len(client.xpending_range("logs", "gapless", "-", "+", 10)) == 0 and not problems)
        await until(lambda: len(hub.node.broker.kept("logs")) == 3)  # type: ignore[attr-defined]
        assert feed.refused == 0
    assert await numbers(hub) == [1, 2, 3]
