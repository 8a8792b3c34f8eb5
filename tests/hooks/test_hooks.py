"""Hooks: functions of the application that allow, refuse or enrich what clients do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from gapless import (
    ChannelOptions,
    Client,
    ClientError,
    ConfigError,
    Disconnect,
    DisconnectEvent,
    Grant,
    Hub,
    PermissionDenied,
    PublishEvent,
    Replace,
    SubscribeEvent,
)
from gapless.core.counters import Counters
from gapless.errors import Internal
from gapless.hooks.events import grant_from
from gapless.hooks.registry import Hook, Hooks

from ..support.world import World

pytestmark = pytest.mark.anyio

ABOUT = SubscribeEvent(Client("c"), "orders:7")


def hooks_with(*functions: Hook, pattern: str | None = None) -> Hooks:
    hooks = Hooks(Counters())
    for function in functions:
        hooks.add("subscribe", pattern, function)
    return hooks


async def ask(hooks: Hooks, channel: str = "orders:7") -> Any:
    return await hooks.ask("subscribe", ABOUT, channel)


class TestWhereTheyRun:
    async def test_a_plain_function_runs_in_another_thread(self) -> None:
        threads = list[int]()
        await ask(hooks_with(lambda about: threads.append(threading.get_ident())))
        assert threads != [threading.get_ident()]

    async def test_a_coroutine_function_runs_on_the_loop(self) -> None:
        threads = list[int]()

        async def hook(about: SubscribeEvent) -> None:
            threads.append(threading.get_ident())

        await ask(hooks_with(hook))
        assert threads == [threading.get_ident()]

    async def test_a_coroutine_that_hides_behind_something_is_awaited_too(self) -> None:
        async def hook(prefix: str, about: SubscribeEvent) -> str:
            return prefix + about.channel

        class Callable:
            async def __call__(self, about: SubscribeEvent) -> str:
                return "called " + about.channel

        assert await ask(hooks_with(partial(hook, "partial "))) == "partial orders:7"
        assert await ask(hooks_with(lambda about: hook("lambda ", about))) == "lambda orders:7"
        assert await ask(hooks_with(Callable())) == "called orders:7"

    async def test_the_loop_goes_on_while_a_plain_function_blocks(self) -> None:
        release = threading.Event()
        asking = asyncio.ensure_future(ask(hooks_with(lambda about: release.wait(10))))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not asking.done()
        release.set()
        await asking


class TestAnswers:
    async def test_none_and_true_let_it_pass(self) -> None:
        assert await ask(hooks_with(lambda about: None, lambda about: True)) is None

    async def test_the_last_that_says_something_counts(self) -> None:
        assert await ask(hooks_with(lambda about: 1, lambda about: 2, lambda about: None)) == 2

    async def test_they_are_asked_in_the_order_in_which_they_were_registered(self) -> None:
        asked = list[int]()
        await ask(hooks_with(*(partial(lambda number, about: asked.append(number), n) for n in range(5))))
        assert asked == [0, 1, 2, 3, 4]

    async def test_without_any_there_is_none(self) -> None:
        assert await ask(hooks_with()) is None


class TestRefusing:
    @pytest.mark.parametrize(
        "refusal", [PermissionDenied(), ClientError("not today", code=450), Disconnect(3507)]
    )
    async def test_by_raising_what_the_client_gets(self, refusal: Exception) -> None:
        def hook(about: SubscribeEvent) -> None:
            raise refusal

        with pytest.raises(type(refusal)) as raised:
            await ask(hooks_with(hook))
        assert raised.value is refusal

    async def test_by_returning_false(self) -> None:
        with pytest.raises(PermissionDenied):
            await ask(hooks_with(lambda about: False))

    async def test_ends_the_asking(self) -> None:
        asked = list[str]()
        hooks = hooks_with(lambda about: False, lambda about: asked.append("later"))
        with pytest.raises(PermissionDenied):
            await ask(hooks)
        assert asked == []


class TestFailing:
    """Any other exception is the application's bug: logged, counted, and the client gets error 100."""

    async def test_is_an_internal_error_that_keeps_its_cause(self, caplog: pytest.LogCaptureFixture) -> None:
        hooks = hooks_with(lambda about: 1 / 0)
        with pytest.raises(Internal) as raised:
            await ask(hooks)
        assert raised.value.code == 100
        assert isinstance(raised.value.__cause__, ZeroDivisionError)
        assert hooks.counters.hook_errors == 1
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "the subscribe hook" in caplog.text

    async def test_a_wrong_signature_is_one_too(self) -> None:
        hooks = hooks_with(lambda: None)
        with pytest.raises(Internal):
            await ask(hooks)
        assert hooks.counters.hook_errors == 1

    async def test_being_cancelled_is_not(self) -> None:
        async def hook(about: SubscribeEvent) -> None:
            await asyncio.sleep(3600)

        hooks = hooks_with(hook)
        asking = asyncio.ensure_future(ask(hooks))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert hooks.counters.hook_errors == 0


