"""Fed from plain Redis pub/sub: by programs that know nothing of us, and for ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from websockets.asyncio.client import connect

from gapless import BrokerError, ChannelOptions, ConfigError, GaplessError, Hub, Limits, NotRunning
from gapless.feeds.redis_pubsub import RedisFeed, data_of

from ..support.commands import serving
from ..support.redis_server import RedisServer, has
from ..support.tcp_proxy import Proxy
from ..support.until import DEADLINE, until

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
    async with Hub(channels={"*": ChannelOptions(history=1000)}) as hub:
        yield hub


async def kept(hub: Hub, channel: str) -> list[Any]:
    return [json.loads(p.payload) for p in (await hub.history(channel)).publications]


async def live(feed: RedisFeed) -> None:
    await until(lambda: feed.state == "live", "the feed")


class CopiedPublisher:
    """As it stands in the program that very many copy: it publishes, and sets a few keys."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._client, self._prefix = client, prefix

    def log(self, level: str, message: str) -> None:
        entry = {"level": level, "message": message, "timestamp": "2026-01-01T00:00:00Z"}
        self._client.publish(f"{self._prefix}:logs", json.dumps(entry))

    def event(self, kind: str, data: dict[str, Any]) -> None:
        event = {"type": kind, "timestamp": "2026-01-01T00:00:00Z", "data": data}
        self._client.publish(f"{self._prefix}:events", json.dumps(event))

    def stats(self, stats: dict[str, Any]) -> None:
        self._client.set(f"{self._prefix}:stats", json.dumps(stats))
        self._client.publish(f"{self._prefix}:stats", json.dumps(stats))


class TestWhatComes:
    async def test_every_payload_is_published_to_the_channel_of_the_same_name_in_order(
        self, server: RedisServer, client: Redis, hub: Hub
    ) -> None:
        async with RedisFeed(hub.publish, server.url, channels=["app:logs", "app:events"]) as feed:
            await live(feed)
            for n in range(600):
                client.publish("app:logs", json.dumps({"n": n}))
            client.publish("app:events", '{"type":"x"}')
            client.publish("other", "1")
            await until(lambda: feed.received == 601)
        assert await kept(hub, "app:logs") == [{"n": n} for n in range(600)]
        assert await kept(hub, "app:events") == [{"type": "x"}]
        assert await kept(hub, "other") == []

    async def test_patterns_bring_channels_that_nobody_named_and_nothing_twice(
        self, server: RedisServer, client: Redis, hub: Hub
    ) -> None:
        url = f"{server.url}?channel=app:logs&pattern=app:*"
        async with RedisFeed(hub.publish, url) as feed:
            await live(feed)
            client.publish("app:logs", "1")
            client.publish("app:new", "2")
            await until(lambda: feed.received == 2)
        assert (await kept(hub, "app:logs"), await kept(hub, "app:new")) == ([1], [2])

    @pytest.mark.parametrize(
        ("payload", "published"),
        [
            (b'{"a": 1}', b'{"a": 1}'),
            (b"12345678901234567890123", b"12345678901234567890123"),
            (b'{\n "a": 1\n}', b'{"a":1}'),
            (b"plain text", b'{"raw":"plain text"}'),
            (b"NaN", b'{"raw":"NaN"}'),
            (b"", b'{"raw":""}'),
            (b"\xff\x00", '{"raw":"\N{REPLACEMENT CHARACTER}\\u0000"}'.encode()),
        ],
    )
    async def test_json_stays_as_it_is_and_anything_else_is_raw(
        self, hub: Hub, payload: bytes, published: bytes
    ) -> None:
        await hub.publish("c", data_of(payload))
        assert [p.payload for p in (await hub.history("c")).publications] == [published]

    async def test_what_the_hub_refuses_is_counted_and_the_next_one_comes_through(
        self, server: RedisServer, client: Redis
    ) -> None:
        async with Hub(
            limits=Limits(server_payload_bytes=100), channels={"*": ChannelOptions(history=9)}
        ) as hub:
            async with RedisFeed(hub.publish, server.url, patterns=["*"]) as feed:
                await live(feed)
                client.publish("c", json.dumps("x" * 200))
                client.publish("c\n", "1")
                client.publish("c", "2")
                await until(lambda: feed.received == 3)
            assert feed.refused == 2
            assert await kept(hub, "c") == [2]


