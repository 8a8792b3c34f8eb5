"""The server API as a function: each method's answer, each refusal, and any bytes at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gapless import ChannelOptions, ClientError, Hub, Limits, Position
from gapless.api import BadBody, call

from ..support.broker import FakeBroker
from .calling import CHANNELS, answer, error, result

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("said", "more"),
    [
        ({"limit": -1}, True),
        ({"limit": 11}, True),
        ({"limit": 10}, False),
        ({"limit": 0}, False),
        ({"limit": -1, "since": {"offset": 15}}, False),
        ({"limit": -1, "since": {"offset": 14}}, True),
        ({"limit": -1, "reverse": True}, True),
        ({"limit": -1, "reverse": True, "since": {"offset": 11}}, False),
        ({"limit": -1, "reverse": True, "since": {"offset": 12}}, True),
    ],
)
async def test_a_page_that_ends_before_what_was_asked_for_says_so(said: dict[str, Any], more: bool) -> None:
    async with Hub(channels=CHANNELS, limits=Limits(answer_bytes=1000)) as hub:
        for _ in range(25):
            await result(hub, "publish", channel="logs", data="x" * 98)
        assert (await result(hub, "history", channel="logs", **said)).get("more", False) is more


async def test_a_time_is_found_in_what_is_kept() -> None:
    broker = FakeBroker()
    async with Hub(broker, channels={"logs": ChannelOptions(history=50), "now": ChannelOptions()}) as hub:
        for number in range(80):
            await result(hub, "publish", channel="logs", data=number)
        times = [p.time for p in (await hub.history("logs")).publications]
        assert len(set(times)) > 10, "or there is nothing to find"

        async def found(time: float) -> list[float]:
            since = await result(hub, "seek", channel="logs", time=time)
            return [p.time for p in (await hub.history("logs", since=Position(**since))).publications]

        for time in (times[0] - 1, times[0], times[7], (times[20] + times[25]) / 2, times[-1], times[-1] + 1):
            assert await found(time) == [kept for kept in times if kept >= time]
        assert (await error(hub, "seek", channel="now", time=1))[0] == 108
        assert (await error(hub, "seek", channel="logs")) == (107, "time is missing: Unix seconds")


TWICE = '{"a":1,"a":2,"in":[{"b":1,"b":1}]}'


@pytest.mark.parametrize(
    "body",
    [
        '{"channel":"logs","data":%s}',
        '{"channel":"logs","data":%s,"tags":{"x":"y"}}',
    ],
)
async def test_a_key_may_stand_twice_in_a_payload(body: str) -> None:
    async with Hub(channels=CHANNELS) as hub:
        assert b"error" not in (await call(hub, "publish", (body % TWICE).encode()) or b"")
        batch = '{"commands":[{"publish":%s}]}' % (body % TWICE)
        assert b"error" not in (await call(hub, "batch", batch.encode()) or b"")
        kept = (await hub.history("logs")).publications
        assert [publication.payload.decode() for publication in kept] == [TWICE, TWICE]


@pytest.mark.parametrize(
    "body",
    [
        '{"channel":"logs","channel":"now","data":1}',
        '{"channel":"logs","data":1,"tags":{"a":"1","a":"2"}}',
        '{"channel":"logs","data":1,"data":2}',
    ],
)
async def test_and_nowhere_else(body: str) -> None:
    async with Hub(channels=CHANNELS) as hub:
        with pytest.raises(BadBody, match="stands twice"):
            await call(hub, "publish", body.encode())
        assert not (await hub.history("logs")).publications


async def test_a_command_of_a_batch_that_names_a_member_twice_is_refused_alone() -> None:
    async with Hub(channels=CHANNELS) as hub:
        twice = '{"publish":{"channel":"logs","channel":"now","data":1}}'
        good = '{"publish":{"channel":"logs","data":1}}'
        said = await call(hub, "batch", f'{{"commands":[{twice},{good}]}}'.encode())
        refused, done = json.loads(said or b"")["replies"]
        assert (refused["error"]["code"], "publish" in done) == (107, True)


async def test_channels_are_those_with_subscribers_or_all() -> None:
    async with Hub(channels={"*": ChannelOptions(history=1)}) as hub:
        for name in ("logs:a", "logs:b", "events:a"):
            await hub.publish(name, 1)
        assert await result(hub, "channels") == {"channels": {}}
        async with hub.subscribe("logs:a"), hub.subscribe("logs:a"):
            assert await result(hub, "channels") == {"channels": {"logs:a": {"num_clients": 2}}}
            found = await result(hub, "channels", all=True, pattern="logs:*")
            assert found == {"channels": {"logs:a": {"num_clients": 2}, "logs:b": {"num_clients": 0}}}
            found = await result(hub, "channels", all=True, pattern="{logs,events}:a")
            assert set(found["channels"]) == {"logs:a", "events:a"}
        assert (await error(hub, "channels", pattern="{a"))[0] == 107


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "user, client or session is missing"),
        ({"user": ""}, "user, client or session is missing"),
        ({"user": "u", "disconnect": {"code": 1000}}, "disconnect.code is 3000 to 4999"),
        ({"user": "u", "disconnect": {"code": "3000"}}, "disconnect.code is 3000 to 4999"),
        (
            {"user": "u", "disconnect": {"code": 4000, "reason": "x" * 124}},
            "disconnect.reason is a string of at most 123 bytes",
        ),
        ({"user": "u", "disconnect": {"reason": 1}}, "disconnect.reason is a string of at most 123 bytes"),
    ],
)
async def test_what_disconnect_refuses(said: dict[str, Any], message: str) -> None:
    async with Hub(channels=CHANNELS) as hub:
        assert await error(hub, "disconnect", **said) == (107, message)
        assert await result(hub, "disconnect", user="nobody") == {}


# -- several at once, and the application's own


async def test_a_batch_answers_each_command_with_its_bare_result() -> None:
    async with Hub(channels=CHANNELS, limits=Limits(batch_commands=10)) as hub:
        commands: list[Any] = [
            {"publish": {"channel": "logs", "data": 1}},
            {"history": {"channel": "logs"}},
            {"publish": {"channel": "nope", "data": 1}},
            {"publish": {"channel": 1}},
            {"dance": {}},
            None,
            {"history_remove": {"channel": "logs"}},
        ]
        for parallel in (False, True):
            said = await answer(hub, "batch", commands=commands, parallel=parallel)
            replies = said["replies"]
            assert replies[0]["publish"].keys() == {"offset", "epoch"}
            assert replies[1]["history"].keys() == {"publications", "offset", "epoch"}
            assert [reply["error"]["code"] for reply in replies[2:6]] == [102, 107, 104, 107]
            assert replies[6] == {"history_remove": {}}
        assert (await error(hub, "batch", commands=[None] * 11))[0] == 107
        assert await answer(hub, "batch") == {"replies": []}


async def test_the_application_answers_its_own_methods() -> None:
    hub = Hub(channels=CHANNELS)

    @hub.on_api_rpc("sum")
    def total(event: Any) -> int:
        return sum(event)

    @hub.on_api_rpc("refuse")
    def refuse(event: Any) -> None:
        raise ClientError("not now", code=444)

    @hub.on_api_rpc("strange")
    def strange(event: Any) -> object:
        return object()

    async with hub:
        assert await result(hub, "rpc", method="sum", params=[1, 2]) == {"data": 3}
        assert await error(hub, "rpc", method="refuse") == (444, "not now")
        assert (await error(hub, "rpc", method="strange"))[0] == 100
        assert (await error(hub, "rpc", method="unheard of"))[0] == 104
        assert (await error(hub, "rpc"))[0] == 107


# -- any bytes


@pytest.mark.parametrize(
    ("method", "body", "message"),
    [
        ("publish", b"[]", "the body is a JSON object: not an object"),
        ("publish", b"{", "the body is a JSON object: not valid JSON"),
        ("publish", b'{"a":1,"a":2}', "the body is a JSON object: "),
        ("publish", b'\xef\xbb\xbf{"a":1}', "the body is a JSON object: "),
        ("publish", b'{"channel":1,"data":1}', "channel is a string"),
        ("publish", b'{"channel":"logs","data":1,"tags":[]}', "tags is an object"),
        ("publish", b'{"channel":"logs","data":1,"tags":{"a":1}}', "tags is an object of strings"),
        ("publish", b'{"channel":"logs","data":1,"skip_history":1}', "skip_history is true or false"),
        ("publish", b'{"channel":"logs","data":1,"version":-1}', "version is 0 to 2^64 - 1"),
        ("broadcast", b'{"channels":"logs","data":1}', "channels is a list"),
        ("broadcast", b'{"channels":[1],"data":1}', "channels is a list of strings"),
        ("history", b'{"channel":"logs","limit":true}', "limit is a whole number"),
        ("history", b'{"channel":"logs","limit":1.0}', "limit is a whole number"),
        ("history", b'{"channel":"logs","since":5}', "since is an object"),
        ("history", b'{"channel":"logs","since":{"offset":"5"}}', 'since is {"offset": whole number'),
        ("history", b'{"channel":"logs","since":{"offset":-5}}', "since.offset is 0 to 2^63 - 1"),
        ("disconnect", b'{"user":"u","whitelist":[1]}', "whitelist is a list of client ids"),
        ("disconnect", b'{"user":"u","disconnect":1}', "disconnect is an object"),
    ],
)
async def test_a_field_of_the_wrong_type_is_a_bad_body(method: str, body: bytes, message: str) -> None:
    async with Hub(channels=CHANNELS) as hub:
        with pytest.raises(BadBody) as caught:
            await call(hub, method, body)
        assert str(caught.value).startswith(message)


async def test_there_is_no_other_method() -> None:
    async with Hub(channels=CHANNELS) as hub:
        for method in ("", "Publish", "publish/", "__class__", "batch "):
            assert await call(hub, method, b"{}") is None
        assert await call(hub, "info", b"") is not None, "a body may be empty"
