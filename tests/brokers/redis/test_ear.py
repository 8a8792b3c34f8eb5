"""The connection on which a server notifies: what is heard, what moves, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from redis.exceptions import AuthenticationError, MovedError, ResponseError

from gapless import BrokerError
from gapless.brokers.redis.ear import NAMES_AT_ONCE, Ear

from ...support.until import until
from .wire import Wire

pytestmark = pytest.mark.anyio


class Listening:
    """An ear on a wire, with what it was told."""

    def __init__(self, *, sharded: bool = False, **more: Any) -> None:
        self.wire = Wire()
        self.heard: list[tuple[str, bytes]] = []
        self.moved: list[str] = []
        self.ear = Ear(
            self.wire.connection,
            sharded=sharded,
            heard=lambda name, message: self.heard.append((name, message)),
            moved=self.moved.append,
            **more,
        )

    async def ask(self, *names: str) -> asyncio.Task[None]:
        """Ask for a subscription, which the server has read."""
        before = len(self.wire.writes)
        asking = asyncio.create_task(self.ear.subscribe(names))
        await until(lambda: len(self.wire.writes) > before)
        return asking

    async def subscribe(self, *names: str) -> None:
        """Subscribe, and be confirmed."""
        asking = await self.ask(*names)
        self.wire.say(*([b"subscribe", name.encode(), 1] for name in names))
        await asking


@pytest.fixture
async def listening() -> AsyncIterator[Callable[..., Listening]]:
    made: list[Listening] = []

    def make(**how: Any) -> Listening:
        made.append(Listening(**how))
        return made[-1]

    yield make
    for each in made:
        await each.ear.close()


async def test_what_a_server_notifies_is_heard_in_its_order(listening: Callable[..., Listening]) -> None:
    one = listening()
    await one.subscribe("a", "b")
    one.wire.say([b"message", b"a", b"1"], [b"smessage", b"b", b"2"], [b"message", b"a", b"3"])
    await until(lambda: len(one.heard) == 3)
    assert one.heard == [("a", b"1"), ("b", b"2"), ("a", b"3")]
    assert one.ear.subscribed == {"a", "b"}


async def test_who_cannot_bear_what_it_hears_is_not_deaf_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def heard(name: str, message: bytes) -> None:
        raise ZeroDivisionError

    wire = Wire()
    ear = Ear(wire.connection, sharded=False, heard=heard, moved=lambda name: None)
    wire.say([b"message", b"a", b"1"])
    assert isinstance(await ear.ended, ZeroDivisionError)
    assert "could not be handled" in caplog.text
    await ear.close()


async def test_subscribing_returns_when_every_name_is_confirmed(listening: Callable[..., Listening]) -> None:
    one = listening()
    asking = await one.ask("a", "b")
    one.wire.say([b"subscribe", b"a", 1], [b"message", b"a", b"1"])
    await until(lambda: len(one.heard) == 1)
    assert not asking.done()
    one.wire.say([b"subscribe", b"b", 2])
    await asking
    assert one.wire.commands == [[b"SUBSCRIBE", b"a", b"b"]]


@pytest.mark.parametrize(("sharded", "commands"), [(False, 2), (True, NAMES_AT_ONCE + 1)])
async def test_names_share_a_command_where_they_need_not_lie_in_one_slot(
    listening: Callable[..., Listening], sharded: bool, commands: int
) -> None:
    one = listening(sharded=sharded)
    await one.subscribe(*(f"c{number}" for number in range(NAMES_AT_ONCE + 1)))
    assert len(one.wire.commands) == commands
    assert {command[0] for command in one.wire.commands} == {b"SSUBSCRIBE" if sharded else b"SUBSCRIBE"}


async def test_the_end_of_a_subscription_that_was_given_up_is_no_news(
    listening: Callable[..., Listening],
) -> None:
    one = listening()
    await one.subscribe("a")
    one.ear.unsubscribe(["a"])
    one.ear.unsubscribe(["a"])
    one.wire.say([b"unsubscribe", b"a", 0], [b"unsubscribe", b"a", 0], [b"message", b"x", b"then"])
    await until(lambda: one.heard)
    assert (one.moved, one.ear.subscribed) == ([], set())
    assert one.wire.commands[1:] == [[b"UNSUBSCRIBE", b"a"]] * 2


async def test_one_that_the_server_ends_moved(listening: Callable[..., Listening]) -> None:
    one = listening(sharded=True)
    await one.subscribe("a", "b")
    one.wire.say([b"sunsubscribe", b"a", 1])
    await until(lambda: one.moved)
    assert (one.moved, one.ear.subscribed) == (["a"], {"b"})


async def test_a_subscription_refused_for_its_slot_moved_and_those_behind_it_stand(
    listening: Callable[..., Listening],
) -> None:
    one = listening(sharded=True)
    away, here = await one.ask("away"), await one.ask("here")
    one.wire.say(MovedError("1 127.0.0.1:7001"), [b"ssubscribe", b"here", 1])
    with pytest.raises(BrokerError, match="the slot of this channel moved"):
        await away
    await here
    assert (one.moved, one.ear.subscribed, one.ear.failure) == (["away"], {"here"}, None)


async def test_an_unsubscribing_that_is_refused_for_its_slot_is_no_news(
    listening: Callable[..., Listening],
) -> None:
    one = listening(sharded=True)
    await one.subscribe("a", "b")
    one.ear.unsubscribe(["a"])
    one.wire.say(MovedError("1 127.0.0.1:7001"), [b"smessage", b"b", b"1"])
    await until(lambda: one.heard)
    assert (one.moved, one.ear.failure) == ([], None)


@pytest.mark.parametrize("error", [AuthenticationError("no"), ResponseError("no"), OSError("gone")])
async def test_any_other_trouble_is_the_end_and_everybody_who_waits_is_told(
    listening: Callable[..., Listening], error: Exception
) -> None:
    one = listening()
    asking = [await one.ask(name) for name in ("a", "b")]
    one.wire.say(error)
    for each in asking:
        with pytest.raises(BrokerError, match="Redis does not notify") as caught:
            await each
        assert caught.value.__cause__ is error
    assert await one.ear.ended is error
    with pytest.raises(BrokerError, match="Redis does not notify"):
        await one.ear.subscribe(["c"])
    one.ear.unsubscribe(["a"])
    assert len(one.wire.commands) == 2


async def test_a_write_that_fails_is_the_end_too(listening: Callable[..., Listening]) -> None:
    one = listening()
    one.wire.broken = ConnectionResetError("the peer is gone")
    with pytest.raises(BrokerError, match="the peer is gone"):
        await one.ear.subscribe(["a"])


async def test_so_is_a_subscription_that_nobody_confirms(listening: Callable[..., Listening]) -> None:
    one = listening(deadline=0.01)
    with pytest.raises(BrokerError, match=r"no answer to a subscription within 0\.01 seconds"):
        await one.ear.subscribe(["a"])
    assert isinstance(await one.ear.ended, TimeoutError)


async def test_closing_hears_nothing_more_and_closes_the_connection(
    listening: Callable[..., Listening],
) -> None:
    one = listening()
    await one.subscribe("a")
    await one.ear.close()
    one.wire.say([b"message", b"a", b"1"])
    await asyncio.sleep(0)
    assert (one.heard, one.wire.is_open) == ([], False)
