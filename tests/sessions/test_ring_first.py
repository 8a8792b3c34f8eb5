"""Who comes back soon costs the broker nothing, whichever door it comes through.

Each test holds a channel's ring, lets a client come to what lies in it, and counts what the broker
was asked; beside it one comes to what is older, so that the counting itself is seen to work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gapless import ChannelOptions, Hub, MemoryBroker, Position
from gapless.model import History
from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF, Codec

from ..support.centrifuge.streams import stream
from ..support.centrifuge.wire import decode, encode
from ..support.events import sse
from ..support.serving import FAST_PATH, PLAIN_ASGI, Doors, doors
from ..support.sockets import connected

pytestmark = pytest.mark.anyio

OLDER, IN_THE_RING = 3, 5
"""Publications from before the ring, and in it."""

TOP = OLDER + IN_THE_RING


class CountingBroker(MemoryBroker):
    """Answers as over a network, and counts what it was asked for."""

    immediate = False

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def history(self, channel: str, *args: Any, **how: Any) -> History:
        self.reads += 1
        await asyncio.sleep(0)
        return await super().history(channel, *args, **how)


class Room:
    """A served channel whose ring is held, and what the broker was asked for since."""

    def __init__(self, here: Doors, broker: CountingBroker, epoch: str) -> None:
        self.here = here
        self.hub = here.hub
        self._broker = broker
        self._before = broker.reads
        self.epoch = epoch

    @property
    def reads(self) -> int:
        return self._broker.reads - self._before

    def position(self, offset: int) -> Position:
        return Position(offset, self.epoch)


@asynccontextmanager
async def room(*, ws: str = FAST_PATH, **options: Any) -> AsyncIterator[Room]:
    broker = CountingBroker()
    hub = Hub(broker, channels={"room": ChannelOptions(history=100, **options)})
    async with doors(hub=hub, ws=ws) as here:
        for number in range(1, OLDER + 1):
            await hub.publish("room", number)
        async with hub.subscribe("room") as feed:
            for number in range(OLDER + 1, TOP + 1):
                await hub.publish("room", number)
            yield Room(here, broker, feed.position.epoch)


ComesBack = Callable[[Room, int], Awaitable[list[int]]]
"""Come back with a position at this offset; the offsets that were missed, in order."""


async def plain(here: Room, offset: int) -> list[int]:
    async with here.here.client(f"?channel=room&since=room@{here.position(offset)}") as client:
        (frame,) = await client.history("room")
        assert (frame["recovered"], frame["oldest"], frame["head"]) == (True, 1, TOP)
        return [item["offset"] for item in frame["history"]]


async def plain_command(here: Room, offset: int) -> list[int]:
    async with here.here.client() as client:
        said = {"type": "subscribe", "channel": "room", "since": str(here.position(offset))}
        return [item["offset"] for item in (await client.ask(said))["history"]]


async def event_stream(here: Room, offset: int) -> list[int]:
    async with sse(here.here, "channel=room", last_id=str(here.position(offset))) as events:
        return [event.data["offset"] for event in await events.take(TOP - offset)]


async def listener(here: Room, offset: int) -> list[int]:
    async with here.hub.subscribe("room", since=here.position(offset)) as feed:
        return [(await anext(feed)).offset for _ in range(TOP - offset)]


def _recover(here: Room, offset: int) -> dict[str, Any]:
    return {"recover": True, "epoch": here.epoch, "offset": offset}


def _recovered(result: dict[str, Any]) -> list[int]:
    assert result["recovered"]
    return [each["offset"] for each in result["publications"]]


def sdk(codec: Codec) -> ComesBack:
    async def comes_back(here: Room, offset: int) -> list[int]:
        query = "" if codec is JSON else "?format=protobuf"
        async with connected(here.here.address.ws(f"/connection/websocket{query}")) as client:
            await client.connection.send(encode(codec, {"id": 1, "connect": {}}))
            await client.connection.recv()
            subscribe = {"channel": "room", **_recover(here, offset)}
            await client.connection.send(encode(codec, {"id": 2, "subscribe": subscribe}))
            frame = await client.connection.recv()
            (reply,) = decode(codec, frame.encode() if isinstance(frame, str) else frame)
            return _recovered(reply["subscribe"])

    return comes_back


def emulated(transport: str, codec: Codec) -> ComesBack:
    async def comes_back(here: Room, offset: int) -> list[int]:
        async with stream(here.here, transport, codec=codec) as opened:
            await opened.connected()
            await opened.say({"id": 2, "subscribe": {"channel": "room", **_recover(here, offset)}})
            return _recovered((await opened.next())["subscribe"])

    return comes_back


def bare(transport: str) -> ComesBack:
    async def comes_back(here: Room, offset: int) -> list[int]:
        first = {"subs": {"room": _recover(here, offset)}}
        if transport == "uni_websocket":
            async with connected(here.here.address.ws("/connection/uni_websocket")) as client:
                await client.say(first)
                said = (await client.next())["connect"]
        else:
            async with stream(here.here, transport, first) as opened:
                said = await opened.connected()
        return _recovered(said["subs"]["room"])

    return comes_back


assert PROTOBUF is not None
DOORS: dict[str, ComesBack] = {
    "/ws": plain,
    "/ws by command": plain_command,
    "/sse": event_stream,
    "in-process": listener,
    "websocket JSON": sdk(JSON),
    "websocket Protobuf": sdk(PROTOBUF),
    "http_stream JSON": emulated("http_stream", JSON),
    "http_stream Protobuf": emulated("http_stream", PROTOBUF),
    "sse emulation": emulated("sse", JSON),
    "uni_websocket": bare("uni_websocket"),
    "uni_sse": bare("uni_sse"),
    "uni_http_stream": bare("uni_http_stream"),
}


@pytest.mark.parametrize("door", DOORS)
async def test_a_position_inside_the_ring_costs_no_read(door: str) -> None:
    async with room() as here:
        for offset in (OLDER, TOP - 1):
            assert await DOORS[door](here, offset) == list(range(offset + 1, TOP + 1))
        assert here.reads == 0


@pytest.mark.parametrize("door", DOORS)
async def test_one_that_is_older_is_read_and_nothing_is_left_out(door: str) -> None:
    async with room() as here:
        assert await DOORS[door](here, OLDER - 1) == list(range(OLDER, TOP + 1))
        assert here.reads > 0


async def test_on_plain_asgi_it_is_the_same() -> None:
    async with room(ws=PLAIN_ASGI) as here:
        assert await plain(here, OLDER) == list(range(OLDER + 1, TOP + 1))
        assert await sdk(JSON)(here, OLDER) == list(range(OLDER + 1, TOP + 1))
        assert here.reads == 0


async def test_a_first_visit_that_wants_no_more_than_the_ring_has_costs_none() -> None:
    async with room() as here:
        async with here.here.client(f"?channel=room&history={IN_THE_RING}") as client:
            (frame,) = await client.history("room")
            assert [item["offset"] for item in frame["history"]] == list(range(OLDER + 1, TOP + 1))
            assert (frame["oldest"], frame["head"]) == (1, TOP)
        async with sse(here.here, "channel=room&history=2") as events:
            assert [event.data["offset"] for event in await events.take(2)] == [TOP - 1, TOP]
        async with here.hub.subscribe("room", history=2) as feed:
            assert [(await anext(feed)).offset for _ in range(2)] == [TOP - 1, TOP]
        async with connected(here.here.address.ws("/connection/websocket")) as client:
            await client.say({"id": 1, "connect": {}})
            await client.next()
            await client.say({"id": 2, "subscribe": {"channel": "room"}})
            assert (await client.next())["subscribe"]["offset"] == TOP
        assert here.reads == 0


async def test_nor_does_the_newest_in_cache_mode() -> None:
    async with room(recovery="cache") as here:
        async with connected(here.here.address.ws("/connection/websocket")) as client:
            await client.say({"id": 1, "connect": {}})
            await client.next()
            await client.say({"id": 2, "subscribe": {"channel": "room", "recover": True}})
            assert _recovered((await client.next())["subscribe"]) == [TOP]
        assert here.reads == 0
