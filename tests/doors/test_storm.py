"""Many clients that missed the same: it is encoded once, whatever they speak."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gapless import ChannelOptions, Hub
from gapless.model import Publication, Run
from gapless.protocol import plain, sse
from gapless.protocol.centrifuge import delta, json_codec, protobuf_codec
from gapless.protocol.centrifuge.codecs import PROTOBUF
from gapless.protocol.centrifuge.messages import Reply, SubscribeResult

from ..support.serving import FAST_PATH, doors
from ..support.sockets import connected

pytestmark = pytest.mark.anyio

CLIENTS = 20
MISSED = 30
KEPT = ChannelOptions(history=100, delta=True, delta_publish=True)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each encoder of one publication was called."""
    counted: Counter[str] = Counter()

    def count(module: Any, name: str) -> None:
        real: Callable[..., Any] = getattr(module, name)

        def counting(*args: Any, **named: Any) -> Any:
            counted[f"{module.__name__.rpartition('.')[2]}.{name}"] += 1
            return real(*args, **named)

        monkeypatch.setattr(module, name, counting)

    count(plain, "item")
    count(json_codec, "_publication")
    count(protobuf_codec, "_fill")
    count(delta, "create")
    count(sse, "event")
    return counted


@pytest.fixture(params=[False, True], ids=["broker", "ring"])
def in_ring(request: pytest.FixtureRequest) -> bool:
    """Is the channel read here all the time, so that its ring has what was missed?"""
    return bool(request.param)


async def missed(hub: Hub, in_ring: bool) -> str:
    """Publish what everybody missed; the position before it."""
    position = await hub.publish("room", "before")
    if in_ring:
        await hub.node.rings.join("room")
    for n in range(MISSED):
        await hub.publish("room", {"n": n, "text": "nearly the same every time" * 3})
    assert position is not None
    return str(position)


async def test_plain_clients_that_come_back_share_one_encoding(calls: Counter[str], in_ring: bool) -> None:
    async with doors({"room": KEPT}, ws=FAST_PATH) as served:
        position = await missed(served.hub, in_ring)

        async def come_back() -> list[int]:
            async with served.client(f"?channel=room&since=room@{position}") as client:
                (frame,) = await client.history("room")
                assert frame["recovered"] is True
                return [item["offset"] for item in frame["history"]]

        everybody = await asyncio.gather(*(come_back() for _ in range(CLIENTS)))
    assert everybody == [list(range(2, MISSED + 2))] * CLIENTS
    assert calls["plain.item"] == MISSED


async def test_one_of_them_left_out_does_not_change_what_the_others_get(calls: Counter[str]) -> None:
    async with doors({"room": KEPT}, ws=FAST_PATH) as served:
        position = await served.hub.publish("room", "before")
        await served.hub.publish("room", "for all but one", exclude="somebody")
        for _ in range(3):
            async with served.client(f"?channel=room&since=room@{position}") as client:
                (frame,) = await client.history("room")
                assert [item["data"] for item in frame["history"]] == ["for all but one"]
    assert calls["plain.item"] == 1


async def test_event_streams_that_come_back_share_one_encoding(calls: Counter[str], in_ring: bool) -> None:
    async with doors({"room": KEPT}, ws=FAST_PATH) as served:
        position = await missed(served.hub, in_ring)
        for _ in range(CLIENTS):
            async with served.http.stream("GET", f"/sse?channel=room&since=room@{position}") as response:
                events = 0
                async for line in response.aiter_lines():
                    events += line.startswith("data:")
                    if events == MISSED:
                        break
        await served.settled()
    assert calls["sse.event"] == MISSED


@pytest.mark.parametrize("wants_delta", [False, True], ids=["whole", "delta"])
async def test_json_clients_that_come_back_share_one_encoding(
    calls: Counter[str], wants_delta: bool, in_ring: bool
) -> None:
    async with doors({"room": KEPT}, ws=FAST_PATH) as served:
        epoch, _, offset = (await missed(served.hub, in_ring)).rpartition(":")
        subscribe = {"channel": "room", "recover": True, "epoch": epoch, "offset": int(offset)}
        if wants_delta:
            subscribe["delta"] = "fossil"

        async def come_back() -> int:
            async with connected(served.address.ws("/connection/websocket")) as client:
                await client.say({"id": 1, "connect": {}})
                await client.next()
                await client.say({"id": 2, "subscribe": subscribe})
                result = (await client.next())["subscribe"]
                assert result["recovered"] is True
                return len(result["publications"])

        assert [await come_back() for _ in range(CLIENTS)] == [MISSED] * CLIENTS
    assert calls["json_codec._publication"] == MISSED
    assert calls["delta.create"] == (MISSED - 1 if wants_delta else 0)


async def test_protobuf_clients_that_come_back_share_one_encoding(calls: Counter[str]) -> None:
    publications = [
        Publication(json.dumps(n).encode(), n + 1, "e", {"tag": str(n)} if n % 2 else None)
        for n in range(MISSED)
    ]

    def reply(found: list[Publication]) -> bytes:
        assert PROTOBUF is not None, "the extra is installed for the tests"
        return PROTOBUF.encode_reply(Reply(1, SubscribeResult(publications=found, epoch="e", offset=7)))

    alone = reply(publications)
    calls.clear()
    run = Run(publications)
    first = reply(run)
    once = calls["protobuf_codec._fill"]
    assert first == alone
    for _ in range(CLIENTS):
        assert reply(run) == alone
    assert calls["protobuf_codec._fill"] - once == CLIENTS, "the result itself, and none of its publications"
