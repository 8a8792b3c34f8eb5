"""The Redis broker and what can happen to its server and to the way there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gapless import BrokerError, ChannelOptions, ConfigError
from gapless.brokers.redis import broker as module
from gapless.brokers.redis.address import Address, Place
from gapless.brokers.redis.broker import RedisBroker
from gapless.model import Member, Position

from ..support.redis_proxy import Proxy
from ..support.redis_server import RedisServer, has
from ..support.until import DEADLINE, until
from .harness import Harness
from .redis_nodes import Node, node, own, payloads, ready, server

__all__ = ["node", "server"]  # fixtures

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


class TestPresenceOfManyNodes:
    async def test_members_of_all_nodes_are_seen_and_announced_everywhere(
        self, server: RedisServer, node: Node
    ) -> None:
        one, two = await node(server.url), await node(server.url)
        await two.broker.subscribe("c")
        await one.presence.join("c", Member("a", "1"), announce=True)
        await two.presence.join("c", Member("b", "1"), announce=True)
        await one.presence.leave("c", "a", announce=True)
        assert await one.presence.members("c") == {"b": Member("b", "1")}
        await two.sink.until(lambda: len(two.sink.members) == 3)
        assert two.sink.members == [("join", "c", "a"), ("join", "c", "b"), ("leave", "c", "a")]

    async def test_the_members_of_a_node_that_died_are_removed_by_another(
        self, server: RedisServer, node: Node
    ) -> None:
        one, two = await node(server.url, presence_expiry=0.2), await node(server.url, presence_expiry=0.2)
        await two.broker.subscribe("c")
        await one.presence.join("c", Member("a", "1"), announce=True)
        await one.presence.join("c", Member("a", "1"), announce=False)  # a refresh
        now = 2_000_000_000.0
        while len(two.sink.members) < 2:
            now += 100
            two.presence.expire(now)
            await asyncio.sleep(0.02)
        assert two.sink.members == [("join", "c", "a"), ("leave", "c", "a")]
        assert await two.presence.counts("c") == (0, 0)


class TestARedisThatComesBack:
    """As old as it was, older, or empty: another life of every stream, for nobody can prove the contrary."""

    async def test_without_persistence_numbers_begin_anew_in_another_epoch(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        before = await one.fill("c", 3)
        server.kill()
        server.start()
        await until(lambda: own(one).servers()[0].link_failures > 0)
        await ready(one)
        after = await one.publish("c")
        assert after is not None
        assert after.offset == 1
        assert after.epoch != before[0].epoch

    @pytest.mark.parametrize("durable", ["rdb", "aof"])
    async def test_what_was_kept_is_there_but_in_another_epoch(
        self, tmp_path: Path, node: Node, durable: str
    ) -> None:
        how = ("--save", "3600 1") if durable == "rdb" else ("--appendonly", "yes", "--appendfsync", "always")
        server = RedisServer(tmp_path / "redis", *how).start()
        try:
            one = await node(server.url)
            before = await one.fill("c", 3)
            server.stop() if durable == "rdb" else server.kill()
            server.start()
            await until(lambda: own(one).servers()[0].link_failures > 0)
            await ready(one)
            page = await one.history("c")
            assert payloads(page) == [b"1", b"2", b"3"]
            assert page.top.offset == 3
            assert page.top.epoch != before[0].epoch
            assert await one.publish("c") == Position(4, page.top.epoch)
        finally:
            server.stop()

    async def test_an_older_dump_never_continues_the_epoch_it_was_made_in(
        self, tmp_path: Path, node: Node
    ) -> None:
        server = RedisServer(tmp_path / "redis").start()
        try:
            one = await node(server.url)
            await one.fill("c", 2)
            server.ask("SAVE")
            beyond = (await one.fill("c", 3))[-1]
            assert beyond.offset == 5
            server.kill()  # offsets 3 to 5 go with it
            server.start()
            await until(lambda: own(one).servers()[0].link_failures > 0)
            await ready(one)
            again = [await one.publish("c", b"other") for _ in range(3)]
            assert [position.offset for position in again if position] == [3, 4, 5]
            assert all(position and position.epoch != beyond.epoch for position in again)
        finally:
            server.stop()

    async def test_all_nodes_agree_on_the_new_epoch(self, server: RedisServer, node: Node) -> None:
        nodes = [await node(server.url) for _ in range(3)]
        server.kill()
        server.start()
        for one in nodes:
            await until(lambda o=one: own(o).servers()[0].link_failures > 0)  # type: ignore[misc]
            await ready(one)
        found = {position.epoch for one in nodes if (position := await one.publish("c"))}
        assert len(found) == 1

    async def test_losing_what_says_which_run_it_was_is_a_new_epoch_too(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        (before,) = await one.fill("c", 1)
        server.ask("DEL", own(one).keys.generation(0))
        after = await one.publish("c")
        assert after is not None
        assert after.offset == 2
        assert after.epoch != before.epoch

    async def test_connecting_anew_to_the_same_run_changes_nothing(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        (before,) = await one.fill("c", 1)
        server.ask("CLIENT", "KILL", "TYPE", "normal")
        await until(lambda: own(one).servers()[0].link_failures > 0)
        await ready(one)
        two = await node(server.url)
        assert await two.publish("c") == Position(2, before.epoch)

    async def test_leftovers_of_a_channel_that_was_evicted_are_deleted(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        await one.fill("c", 3)
        server.ask("DEL", own(one).keys.stored("c")[1][0])
        page = await one.history("c")
        assert (payloads(page), page.top.offset) == ([], 0)
        assert await one.publish("c", b"new") == Position(1, page.top.epoch)


class TestAnOutage:
    async def test_publishing_fails_at_once_and_says_why(self, server: RedisServer, node: Node) -> None:
        one = await node(server.url)
        await one.fill("c", 1)
        server.kill()
        await until(lambda: own(one).unready() is not None)
        sent = one.send("c")
        assert sent.done()  # not queued, not waited for
        with pytest.raises(BrokerError, match="Redis is away"):
            await sent
        assert "Redis" in str(own(one).unready())

    async def test_what_was_under_way_fails_and_may_be_repeated_with_its_key(
        self, server: RedisServer, node: Node
    ) -> None:
        async with Proxy(server.port) as proxy:
            one = await node(f"redis://127.0.0.1:{proxy.port}")
            (link,) = proxy.links()
            link.deaf = True
            sent = one.send("c", b"1", idempotency_key="k")
            await until(lambda: "1" in server.ask("XLEN", own(one).keys.stored("c")[1][1]))
            proxy.cut()
            with pytest.raises(BrokerError):
                await sent
            await ready(one)
            assert (await one.publish("c", b"1", idempotency_key="k")) is not None
            assert payloads(await one.history("c")) == [b"1"]

    async def test_it_listens_again_by_itself_and_says_that_something_was_missed(
        self, server: RedisServer, node: Node
    ) -> None:
        one, two = await node(server.url), await node(server.url)
        await one.broker.subscribe("c")
        server.ask("CLIENT", "KILL", "TYPE", "pubsub")
        await until(lambda: one.sink.interruptions == 1)
        await two.fill("c", 1)
        await one.sink.until(lambda: len(one.sink.of("c")) == 1)

    async def test_whoever_subscribes_meanwhile_waits_and_then_hears(
        self, server: RedisServer, node: Node
    ) -> None:
        async with Proxy(server.port) as proxy:
            one = await node(f"redis://127.0.0.1:{proxy.port}")
            proxy.refusing = True
            proxy.cut()
            await until(lambda: own(one).unready() is not None)
            subscribing = asyncio.create_task(one.broker.subscribe("c"))
            proxy.refusing = False
            await asyncio.wait_for(subscribing, DEADLINE)
            await ready(one)
            await one.fill("c", 1)
            await one.sink.until(lambda: len(one.sink.of("c")) == 1)

    async def test_a_connection_that_became_deaf_is_found_and_replaced(
        self, server: RedisServer, node: Node
    ) -> None:
        async with Proxy(server.port) as proxy:
            one = await node(f"redis://127.0.0.1:{proxy.port}", probe_seconds=0.2)
            await one.broker.subscribe("c")
            for ear in proxy.ears():
                ear.deaf = True
            await one.fill("c", 1)
            await until(lambda: one.sink.interruptions > 0)
            await one.fill("c", 1)
            await one.sink.until(lambda: [p.offset for p in one.sink.of("c")] == [2])

    async def test_one_that_hears_is_left_alone(self, server: RedisServer, node: Node) -> None:
        async with Proxy(server.port) as proxy:
            one = await node(f"redis://127.0.0.1:{proxy.port}", probe_seconds=0.05)
            sent = int(
                server.ask("INFO", "commandstats").partition("cmdstat_publish:calls=")[2].split(",")[0] or 0
            )
            assert sent == 0

            def probes() -> int:
                counted = server.ask("INFO", "commandstats").partition("cmdstat_publish:calls=")[2]
                return int(counted.split(",")[0] or 0)

            await until(lambda: probes() >= 5)
            assert proxy.made == 2
            assert one.sink.interruptions == 0

    async def test_a_frozen_redis_fails_what_waits_and_is_used_again_when_it_goes_on(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url, broker_seconds=0.3)
        await one.fill("c", 1)
        server.freeze()
        try:
            with pytest.raises(BrokerError, match="no answer within"):
                await one.publish("c")
            sent = one.send("c")
            assert sent.done()
            with pytest.raises(BrokerError):
                await sent
        finally:
            server.thaw()
        await ready(one)
        assert await one.publish("c") is not None

    async def test_scripts_that_redis_forgot_are_given_to_it_again(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        server.ask("SCRIPT", "FLUSH")
        with pytest.raises(BrokerError):
            await one.publish("c")
        await ready(one)
        assert await one.publish("c") is not None

    async def test_a_refusal_is_told_and_the_next_one_goes_through(
        self, server: RedisServer, node: Node
    ) -> None:
        one = await node(server.url)
        server.ask("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(BrokerError, match=r"Redis refused: .*maxmemory"):
            await one.publish("c")
        server.ask("CONFIG", "SET", "maxmemory", "0")
        assert await one.publish("c") is not None

    async def test_closing_waits_for_what_is_under_way(self, server: RedisServer, node: Node) -> None:
        one = await node(server.url)
        sent = [one.send("c") for _ in range(100)]
        await one.broker.close()
        assert all(position is not None for position in await asyncio.gather(*sent))

    async def test_after_closing_publishing_fails(self, server: RedisServer, node: Node) -> None:
        one = await node(server.url)
        await one.broker.close()
        with pytest.raises(BrokerError):
            await one.publish("c")


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
        text = (Path(__file__).parents[2] / "docs/reference/redis.md").read_text()
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


class TestLongHistories:
    """A long page is put together from several calls, and is whole or begins behind what was trimmed."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "PAGE_ENTRIES", 7)
        monkeypatch.setattr(module, "PAGE_BYTES", 40)

    @pytest.mark.parametrize("reverse", [False, True])
    async def test_all_of_it(self, server: RedisServer, node: Node, reverse: bool) -> None:
        one = await node(server.url)
        await asyncio.gather(*(one.send("c", b"%05d" % n) for n in range(1, 51)))
        page = await one.history("c", reverse=reverse)
        offsets = [publication.offset for publication in page.publications]
        assert offsets == (list(range(50, 0, -1)) if reverse else list(range(1, 51)))

    @pytest.mark.parametrize("reverse", [False, True])
    async def test_as_much_as_was_asked_for(self, server: RedisServer, node: Node, reverse: bool) -> None:
        one = await node(server.url)
        await asyncio.gather(*(one.send("c", b"%05d" % n) for n in range(1, 51)))
        page = await one.history("c", limit=23, reverse=reverse)
        offsets = [publication.offset for publication in page.publications]
        assert offsets == (list(range(50, 27, -1)) if reverse else list(range(1, 24)))

    async def test_trimmed_while_it_is_read_it_has_no_hole(self, server: RedisServer, node: Node) -> None:
        one = await node(server.url)
        options = ChannelOptions(history=20)
        for n in range(1, 21):
            await one.publish("c", b"%05d" % n, options)
        broker, read = own(one), own(one)._read

        async def read_slowly(*arguments: Any) -> Any:
            page = await read(*arguments)
            if page[0].publications[0].offset == 1:
                for n in range(21, 60):
                    await one.publish("c", b"%05d" % n, options)
            return page

        broker._read = read_slowly  # type: ignore[method-assign, assignment]
        page = await one.history("c", options)
        assert [publication.offset for publication in page.publications] == list(range(40, 60))
        assert [p.payload for p in page.publications] == [b"%05d" % n for n in range(40, 60)]

    @pytest.mark.parametrize("reverse", [False, True])
    async def test_in_another_life_it_begins_there(
        self, server: RedisServer, node: Node, reverse: bool
    ) -> None:
        one = await node(server.url)
        for n in range(1, 21):
            await one.publish("c", b"%05d" % n)
        broker, read = own(one), own(one)._read
        calls = 0

        async def read_slowly(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            page = await read(*arguments)
            if calls == 1:
                server.ask("DEL", own(one).keys.generation(0))
            return page

        broker._read = read_slowly  # type: ignore[method-assign, assignment]
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

    async def test_an_idle_channel_forgets_its_epoch(self, server: RedisServer, node: Node) -> None:
        one = await node(server.url)
        (before,) = await one.fill("c", 1, ChannelOptions(history=100, idle_expiry=0.05))
        state = own(one).keys.stored("c")[1][0]
        await until(lambda: server.ask("EXISTS", state) == "0")
        (after,) = await one.fill("c", 1)
        assert after.offset == 1
        assert after.epoch != before.epoch


class TestUrls:
    def test_a_server_a_user_a_database_and_a_prefix(self) -> None:
        address = Address.parse("rediss://user:p%40ss@host:7000/3?prefix=app:live&ca_file=/ca.pem")
        assert (address.kind, address.places, address.database) == ("single", (Place("host", 7000),), 3)
        assert address.prefix == "app:live"
        assert address.credentials is not None
        assert address.credentials.get_credentials() == ("user", "p@ss")
        assert address.tls == {"ssl_ca_certs": "/ca.pem"}

    def test_sentinels_and_clusters(self) -> None:
        watched = Address.parse("redis+sentinel://a,b:5/main/1")
        assert (watched.kind, watched.places) == ("sentinel", (Place("a", 26379), Place("b", 5)))
        assert (watched.service, watched.database) == ("main", 1)
        assert Address.parse("redis+cluster://a,[::1]:7").places == (Place("a", 6379), Place("::1", 7))

    def test_passwords_are_in_no_text_of_it(self) -> None:
        address = Address.parse("redis://user:hidden@host")
        assert "hidden" not in f"{address} {address!r}"

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("redis://h/x", "number of a database"),
            ("redis://h:99999", "port"),
            ("redis://h?prefiks=a", "no option 'prefiks'"),
            ("redis://h?prefix=a{b", "prefix"),
            ("redis://h?password_env=A&password_file=b", "one of the two"),
            ("redis+sentinel://h", "name the master"),
            ("redis+cluster://h/1", "one database only"),
            ("http://h", "is no Redis"),
        ],
    )
    def test_what_cannot_be_is_named(self, url: str, said: str) -> None:
        with pytest.raises(ConfigError, match=said):
            Address.parse(url)