class TestABreak:
    async def test_it_comes_back_by_itself_and_says_in_each_channel_that_something_is_missing(
        self, server: RedisServer, client: Redis, hub: Hub
    ) -> None:
        async with RedisFeed(hub.publish, server.url, channels=["a"], patterns=["b*"]) as feed:
            await live(feed)
            for name in ("a", "b1"):
                client.publish(name, "1")
            await until(lambda: feed.received == 2)
            server.kill()
            await until(lambda: feed.state.startswith("away"))
            server.start()
            await live(feed)
            for name in ("a", "b1"):
                client.publish(name, "2")
            await until(lambda: feed.received == 4)
            assert feed.breaks == 1
        for name in ("a", "b1"):
            first, notice, last = await kept(hub, name)
            assert (first, last) == (1, 2)
            assert (notice["kind"], notice["count"], notice["level"]) == ("feeder_gap", None, "warning")
            assert notice["seconds"] >= 0

    async def test_a_redis_that_is_not_there_yet_is_waited_for(self, tmp_path: Path, hub: Hub) -> None:
        late = RedisServer(tmp_path / "late")
        async with RedisFeed(hub.publish, late.url, channels=["a"]) as feed:
            await until(lambda: feed.state.startswith("away"))
            await asyncio.to_thread(late.start)
            try:
                await live(feed)
                with Redis(port=late.port) as client:
                    client.publish("a", "1")
                await until(lambda: feed.received == 1)
            finally:
                late.stop()

    async def test_a_connection_on_which_nothing_lives_is_made_anew(
        self, server: RedisServer, client: Redis, hub: Hub
    ) -> None:
        async with Proxy(server.port) as proxy:
            url = f"redis://127.0.0.1:{proxy.port}"
            async with RedisFeed(hub.publish, url, channels=["a"], ping_seconds=0.1) as feed:
                await live(feed)
                (way,) = proxy.ways
                way.deaf = True
                client.publish("a", "1")  # swallowed
                await until(lambda: feed.breaks == 1)
                await live(feed)
                client.publish("a", "2")
                await until(lambda: feed.received == 1)
        assert [entry if isinstance(entry, int) else entry["kind"] for entry in await kept(hub, "a")] == [
            "feeder_gap",
            2,
        ]

    async def test_a_quiet_one_is_left_alone(self, server: RedisServer, client: Redis, hub: Hub) -> None:
        def pings() -> int:
            said = server.ask("INFO", "commandstats")
            return int(said.partition("cmdstat_ping:calls=")[2].partition(",")[0] or 0)

        before = pings()
        # As long as a loaded machine may take for an answer; the third asks what the second's was.
        async with RedisFeed(hub.publish, server.url, channels=["a"], ping_seconds=DEADLINE / 60) as feed:
            await live(feed)
            await until(lambda: pings() >= before + 3, pause=0.05)
            assert feed.breaks == 0


class TestServing:
    async def test_the_copied_publisher_feeds_a_server_without_knowing_of_it(
        self, server: RedisServer, client: Redis
    ) -> None:
        names = ["codeworm:logs", "codeworm:events", "codeworm:stats"]
        feed = f"{server.url}?" + "&".join(f"channel={name}" for name in names)
        with serving("--feed", feed) as (url, _):
            await until(lambda: server.ask("PUBSUB", "NUMSUB", names[0]).endswith("1"))
            publisher = CopiedPublisher(client, "codeworm")
            publisher.log("INFO", "first")
            query = "&".join(f"channel={name}" for name in names)
            async with connect(f"{url.replace('http', 'ws')}/ws?{query}") as page:
                seen: dict[str, list[Any]] = {name: [] for name in names}

                async def read(count: int) -> None:
                    while sum(len(some) for some in seen.values()) < count:
                        frame = json.loads(await page.recv())
                        seen[frame["channel"]] += [
                            one["data"] for one in frame.get("history", [frame] if "offset" in frame else [])
                        ]

                await asyncio.wait_for(read(1), 20)
                publisher.event("commit", {"files": 3})
                publisher.stats({"commits": 7})
                publisher.log("ERROR", "second")
                await asyncio.wait_for(read(4), 20)
            assert [entry["message"] for entry in seen["codeworm:logs"]] == ["first", "second"]
            assert seen["codeworm:events"][0]["data"] == {"files": 3}
            assert seen["codeworm:stats"] == [{"commits": 7}]
            assert client.get("codeworm:stats") == b'{"commits": 7}'

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("redis://h", "name what to feed from"),
            ("redis+cluster://h?channel=a", "one server"),
            ("http://h?channel=a", "is no Redis"),
        ],
    )
    def test_an_address_that_cannot_be_is_refused(self, url: str, said: str) -> None:
        with pytest.raises(ConfigError, match=said):
            RedisFeed(lambda channel, data: pytest.fail("nothing comes"), url)


async def test_what_the_hub_could_not_store_is_announced_when_it_can(
    server: RedisServer, client: Redis, hub: Hub
) -> None:
    problems: list[GaplessError] = [BrokerError("the disk is full"), NotRunning("not yet")]

    def publish(channel: str, data: Any) -> Any:
        if problems:
            raise problems.pop()
        return hub.publish(channel, data)

    async with RedisFeed(publish, server.url, channels=["a"], ping_seconds=0.1) as feed:
        await live(feed)
        for number in range(3):
            client.publish("a", str(number))
        await until(lambda: len(hub.node.broker.kept("a")) == 2)  # type: ignore[attr-defined]
    (row, said) = await kept(hub, "a")
    assert row == 2
    assert (said["kind"], said["count"], feed.refused) == ("feeder_gap", 2, 2)


async def test_a_receipt_that_fails_later_is_announced_too(
    server: RedisServer, client: Redis, hub: Hub
) -> None:
    class Failed:
        done = True

        def __await__(self) -> Any:
            return self._fail().__await__()

        async def _fail(self) -> None:
            raise BrokerError("Redis is away")

        def result(self, timeout: float | None = None) -> None:
            raise BrokerError("Redis is away")

    receipts = [Failed()]

    def publish(channel: str, data: Any) -> Any:
        return receipts.pop() if receipts else hub.publish(channel, data)

    async with RedisFeed(publish, server.url, channels=["a"], ping_seconds=0.1) as feed:
        await live(feed)
        client.publish("a", "1")
        await until(lambda: len(hub.node.broker.kept("a")) == 1)  # type: ignore[attr-defined]
    assert (await kept(hub, "a"))[0]["count"] == 1
