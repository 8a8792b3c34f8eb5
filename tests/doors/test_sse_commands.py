"""`/sse?commands=1` and `POST /emulation`: the plain protocol for those without a WebSocket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import ChannelOptions, Hub, Limits

from ..support.events import Event, EventStream, sse
from ..support.serving import Doors, doors
from ..support.until import until

pytestmark = pytest.mark.anyio

CHAT = ChannelOptions(history=1000, presence=True, join_leave=True, client_publish=True)


class Client:
    """Reads the stream and posts commands."""

    def __init__(self, opened: Doors, stream: EventStream, where: dict[str, str]) -> None:
        self.stream = stream
        self._opened = opened
        self._where = where

    @classmethod
    async def begin(cls, opened: Doors, stream: EventStream) -> Client:
        first = await stream.next()
        assert first.name == "session"
        assert set(first.data) == {"session", "node"}
        assert len(first.data["session"]) >= 32
        return cls(opened, stream, first.data)

    async def post(self, data: str, **other: Any) -> int:
        said = await self._opened.http.post("/emulation", json={**self._where, "data": data, **other})
        return said.status_code

    async def next(self) -> Any:
        event = await self.stream.next()
        assert (event.name, event.id) == ("message", "")
        return event.data


async def test_its_frames_are_those_of_ws_and_commands_are_answered_in_the_stream() -> None:
    async with doors({"chat": CHAT}) as opened, sse(opened, "commands=1&channel=chat&joins=1") as stream:
        client = await Client.begin(opened, stream)
        history = await client.next()
        assert (history["channel"], history["history"], history["more"]) == ("chat", [], False)
        await opened.hub.publish("chat", "hi")
        assert await client.next() == {"channel": "chat", "offset": 1, "data": "hi"}
        assert await client.post('{"type":"publish","channel":"chat","data":[1],"id":7}') == 204
        frames = [await client.next(), await client.next()]
        (published,) = [frame for frame in frames if "type" in frame]
        assert (published["type"], published["offset"], published["id"]) == ("published", 2, 7)
        assert await client.post("ping") == 204
        assert await client.next() == {"type": "pong"}
        assert await client.post('{"type":"unsubscribe","channel":"chat","id":8}') == 204
        assert await client.next() == {"type": "unsubscribed", "channel": "chat", "id": 8}
        assert await client.post('{"type":"subscribe","channel":"nope","id":9}') == 204
        assert (await client.next())["code"] == 102


async def test_without_channels_it_waits_for_commands_and_batches_where_asked_to() -> None:
    async with doors({"chat": CHAT}) as opened, sse(opened, "commands=1&batch=1") as stream:
        client = await Client.begin(opened, stream)
        await client.post('{"type":"subscribe","channel":"chat","id":1}')
        assert (await client.next())["id"] == 1
        opened.hub.publish("chat", 1)
        opened.hub.publish("chat", 2)
        assert [item["data"] for item in (await client.next())["batch"]] == [1, 2]


async def test_it_resumes_like_ws() -> None:
    async with doors({"chat": CHAT}) as opened:
        for number in range(5):
            position = await opened.hub.publish("chat", number)
        assert position is not None
        query = f"commands=1&channel=chat&since=chat@{position.epoch}:3"
        async with sse(opened, query) as stream:
            client = await Client.begin(opened, stream)
            frame = await client.next()
            assert frame["recovered"] is True
            assert [item["offset"] for item in frame["history"]] == [4, 5]


async def test_what_is_posted_while_the_query_is_answered_waits_its_turn() -> None:
    hub = Hub(channels={"*": CHAT})
    allowed = asyncio.Event()

    @hub.on_subscribe("slow")
    async def wait(event: Any) -> None:
        await allowed.wait()

    async with doors(hub=hub) as opened, sse(opened, "commands=1&channel=slow") as stream:
        client = await Client.begin(opened, stream)
        for number in range(20):
            assert await client.post(f'{{"type":"ping","id":{number}}}') == 204
        allowed.set()
        assert (await client.next())["channel"] == "slow"
        assert [(await client.next())["id"] for _ in range(20)] == list(range(20))


async def test_the_end_says_why_and_the_session_is_gone() -> None:
    async with doors({"chat": CHAT}) as opened, sse(opened, "commands=1&channel=chat") as stream:
        client = await Client.begin(opened, stream)
        await client.next()
        opened.hub.connections().close(3503, "enough")
        assert await stream.next() == Event("", "close", '{"code":3503,"reason":"enough"}')
        with pytest.raises(StopAsyncIteration):
            await stream.next()
        await until(lambda: not opened.hub.node.roster)
        assert await client.post("ping") >= 400


async def test_a_command_for_nobody_or_too_large_is_refused() -> None:
    limits = Limits(message_bytes=1000)
    async with doors({"chat": CHAT}, limits=limits) as opened, sse(opened, "commands=1") as stream:
        client = await Client.begin(opened, stream)
        assert await client.post("ping", session="somebody else's") >= 400
        assert await client.post("x" * 1001) == 413
        assert await client.post("ping") == 204
        assert await client.next() == {"type": "pong"}


async def test_a_silent_stream_has_a_heartbeat() -> None:
    limits = Limits(heartbeat=0.05, housekeeping=0.02)
    async with (
        doors({"chat": CHAT}, limits=limits) as opened,
        sse(opened, "commands=1&channel=chat") as stream,
    ):
        client = await Client.begin(opened, stream)
        await client.next()
        before = stream.comments

        async def beat() -> None:
            while stream.comments < before + 3:
                await opened.hub.publish("chat", 1)  # `comments` counts while events are read
                await client.next()

        async with asyncio.timeout(30):
            await beat()
