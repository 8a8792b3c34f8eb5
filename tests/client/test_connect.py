"""`gapless.connect`: publish to a hub elsewhere and read from it, with asyncio and without."""

from __future__ import annotations

import asyncio
import threading

import pytest

import gapless
from gapless import ChannelOptions, ConfigError, Missed, Position
from gapless.client import reader
from gapless.client.remote import NobodyThere, Refused

from ..support.serving import Doors, doors
from .scripted import door
from .test_subscriber import first, live

pytestmark = pytest.mark.anyio

TOKEN = "9f2c61d07be84a35c1d2"
CHANNELS = {"logs": ChannelOptions(history=100), "more": ChannelOptions(history=100)}


def url(opened: Doors) -> str:
    return opened.address.http("")


async def test_what_is_published_is_read_with_asyncio() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened, gapless.connect(url(opened), token=TOKEN) as hub:
        receipt = hub.publish("logs", {"n": 1})
        position = await receipt
        assert position is not None
        hub.publish("more", "x")
        feed = hub.subscribe("logs", "more", history=None)
        found = [await anext(feed), await anext(feed)]
        assert sorted((one.channel, str(one.data)) for one in found) == [("logs", "{'n': 1}"), ("more", "x")]
        assert feed.positions["logs"] == position


async def test_what_is_published_is_read_without_asyncio() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened:

        def work() -> list[object]:
            with gapless.connect(url(opened), token=TOKEN) as hub:
                for number in range(5):
                    hub.publish("logs", number)
                found: list[object] = []
                for publication in hub.subscribe("logs", history=None):
                    found.append(publication.data)
                    if len(found) == 5:
                        break
                return found

        assert await asyncio.to_thread(work) == list(range(5))


async def test_reading_goes_on_after_a_position() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened, gapless.connect(url(opened), token=TOKEN) as hub:
        positions = [await hub.publish("logs", number) for number in range(4)]
        feed = hub.subscribe("logs", since=positions[1])
        assert [(await anext(feed)).data, (await anext(feed)).data] == [2, 3]


async def test_what_is_missing_is_raised_in_its_place_and_iterating_goes_on_behind_it() -> None:
    lost = first(9, 8, 9, extra=',"recovered":false,"lost":{"from":2,"to":7}')
    async with door([lost, live(10), None]) as hub, gapless.connect(hub.url) as connection:
        feed = connection.subscribe("logs", since=Position(1, "E"))
        with pytest.raises(Missed, match="2 to 7"):
            await anext(feed)
        assert [(await anext(feed)).offset for _ in range(3)] == [8, 9, 10]


async def test_what_is_missing_is_told_where_that_is_asked_for() -> None:
    lost = first(9, 8, 9, extra=',"recovered":false,"lost":{"from":2,"to":7}')
    told: list[reader.Missed] = []
    async with door([lost, None]) as hub, gapless.connect(hub.url) as connection:
        feed = connection.subscribe("logs", since=Position(1, "E"), on_gap=told.append)
        assert [(await anext(feed)).offset for _ in range(2)] == [8, 9]
    assert [(gap.first, gap.last) for gap in told] == [(2, 7)]


async def test_closing_ends_who_iterates_in_another_thread() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened:
        hub = gapless.connect(url(opened), token=TOKEN)
        begun, found = threading.Event(), list[object]()

        def read() -> None:
            for publication in hub.subscribe("logs", history=None):
                found.append(publication.data)
                begun.set()

        reading = asyncio.create_task(asyncio.to_thread(read))
        hub.publish("logs", 1)
        await asyncio.to_thread(begun.wait)
        await asyncio.to_thread(hub.close)
        await reading
        assert found == [1]


async def test_where_nobody_is_or_nobody_is_let_in_iterating_raises() -> None:
    async with gapless.connect("http://127.0.0.1:9") as hub:
        with pytest.raises(NobodyThere):
            await anext(hub.subscribe("logs"))

    def read() -> None:
        with gapless.connect("http://127.0.0.1:9") as hub:
            next(hub.subscribe("logs"))

    with pytest.raises(NobodyThere):
        await asyncio.to_thread(read)
    async with doors(CHANNELS, token=TOKEN) as opened, gapless.connect(url(opened), token=TOKEN) as hub:
        with pytest.raises(Refused, match="unknown channel"):
            await anext(hub.subscribe("nowhere"))


def test_what_cannot_be_meant_is_refused() -> None:
    hub = gapless.connect("127.0.0.1:1")
    with pytest.raises(ConfigError, match="name a channel"):
        hub.subscribe()
    with pytest.raises(ConfigError, match="a position for each"):
        hub.subscribe("a", "b", since=Position(1, "E"))
