"""Reading from a hub elsewhere: cuts, comebacks, and what cannot be recovered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import pytest

from gapless.client.backoff import Backoff
from gapless.client.reader import Arrived, CaughtUp, Happening, Missed, NotPlain, Reader
from gapless.client.remote import NobodyThere, NotTheHub, Refused, Remote, Unreachable
from gapless.client.subscriber import Away, Back, Subscriber
from gapless.model import Position

from ..support.until import DEADLINE
from .scripted import Door, door

pytestmark = pytest.mark.anyio

Event = Happening | Away | Back


def first(head: int, *offsets: int, epoch: str = "E", extra: str = "") -> str:
    items = ",".join(f'{{"offset":{offset},"data":{offset}}}' for offset in offsets)
    return (
        f'{{"channel":"logs","epoch":"{epoch}","oldest":1,"head":{head}{extra},'
        f'"history":[{items}],"more":false}}'
    )


def live(offset: int) -> str:
    return f'{{"channel":"logs","offset":{offset},"data":{offset}}}'


async def read(hub: Door, until: Callable[[Event], bool], token: str | None = None) -> list[Event]:
    """What happens up to an event, with no pause between attempts."""
    reader = Reader(["logs"], history=10)
    subscriber = Subscriber(Remote.parse(hub.url, token), reader, backoff=Backoff(0.0, 0.0))
    found: list[Event] = []
    async with asyncio.timeout(DEADLINE), aclosing(subscriber.frames()) as frames:
        async for happened in frames:
            found += happened
            if any(until(event) for event in happened):
                return found
    raise AssertionError("it ended by itself")


def arrived(offset: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Arrived) and event.offset == offset


def offsets(events: list[Event]) -> list[int]:
    return [event.offset for event in events if isinstance(event, Arrived)]


async def test_it_presents_its_credential_and_asks_for_batches() -> None:
    async with door([first(1, 1), None]) as hub:
        events = await read(hub, arrived(1), token="secret")
    assert offsets(events) == [1]
    assert hub.keys == ["secret"]
    assert hub.queries == [[("channel", "logs"), ("batch", "1"), ("history", "10")]]


@pytest.mark.parametrize("code", [1006, 1000, 1012, 3001, 3008, 3012])
async def test_after_a_cut_it_resumes_where_it_was(code: int) -> None:
    resumed = first(3, 3, extra=',"recovered":true')
    async with door([first(1, 1), live(2), code], [resumed, live(4), None]) as hub:
        events = await read(hub, arrived(4))
    assert offsets(events) == [1, 2, 3, 4]
    assert hub.queries[1][-1] == ("since", "logs@E:2")
    assert [type(event) for event in events if isinstance(event, Away | Back)] == [Away, Back]
    assert not any(isinstance(event, Missed) for event in events)
    assert CaughtUp("logs", Position(3, "E"), True) in events


async def test_what_the_history_no_longer_holds_is_told() -> None:
    lost = first(9, 8, 9, extra=',"recovered":false,"lost":{"from":2,"to":7}')
    async with door([first(1, 1), 1006], [lost, None]) as hub:
        events = await read(hub, arrived(9))
    assert [event for event in events if isinstance(event, Missed)] == [Missed("logs", 2, 7, "lost")]
    assert offsets(events) == [1, 8, 9]


async def test_a_hub_that_is_full_or_stopping_is_tried_again() -> None:
    async with door([first(1, 1), 1006], [first(2, 2, extra=',"recovered":true'), None]) as hub:
        reader = Reader(["logs"])
        subscriber = Subscriber(Remote.parse(hub.url), reader, backoff=Backoff(0.0, 0.0))
        found: list[Event] = []
        async with asyncio.timeout(DEADLINE), aclosing(subscriber.frames()) as frames:
            async for happened in frames:
                found += happened
                if arrived(1)(happened[0] if happened else Back()):
                    hub.refusals.extend([503, 502, 429])
                if 2 in offsets(found):
                    break
    assert len([event for event in found if isinstance(event, Away)]) == 4
    assert len(hub.queries) == 5


async def test_a_temporary_error_of_a_subscription_is_asked_for_again() -> None:
    error = '{"type":"error","code":100,"message":"the broker did not answer","channel":"logs"}'
    async with door([error, None], [first(1, 1), None]) as hub:
        events = await read(hub, arrived(1))
    assert "the broker did not answer" in str(events[0])


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (
            ['{"type":"error","code":102,"message":"unknown channel","channel":"logs"}', None],
            "unknown channel",
        ),
        (['{"type":"error","code":107,"message":"no"}', 3501], "error 107: no"),
        (['{"type":"unsubscribed","channel":"logs","code":2000,"reason":"over"}', None], "over"),
        ([3507], "3507"),
        ([3503], "for good"),
    ],
)
async def test_a_refusal_ends_it(scene: list[str | int | None], words: str) -> None:
    async with door(scene) as hub:
        with pytest.raises(Refused, match=words):
            await read(hub, arrived(1))
    assert len(hub.queries) == 1


async def test_something_else_that_speaks_websocket_ends_it() -> None:
    async with door(["hello", None]) as hub:
        with pytest.raises(NotPlain, match="check --url"):
            await read(hub, arrived(1))


@pytest.mark.parametrize(
    ("status", "fix"), [(401, "--token"), (403, "--token"), (404, "--url"), (200, "--url")]
)
async def test_a_handshake_that_is_refused_for_good_names_the_fix(status: int, fix: str) -> None:
    async with door([None], refusals=(status,)) as hub:
        with pytest.raises(NotTheHub, match=fix):
            await read(hub, arrived(1))


async def test_the_first_connection_has_to_work() -> None:
    async with door([None], refusals=(503,)) as hub:
        with pytest.raises(Unreachable, match="full, or stopping"):
            await read(hub, arrived(1))
    with pytest.raises(NobodyThere, match="gapless serve"):
        await read(hub, arrived(1))
