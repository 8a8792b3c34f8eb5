"""What a client meets where the application has hooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gapless import (
    ChannelOptions,
    ClientError,
    DisconnectEvent,
    PublishEvent,
    Replace,
    SubscribeEvent,
)

from ..support.world import World

pytestmark = pytest.mark.anyio


class TestWhatAClientMeets:
    """The same hooks, at a connection of `/ws`."""

    @pytest.fixture
    def world(self) -> Iterator[World]:
        world = World({"*": ChannelOptions(history=10)})
        yield world
        world.close()

    def test_a_refusal_is_an_error_frame_with_its_code(self, world: World) -> None:
        @world.hub.on_subscribe("c")
        async def refuse(about: SubscribeEvent) -> None:
            raise ClientError("come back tomorrow", code=450)

        client = world.plain("client", "c")
        world.connect(client)
        world.loop.settle()
        assert [(error["code"], error["message"]) for error in client.errors] == [(450, "come back tomorrow")]

    def test_a_bug_is_error_100_and_says_nothing_of_itself(self, world: World) -> None:
        @world.hub.on_subscribe("c")
        async def broken(about: SubscribeEvent) -> None:
            raise RuntimeError("the password is 1234")

        client = world.plain("client", "c")
        world.connect(client)
        world.loop.settle()
        (error,) = client.errors
        assert error["code"] == 100
        assert "1234" not in str(error)

    def test_a_publication_may_be_replaced(self, world: World) -> None:
        @world.hub.on_publish("c")
        async def shout(about: PublishEvent) -> Replace:
            return Replace(about.data.upper())

        client = world.plain("client", "c")
        world.connect(client)
        world.loop.settle()
        client.command('{"type":"publish","channel":"c","data":"hello"}')
        world.loop.settle()
        (publication,) = world.broker.stream("c").kept
        assert publication.payload == b'"HELLO"'

    @pytest.mark.parametrize("answer", ["HELLO", {"data": "HELLO"}, 7], ids=["text", "object", "number"])
    def test_an_answer_that_means_nothing_is_error_100_and_lets_nothing_pass(
        self, world: World, answer: object, caplog: pytest.LogCaptureFixture
    ) -> None:
        @world.hub.on_publish("c")
        async def shout(about: PublishEvent) -> object:
            return answer

        @world.hub.on_subscribe("d")
        async def admit(about: SubscribeEvent) -> object:
            return answer

        client = world.plain("client", "c", "d")
        world.connect(client)
        world.loop.settle()
        client.command('{"type":"publish","channel":"c","data":"hello"}')
        world.loop.settle()
        assert [(error["code"], error["channel"]) for error in client.errors] == [(100, "d"), (100, "c")]
        assert len(world.broker.stream("c").kept) == 0
        said = f"hook returned {type(answer).__name__}; it returns "
        assert f"the publish {said}Replace or None" in caplog.text
        assert f"the subscribe {said}SubscriptionGrant or None" in caplog.text
        assert world.hub.counters.hook_errors == 2

    def test_one_that_lets_a_publication_pass_allows_it_and_without_one_it_is_refused(
        self, world: World
    ) -> None:
        @world.hub.on_publish("open")
        async def allow(about: PublishEvent) -> None: ...

        client = world.plain("client", "open", "shut")
        world.connect(client)
        world.loop.settle()
        for channel in ("open", "shut"):
            client.command(f'{{"type":"publish","channel":"{channel}","data":1}}')
        world.loop.settle()
        assert len(world.broker.stream("open").kept) == 1
        assert len(world.broker.stream("shut").kept) == 0
        assert [error["code"] for error in client.errors] == [103]

    def test_who_is_gone_is_told_once_with_the_code(self, world: World) -> None:
        told = list[tuple[str, int]]()

        @world.hub.on_disconnect
        async def gone(about: DisconnectEvent) -> None:
            told.append((about.client.id, about.code))

        client = world.plain("client", "c")
        world.connect(client)
        world.loop.settle()
        world.hub.disconnect(client="client.1")
        world.loop.settle()
        client.drop()
        world.loop.settle()
        assert told == [("client.1", 3503)]

    def test_who_is_told_at_the_end_may_still_publish(self, world: World) -> None:
        @world.hub.on_disconnect
        async def gone(about: DisconnectEvent) -> None:
            await world.hub.publish("log", "gone")

        world.connect(world.plain("client", "c"))
        world.loop.settle()
        world.loop.run(world.hub.close())
        assert [publication.payload for publication in world.broker.stream("log").kept] == [b'"gone"']
        assert world.hub.counters.hook_errors == 0
