"""The decorators by which an application says who may do what."""

from __future__ import annotations

from typing import Any

import pytest

from gapless import (
    DisconnectEvent,
    Hub,
    PublishEvent,
    SubscribeEvent,
)
from gapless.core.counters import Counters
from gapless.errors import ConfigError
from gapless.hooks.registry import Hooks, On, OnName

pytestmark = pytest.mark.anyio


async def test_a_function_is_given_back_and_asked_at_each_event() -> None:
    hooks = Hooks(Counters())

    async def hook(event: str) -> str:
        return f"asked {event}"

    assert On(hooks, "one", "two")(hook) is hook
    assert [await hooks.ask(name, name) for name in ("one", "two")] == ["asked one", "asked two"]
    assert await hooks.ask("three", "three") is None


async def test_a_pattern_chooses_and_its_parts_are_arguments() -> None:
    hooks = Hooks(Counters())
    decorate = OnName(hooks, "subscribe")

    @decorate("orders:{order}")
    async def guard(event: Any, order: str) -> str:
        return order

    assert await hooks.ask("subscribe", None, "orders:7") == "7"
    assert await hooks.ask("subscribe", None, "news") is None
    assert hooks.guards("subscribe", "orders:7")
    assert not hooks.guards("subscribe", "news")


async def test_without_a_pattern_everything_concerns_it() -> None:
    hooks = Hooks(Counters())

    async def guard(event: Any) -> str:
        return "asked"

    assert OnName(hooks, "subscribe")(guard) is guard
    assert await hooks.ask("subscribe", None, "anything") == "asked"


def test_what_is_no_pattern_is_refused_where_it_stands() -> None:
    with pytest.raises(ConfigError):
        OnName(Hooks(Counters()), "subscribe")("{")(lambda event: None)


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
        assert "disconnect" in hub.hooks.events