class TestPatterns:
    async def test_named_parts_come_as_arguments(self) -> None:
        def hook(about: SubscribeEvent, order_id: str) -> str:
            return order_id

        assert await ask(hooks_with(hook, pattern="orders:{order_id}")) == "7"

    async def test_who_is_not_concerned_is_not_asked(self) -> None:
        assert await ask(hooks_with(lambda about: "asked", pattern="logs")) is None

    async def test_whom_a_channel_concerns_can_be_seen_before(self) -> None:
        hooks = hooks_with(lambda about: None, pattern="orders:{id}")
        assert hooks.guards("subscribe", "orders:7")
        assert not hooks.guards("subscribe", "logs")
        assert not hooks.guards("publish", "orders:7")
        assert hooks.has("subscribe")
        assert not hooks.has("publish")

    async def test_one_that_cannot_be_is_refused_where_it_is_registered(self) -> None:
        with pytest.raises(ConfigError, match="brace"):
            Hub().on_subscribe("orders:{")(lambda about: None)


class TestRegistering:
    async def test_with_and_without_a_pattern_the_function_stays_what_it_was(self) -> None:
        hub = Hub()

        @hub.on_subscribe
        def always(about: SubscribeEvent) -> None: ...

        @hub.on_publish("chat:{room}")
        def chat(about: PublishEvent, room: str) -> None: ...

        @hub.on_disconnect
        def gone(about: DisconnectEvent) -> None: ...

        assert [function.__name__ for function in (always, chat, gone)] == ["always", "chat", "gone"]
        assert hub.hooks.guards("subscribe", "anything")
        assert hub.hooks.guards("publish", "chat:1")
        assert not hub.hooks.guards("publish", "logs")
        assert hub.hooks.has("disconnect")


class TestGrants:
    async def test_an_on_connect_hook_may_return_a_grant_a_user_or_nothing(self) -> None:
        grant = Grant(user="7", operator=True)
        assert grant_from(grant) is grant
        assert grant_from("7") == Grant(user="7")
        assert grant_from(None).user == ""

    async def test_anything_else_is_named(self) -> None:
        with pytest.raises(TypeError, match="not dict"):
            grant_from({"user": "7"})


HEADERS = {"Cookie": "secret", "x-trace": "1"}


class TestHeaders:
    async def test_later_hooks_see_none_unless_they_are_kept(self) -> None:
        client = hooks_with().introduce(Client("c"), Grant(user="7"), headers=HEADERS, emulated={})
        assert (client.user, dict(client.headers)) == ("7", {})

    async def test_kept_ones_are_seen_by_their_lower_case_name(self) -> None:
        hooks = hooks_with()
        hooks.keep_headers(["X-Trace"], ["X-Other"])
        emulated = {"X-Other": "2", "x-trace": "3"}
        client = hooks.introduce(Client("c"), Grant(), headers=HEADERS, emulated=emulated)
        assert dict(client.headers) == {"x-trace": "1"}
        assert dict(client.emulated_headers) == {"x-other": "2"}


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
