"""Hooks: functions of the application that allow, refuse or enrich what clients do."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from gapless import (
    Client,
    ClientError,
    ConfigError,
    Disconnect,
    Grant,
    Hub,
    PermissionDenied,
    SubscribeEvent,
)
from gapless.core.counters import Counters
from gapless.errors import Internal
from gapless.hooks.registry import Hook, Hooks

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
        assert "subscribe" in hooks.events
        assert "publish" not in hooks.events

    async def test_one_that_cannot_be_is_refused_where_it_is_registered(self) -> None:
        with pytest.raises(ConfigError, match="brace"):
            Hub().on_subscribe("orders:{")(lambda about: None)


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


class TestAKindOfAnswer:
    """Where a hook may only answer with one kind of thing, and nothing else passes unnoticed."""

    async def ask_for_a_text(self, hooks: Hooks) -> str | None:
        return await hooks.ask_for(str, "subscribe", ABOUT, "orders:7")

    @pytest.mark.parametrize("answer", ["text", None])
    async def test_that_kind_or_nothing_is_the_answer(self, answer: str | None) -> None:
        assert await self.ask_for_a_text(hooks_with(lambda about: answer)) == answer

    async def test_another_is_an_internal_error_that_names_the_kind(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        hooks = hooks_with(lambda about: 7)
        with pytest.raises(Internal):
            await self.ask_for_a_text(hooks)
        assert hooks.counters.hook_errors == 1
        assert "returned int; it returns str or None" in caplog.text
