"""Payloads of Protobuf clients are bytes: delivered unchanged, and said to who reads JSON only."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gapless import ChannelOptions, Position
from gapless.protocol.centrifuge import client_pb2

from ..support.centrifuge.wire import framed, messages
from ..support.events import sse
from ..support.serving import Doors, doors
from ..support.until import until
from ..support.visits import Wish, ways

pytestmark = pytest.mark.anyio

OPEN = {"a": ChannelOptions(history=10, client_publish=True)}
RAW = [b"\xff\x00not json\n", b"plain text", b"\x00", b"{", b'{"json": "too",\t"and": "as it stands"}']
KEY = "9a1e4c7d3b5f2806e8d7c6b5a4f30211"


class Peer:
    """A client that speaks Protobuf and believes no payload to be JSON."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._waiting: list[client_pb2.Reply] = []

    async def say(self, **fields: Any) -> None:
        await self._connection.send(framed(client_pb2.Command(**fields)))

    async def next(self) -> client_pb2.Reply:
        while not self._waiting:
            frame = await self._connection.recv()
            self._waiting += [client_pb2.Reply.FromString(each) for each in messages(frame)]
        return self._waiting.pop(0)


def protobuf(here: Doors) -> connect:
    return connect(
        here.address.ws("/connection/websocket"),
        subprotocols=[Subprotocol("centrifuge-protobuf")],
        compression=None,
        proxy=None,
    )


async def test_any_bytes_reach_protobuf_clients_as_they_were_published() -> None:
    async with doors(OPEN, token=KEY) as here, protobuf(here) as first, protobuf(here) as second:
        publisher, reader = Peer(first), Peer(second)
        for peer in (publisher, reader):
            await peer.say(id=1, connect=client_pb2.ConnectRequest())
            await peer.next()
            await peer.say(id=2, subscribe=client_pb2.SubscribeRequest(channel="a"))
            await peer.next()
        for number, raw in enumerate(RAW, start=3):
            await publisher.say(id=number, publish=client_pb2.PublishRequest(channel="a", data=raw))
        assert [(await reader.next()).push.pub.data for _ in RAW] == RAW
        await reader.say(id=9, history=client_pb2.HistoryRequest(channel="a", limit=-1))
        assert [one.data for one in (await reader.next()).history.publications] == RAW

        body = {"channel": "a", "b64data": base64.b64encode(b"\xfe\xff").decode()}
        said = await here.http.post("/api/publish", json=body, headers={"X-API-Key": KEY})
        assert said.json()["result"]["offset"] == len(RAW) + 1
        assert (await reader.next()).push.pub.data == b"\xfe\xff"
        asked = {"channel": "a", "limit": -1}
        said = await here.http.post("/api/history", json=asked, headers={"X-API-Key": KEY})
        kept = said.json()["result"]["publications"]
        assert [base64.b64decode(one["b64data"]) for one in kept[:4]] == RAW[:4]
        assert kept[4]["data"] == json.loads(RAW[4])


async def published(here: Doors, raw: bytes) -> None:
    body = {"channel": "a", "b64data": base64.b64encode(raw).decode()}
    said = await here.http.post("/api/publish", json=body, headers={"X-API-Key": KEY})
    assert "result" in said.json(), said.text


JSON_WAYS = ["centrifuge-json", "http_stream-json", "sse-emulated", "uni_websocket", "uni_sse"]


@pytest.mark.parametrize("way", JSON_WAYS)
async def test_a_json_client_of_the_centrifuge_doors_is_closed_with_3506(way: str) -> None:
    _, come = ways()[way]
    async with doors(OPEN, token=KEY) as here, come(here, Wish(channel="a")) as visit:
        await until(lambda: here.hub.channels().get("a"), "the subscriber")
        await published(here, b"\xff")
        await until(lambda: visit.ended is not None, "the end")
        assert visit.ended == 3506
        assert here.hub.counters.session_errors == 0
    async with doors(OPEN, token=KEY) as here:
        await published(here, b"\xff")
        async with come(here, Wish(channel="a", since="")) as late:
            await until(lambda: late.ended is not None or late.refusal is not None, "the end")
            assert 3506 in (late.ended, int(late.refusal or 0))


@pytest.mark.parametrize("batch", ["", "&batch=1"])
async def test_a_plain_client_is_told_a_gap_of_its_own_reason(batch: str) -> None:
    async with doors(OPEN, token=KEY) as here, here.client(f"?channel=a{batch}") as client:
        (frame,) = await client.history("a")
        position = Position(1, "")
        for number in range(2):
            found = await here.hub.publish("a", number)
            position = found or position
            await published(here, b"\xff")
        said = await client.take(4)
        assert [one.get("data") for one in said] == [0, None, 1, None]
        gaps = [one["gap"] for one in said if "gap" in one]
        assert gaps == [{"from": at, "to": at, "reason": "binary", "epoch": position.epoch} for at in (2, 4)]
        async with here.client(f"?channel=a{batch}") as late:
            (frame,) = await late.history("a")
            assert [item.get("data") for item in frame["history"]] == [0, None, 1, None]
            assert [item.get("gap") for item in frame["history"]] == [None, "binary", None, "binary"]


async def test_an_event_stream_is_told_so_too() -> None:
    async with doors(OPEN, token=KEY) as here, sse(here, "channel=a") as events:
        await until(lambda: here.hub.channels().get("a"), "the subscriber")
        await published(here, b"\xff")
        await here.hub.publish("a", 1)
        gap, event = await events.take(2)
        assert (gap.name, gap.data["gap"]["reason"]) == ("gap", "binary")
        assert gap.id.endswith(":1"), "it is resumed behind it"
        assert event.data["data"] == 1


async def test_in_process_it_is_bytes() -> None:
    async with doors(OPEN, token=KEY) as here, here.hub.subscribe("a") as feed:
        await published(here, b"\xff")
        assert (await anext(feed)).data == b"\xff"


async def test_a_channel_may_take_json_only() -> None:
    async with doors({"a": ChannelOptions(any_bytes=False, client_publish=True)}, token=KEY) as here:
        body = {"channel": "a", "b64data": base64.b64encode(b"\xff").decode()}
        said = await here.http.post("/api/publish", json=body, headers={"X-API-Key": KEY})
        assert said.json()["error"]["code"] == 107
        async with protobuf(here) as connection:
            peer = Peer(connection)
            await peer.say(id=1, connect=client_pb2.ConnectRequest())
            await peer.say(id=2, subscribe=client_pb2.SubscribeRequest(channel="a"))
            await peer.say(id=3, publish=client_pb2.PublishRequest(channel="a", data=b"\xff"))
            assert [(await peer.next()).error.code for _ in range(3)] == [0, 0, 107]
