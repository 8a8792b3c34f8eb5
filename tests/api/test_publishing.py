"""Publish and broadcast of the server API: what is kept, what is answered, what is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gapless import Hub, Limits
from gapless.api import call
from gapless.api.at_once import METHODS
from gapless.api.publishing import error_shape
from gapless.errors import BrokerError, Overloaded, UnknownChannel

from ..support.broker import FakeBroker
from .calling import CHANNELS, error, result

pytestmark = pytest.mark.anyio

ROW = {"message": "hello", "source": "web-1"}


async def test_publish_gives_the_position_where_history_is_kept() -> None:
    async with Hub(channels=CHANNELS) as hub:
        first = await result(hub, "publish", channel="logs", data={"n": 1})
        assert set(first) == {"offset", "epoch"}
        assert first["offset"] == 1
        assert await result(hub, "publish", channel="logs", data=None) == first | {"offset": 2}
        assert await result(hub, "publish", channel="now", data=1) == {}
        page = await hub.history("logs")
        assert [p.data for p in page.publications] == [{"n": 1}, None]


async def test_the_payload_is_kept_byte_for_byte() -> None:
    payload = b'{"a": 1.0e5, "b":"\\u00e9\\/", "c": [1 , 2], "d": 12345678901234567890}'
    body = b'{"data":' + payload.replace(b", ", b", \r\n") + b',"channel":"logs"}'
    async with Hub(channels=CHANNELS) as hub:
        assert await call(hub, "publish", body) is not None
        (publication,) = (await hub.history("logs")).publications
        assert publication.payload == payload.replace(b", ", b", ")
        shown = await call(hub, "history", b'{"channel":"logs","limit":1}')
        assert shown is not None
        assert b'"data":' + payload in shown


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("publish", {"channel": "logs", "data": ROW}),
        ("publish", {"channel": "logs", "data": ROW, "tags": {"a": "b"}}),
        ("broadcast", {"channels": ["logs"], "data": ROW}),
        ("batch", {"commands": [{"publish": {"channel": "logs", "data": ROW}}]}),
    ],
)
async def test_what_names_its_source_is_noted(method: str, said: dict[str, Any], at_once: bool) -> None:
    async with Hub(channels=CHANNELS) as hub:
        for row in (ROW, {"message": "of nobody"}, {"source": 7}, "source"):
            body = json.dumps(said).replace(json.dumps(ROW), json.dumps(row)).encode()
            found = METHODS[method](hub, body) if at_once else await call(hub, method, body)
            assert isinstance(found, bytes)
            assert b"error" not in found
        (source,) = hub.node.sources.heard
        assert (source.name, source.channel, source.via, source.rows) == ("web-1", "logs", "http", 1)
        assert (await hub.history("logs")).top.offset == 4


async def test_data_may_come_as_base64_which_wins() -> None:
    async with Hub(channels=CHANNELS) as hub:
        encoded = base64.b64encode(b'{"x": 1}').decode()
        await result(hub, "publish", channel="logs", b64data=encoded, data="other")
        (publication,) = (await hub.history("logs")).publications
        assert publication.payload == b'{"x": 1}'
        assert await error(hub, "publish", channel="logs", b64data="***") == (107, "b64data is not base64")
        await result(hub, "publish", channel="logs", b64data=base64.b64encode(b"\xff").decode())
        assert (await hub.history("logs")).publications[-1].data == b"\xff"


async def test_tags_go_along() -> None:
    async with Hub(channels=CHANNELS) as hub:
        await result(hub, "publish", channel="logs", data=1, tags={"level": "error"})
        (publication,) = (await hub.history("logs")).publications
        assert publication.tags == {"level": "error"}
        page = await result(hub, "history", channel="logs", limit=-1)
        assert page["publications"] == [{"data": 1, "offset": 1, "tags": {"level": "error"}}]


async def test_skip_history_keeps_nothing_and_takes_no_offset() -> None:
    async with Hub(channels=CHANNELS) as hub:
        await result(hub, "publish", channel="logs", data=1)
        assert await result(hub, "publish", channel="logs", data=2, skip_history=True) == {}
        assert len((await hub.history("logs")).publications) == 1


async def test_an_idempotency_key_publishes_once_per_channel() -> None:
    async with Hub(channels=CHANNELS) as hub:
        first = await result(hub, "publish", channel="logs", data=1, idempotency_key="k")
        assert await result(hub, "publish", channel="logs", data=1, idempotency_key="k") == first
        other = await result(hub, "publish", channel="room", data=1, idempotency_key="k")
        assert other["offset"] == 1
        assert len((await hub.history("logs")).publications) == 1
        assert await result(hub, "publish", channel="logs", data=1, idempotency_key="") != first


async def test_an_old_version_publishes_nothing() -> None:
    async with Hub(channels=CHANNELS) as hub:
        first = await result(hub, "publish", channel="logs", data=1, version=5)
        assert await result(hub, "publish", channel="logs", data=2, version=5) == first
        assert (await result(hub, "publish", channel="logs", data=3, version=6))["offset"] == 2


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        ({"data": 1}, 107, "channel is missing"),
        ({"channel": "", "data": 1}, 107, "channel is missing"),
        ({"channel": "logs"}, 107, "data is missing"),
        ({"channel": "nope", "data": 1}, 102, "unknown channel"),
        ({"channel": "nope"}, 107, "data is missing"),
        ({"channel": "x" * 256, "data": 1}, 107, "bytes of a channel's name: 256 is above the limit of 255"),
        ({"channel": "a\u0000b", "data": 1}, 107, "a channel's name holds control characters"),
        ({"channel": "logs", "data": "x" * 600_000}, 107, "bytes of a publication: 600002 is above the"),
        (
            {"channel": "logs", "data": 1, "idempotency_key": "k" * 65},
            107,
            "an idempotency key has 1 to 64 bytes",
        ),
        (
            {"channel": "logs", "data": 1, "tags": {str(n): "" for n in range(17)}},
            107,
            "tags of a publication",
        ),
        ({"channel": "logs", "data": 1, "tags": {"a": "x" * 257}}, 107, "bytes of a tag: 257 is above"),
    ],
)
async def test_what_publish_refuses(said: dict[str, Any], code: int, message: str) -> None:
    async with Hub(channels=CHANNELS) as hub:
        found = await error(hub, "publish", **said)
        assert found[0] == code
        assert found[1].startswith(message), found
        assert hub.channels(all=True) == {}, "it created nothing"


async def test_a_broadcast_answers_for_each_channel_in_order() -> None:
    async with Hub(channels=CHANNELS) as hub:
        said = await result(hub, "broadcast", channels=["logs", "nope", "", "now", "logs"], data=1)
        first, unknown, empty, now, again = said["responses"]
        assert first["result"]["offset"] == 1
        assert unknown == {"error": {"code": 102, "message": "unknown channel"}}
        assert empty == {"error": {"code": 107, "message": "channel is missing"}}
        assert now == {"result": {}}
        assert again["result"]["offset"] == 2


async def test_what_broadcast_refuses_as_a_whole() -> None:
    async with Hub(channels=CHANNELS, limits=Limits(broadcast_channels=2)) as hub:
        assert await error(hub, "broadcast", channels=[], data=1) == (107, "channels is missing or empty")
        assert await error(hub, "broadcast", data=1) == (107, "channels is missing or empty")
        assert await error(hub, "broadcast", channels=["logs"]) == (107, "data is missing")
        assert await error(hub, "broadcast", channels=["logs"] * 3, data=1) == (
            107,
            "channels of a broadcast: 3 is above the limit of 2",
        )


async def test_a_broker_that_fails_is_error_100_and_tells_nothing_of_itself() -> None:
    broker = FakeBroker()
    broker.refuses["logs"] = BrokerError("the disk is full: /secret/path")
    async with Hub(broker, channels=CHANNELS) as hub:
        assert await error(hub, "publish", channel="logs", data=1) == (100, "internal server error")
        said = await result(hub, "broadcast", channels=["logs", "room"], data=1)
        assert said["responses"][0] == {"error": {"code": 100, "message": "internal server error"}}
        assert said["responses"][1]["result"]["offset"] == 1


async def test_more_than_may_be_in_flight_is_error_100_for_that_publication_only() -> None:
    async with Hub(channels=CHANNELS, limits=Limits(in_flight_bytes=10)) as hub:
        assert (await error(hub, "publish", channel="logs", data="x" * 20))[0] == 100
        said = await result(hub, "broadcast", channels=["logs"], data="x" * 20)
        assert said["responses"][0]["error"]["code"] == 100
        assert await result(hub, "publish", channel="now", data=1) == {}


def test_a_refusal_is_told_and_anything_inside_is_not() -> None:
    assert error_shape(UnknownChannel()) == {"code": 102, "message": "unknown channel"}
    for inside in (BrokerError("the disk at /secret is full"), Overloaded(2, 1), RuntimeError("a bug")):
        assert error_shape(inside) == {"code": 100, "message": "internal server error"}
