"""The Redis broker: many nodes, long histories, ages, and what it needs to start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from gapless import BrokerError, ChannelOptions
from gapless.brokers.redis.broker import PageSize, RedisBroker
from gapless.brokers.redis.keys import Keys
from gapless.brokers.redis.link import Argument, Call
from gapless.brokers.redis.scripts import READ
from gapless.brokers.redis.site import Site
from gapless.model import Member

from ...support.redis_nodes import Node, own, payloads
from ...support.redis_server import RedisServer, has
from ...support.until import until
from ..harness import Harness

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]


class TestManyNodes:
    async def test_what_one_publishes_the_others_are_notified_of_in_the_same_order(
        self, server: RedisServer, node: Node
    ) -> None:
        one, two, three = [await node(server.url) for _ in range(3)]
        for harness in (one, two, three):
            await harness.broker.subscribe("c")
        await asyncio.gather(*(h.send("c", b"%d" % n) for n in range(50) for h in (one, two)))
        for harness in (one, two, three):
            await harness.sink.until(lambda h=harness: len(h.sink.of("c")) == 100)  # type: ignore[misc]
            assert [p.offset for p in harness.sink.of("c")] == list(range(1, 101))
        assert one.sink.of("c") == two.sink.of("c") == three.sink.of("c")

    async def test_what_somebody_else_publishes_there_is_ignored_and_the_rest_is_heard(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        await one.broker.subscribe("c")
        name = own(one).keys.notifications("c")
        garbage = ["", "p", "pgarbage", "p1 e 1 2 []x", "j", "j[1,2]", "l{}", "zabc"]
        with Redis(port=server.port) as redis:
            for message in garbage:
                redis.publish(name, message)
            redis.publish(name, b"j\xff")
        await one.fill("c", 1)
        await one.sink.until(lambda: len(one.sink.of("c")) == 1)
        assert one.sink.garbage == ["c"] * (len(garbage) + 1)
        assert (one.sink.members, one.sink.interruptions) == ([], 0)

    async def test_another_prefix_is_another_world(self, server: RedisServer, node: Node) -> None:
        one, two = await node(server.url, prefix="a"), await node(server.url, prefix="b")
        await two.broker.subscribe("c")
        await one.fill("c", 3)
        await two.fill("c", 1)
        await two.sink.until(lambda: len(two.sink.of("c")) == 1)
        assert payloads(await two.history("c")) == [b"1"]

    async def test_every_node_can_say_which_channels_there_are(self, server: RedisServer, node: Node) -> None:
        one, two = await node(server.url), await node(server.url)
        await one.fill("a", 1)
        await two.fill("b", 1)
        assert await own(one).streams() == await own(two).streams() == ["a", "b"]

    async def test_a_channel_without_subscribers_here_is_not_notified_of_here(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        await one.broker.subscribe("c")
        await one.broker.subscribe("d")
        await one.broker.unsubscribe("d")
        await until(lambda: server.ask("PUBSUB", "CHANNELS").count(":n:") == 1)
        assert ":n:c" in server.ask("PUBSUB", "CHANNELS")


class TestStarting:
    async def test_without_a_redis_it_says_where_there_is_none(self, tmp_path: Path, node: Node) -> None:
        server = RedisServer(tmp_path / "redis")
        with pytest.raises(BrokerError, match=rf"no Redis at 127\.0\.0\.1:{server.port}"):
            await node(server.url)

    async def test_a_wrong_password_is_named_and_never_shown(self, server: RedisServer, node: Node) -> None:
        server.ask("CONFIG", "SET", "requirepass", "right")
        with pytest.raises(BrokerError) as caught:
            await node(f"redis://:secret-wrong@127.0.0.1:{server.port}")
        assert "invalid username-password pair" in str(caught.value)
        assert "secret-wrong" not in str(caught.value)

    async def test_the_password_comes_from_the_url_the_environment_or_a_file(
        self, server: RedisServer, node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.ask("CONFIG", "SET", "requirepass", "p@ss")
        monkeypatch.setenv("OUR_PASSWORD", "p@ss")
        (tmp_path / "password").write_text("p@ss\n")
        at = f"127.0.0.1:{server.port}"
        for url in (
            f"redis://:p%40ss@{at}?prefix=1",
            f"redis://{at}?prefix=2&password_env=OUR_PASSWORD",
            f"redis://default@{at}?prefix=3&password_file={tmp_path / 'password'}",
        ):
            broker = RedisBroker(url)
            harness = Harness(broker, broker.presence)
            await harness.start()
            assert await harness.publish("c") is not None
            await broker.close()

    async def test_a_user_who_may_only_what_the_reference_lists_is_enough(
        self, server: RedisServer, node: Node
    ) -> None:
        text = (Path(__file__).parents[3] / "docs/reference/redis.md").read_text()
        (rules,) = [line for line in text.splitlines() if line.startswith("ACL SETUSER gapless")]
        assert server.ask(*rules.replace("PASSWORD", "secret").split()) == "OK"
        one = await node(
            f"redis://gapless:secret@127.0.0.1:{server.port}", prefix="gapless", probe_seconds=0.05
        )
        await one.broker.subscribe("c")
        await one.fill("c", 2)
        await one.sink.until(lambda: len(one.sink.of("c")) == 2)
        assert payloads(await one.history("c")) == [b"1", b"2"]
        await one.broker.remove_history("c")
        assert await own(one).streams() == ["c"]
        assert await one.presence.join("c", Member("a", "1"), announce=True)
        assert await one.presence.members("c") == {"a": Member("a", "1")}
        assert await one.presence.counts("c") == (1, 1)
        await one.presence.leave("c", "a", announce=True)
        await one.broker.unsubscribe("c")
        assert own(one).unready() is None
        assert server.ask("ACL", "LOG") == ""


class Meanwhile:
    """A site at which something happens between the first page that is read and its arrival."""

    def __init__(self, site: Site, happen: Callable[[], Awaitable[None]]) -> None:
        self._site = site
        self._happen: Callable[[], Awaitable[None]] | None = happen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._site, name)

    def send(self, group: int, call: Call, *command: Argument) -> None:
        if READ.sha in command and self._happen is not None:
            call, self._happen = Delayed(call, self._happen), None
        self._site.send(group, call, *command)


class Delayed:
    """A call that is answered after something else has happened."""

    def __init__(self, call: Call, happen: Callable[[], Awaitable[None]]) -> None:
        self._call, self._happen = call, happen
        self.fail = call.fail

    def answer(self, reply: Any) -> None:
        self._task = asyncio.get_running_loop().create_task(self._answer_later(reply))

    async def _answer_later(self, reply: Any) -> None:
        await self._happen()
        self._call.answer(reply)


class TestLongHistories:
    """A long page is put together from several calls, and is whole or begins behind what was trimmed."""

    SMALL = PageSize(7, 40)

    @pytest.mark.parametrize("reverse", [False, True])
    async def test_all_of_it(self, server: RedisServer, node: Node, reverse: bool) -> None:
        one = await node(server.url, page=self.SMALL)
        await asyncio.gather(*(one.send("c", b"%05d" % n) for n in range(1, 51)))
        page = await one.history("c", reverse=reverse)
        offsets = [publication.offset for publication in page.publications]
        assert offsets == (list(range(50, 0, -1)) if reverse else list(range(1, 51)))

    @pytest.mark.parametrize("reverse", [False, True])
    async def test_as_much_as_was_asked_for(self, server: RedisServer, node: Node, reverse: bool) -> None:
        one = await node(server.url, page=self.SMALL)
        await asyncio.gather(*(one.send("c", b"%05d" % n) for n in range(1, 51)))
        page = await one.history("c", limit=23, reverse=reverse)
        offsets = [publication.offset for publication in page.publications]
        assert offsets == (list(range(50, 27, -1)) if reverse else list(range(1, 24)))

    async def test_trimmed_while_it_is_read_it_has_no_hole(self, server: RedisServer, node: Node) -> None:
        one = await node(server.url, page=self.SMALL)
        options = ChannelOptions(history=20)
        for n in range(1, 21):
            await one.publish("c", b"%05d" % n, options)

        async def publish_more() -> None:
            for n in range(21, 60):
                await one.publish("c", b"%05d" % n, options)

        own(one).site = Meanwhile(own(one).site, publish_more)
        page = await one.history("c", options)
        assert [publication.offset for publication in page.publications] == list(range(40, 60))
        assert [p.payload for p in page.publications] == [b"%05d" % n for n in range(40, 60)]

    @pytest.mark.parametrize("reverse", [False, True])
    async def test_in_another_life_it_begins_there(
        self, server: RedisServer, node: Node, reverse: bool
    ) -> None:
        one = await node(server.url, page=self.SMALL)
        for n in range(1, 21):
            await one.publish("c", b"%05d" % n)

        async def lose_its_life() -> None:
            server.ask("DEL", own(one).keys.generation(0))

        own(one).site = Meanwhile(own(one).site, lose_its_life)
        page = await one.history("c", reverse=reverse)
        assert {publication.epoch for publication in page.publications} == {page.top.epoch}
        offsets = [publication.offset for publication in page.publications]
        assert offsets[-1 if not reverse else 0] == 20
        assert sorted(offsets) == list(range(min(offsets), 21))


class TestAge:
    async def test_what_is_too_old_goes_also_without_being_published_to(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        options = ChannelOptions(history=100, history_age=0.1, idle_expiry=100.0)
        await one.fill("c", 3, options)
        while (page := await one.history("c", options)).publications:
            await asyncio.sleep(0.01)
        assert (page.top.offset, page.oldest) == (3, 4)
        await one.publish("c", b"new", options)
        assert (await one.history("c", options, limit=0)).oldest >= 4

    async def test_what_reading_let_go_of_counts_no_more_and_what_is_left_with_its_tags(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        tagged = ChannelOptions(history=10, history_age=3600.0)
        for payload in (b"1", b"2"):
            await one.publish("c", payload, tagged, tags={"kind": "x" * 100})
        with Redis(port=server.port) as client:
            _, (state, stream, *_) = Keys("test", 1).stored("c")
            (first, old), (second, new) = client.xrange(stream)
            client.delete(stream)  # the same again, but the first of them long ago
            client.xadd(stream, {**old, b"t": 0}, id=first)
            client.xadd(stream, new, id=second)
            client.hset(state, "since", 0)
            assert payloads(await one.history("c", tagged)) == [b"2"]
            assert client.hget(state, "floor") == first.rpartition(b"-")[2]

    async def test_an_idle_channel_forgets_its_epoch(self, server: RedisServer, node: Node) -> None:
        one = await node(server.url)
        (before,) = await one.fill("c", 1, ChannelOptions(history=100, idle_expiry=0.05))
        state = own(one).keys.stored("c")[1][0]
        await until(lambda: server.ask("EXISTS", state) == "0")
        (after,) = await one.fill("c", 1)
        assert after.offset == 1
        assert after.epoch != before.epoch
