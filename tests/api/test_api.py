"""The server API as a function: each method's answer, each refusal, and any bytes at all."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapless import ChannelOptions, ClientError, Hub, Limits, Position
from gapless.api import BadBody, call
from gapless.api.glob import glob
from gapless.errors import BadRequest, BrokerError
from gapless.model import Draft, Member

from ..support.broker import FakeBroker

pytestmark = pytest.mark.anyio

CHANNELS = {
    "logs": ChannelOptions(history=100),
    "now": ChannelOptions(),
    "room": ChannelOptions(history=10, presence=True),
}


async def answer(hub: Hub, method: str, /, **said: Any) -> Any:
    """The decoded answer of a method that exists."""
    body = await call(hub, method, json.dumps(said).encode())
    assert body is not None
    return json.loads(body)


async def result(hub: Hub, method: str, /, **said: Any) -> Any:
    said = await answer(hub, method, **said)
    assert set(said) == {"result"}, said
    return said["result"]


async def error(hub: Hub, method: str, /, **said: Any) -> tuple[int, str]:
    said = await answer(hub, method, **said)
    assert set(said) == {"error"}, said
    assert set(said["error"]) == {"code", "message"}
    return said["error"]["code"], said["error"]["message"]


# -- publish and broadcast


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


# -- history


async def test_history_without_a_limit_is_the_position_only() -> None:
    async with Hub(channels=CHANNELS) as hub:
        empty = await result(hub, "history", channel="logs")
        assert (empty["publications"], empty["offset"]) == ([], 0)
        position = await result(hub, "publish", channel="logs", data=1)
        assert await result(hub, "history", channel="logs") == {"publications": []} | position


@pytest.mark.parametrize(
    ("said", "offsets"),
    [
        ({"limit": -1}, [1, 2, 3, 4, 5]),
        ({"limit": 2}, [1, 2]),
        ({"limit": 2, "reverse": True}, [5, 4]),
        ({"limit": -1, "since": {"offset": 3}}, [4, 5]),
        ({"limit": 1, "since": {"offset": 3}}, [4]),
        ({"limit": -1, "since": {"offset": 3}, "reverse": True}, [2, 1]),
        ({"limit": -1, "since": {"offset": 5}}, []),
        ({"limit": -1, "since": {"offset": 99}}, []),
        ({"limit": -1, "since": {}}, [1, 2, 3, 4, 5]),
        ({"limit": None, "since": None, "reverse": None}, []),
    ],
)
async def test_history_is_paged_from_either_end(said: dict[str, Any], offsets: list[int]) -> None:
    async with Hub(channels=CHANNELS) as hub:
        for n in range(1, 6):
            position = await result(hub, "publish", channel="logs", data=n)
        page = await result(hub, "history", channel="logs", **said)
        assert page["publications"] == [{"data": n, "offset": n} for n in offsets]
        assert {"offset": page["offset"], "epoch": page["epoch"]} == position


async def test_an_answer_has_a_bound_in_bytes_and_the_rest_is_another_page() -> None:
    async with Hub(channels=CHANNELS, limits=Limits(answer_bytes=1000)) as hub:
        for _ in range(25):
            await result(hub, "publish", channel="logs", data="x" * 98)
        pages: list[list[int]] = []
        while not pages or pages[-1]:
            since = {"offset": pages[-1][-1]} if pages else None
            page = await result(hub, "history", channel="logs", limit=-1, since=since)
            pages.append([publication["offset"] for publication in page["publications"]])
        assert [len(page) for page in pages] == [10, 10, 5, 0]
        assert [offset for page in pages for offset in page] == list(range(1, 26))


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


@pytest.mark.parametrize("parallel", [False, True])
async def test_the_histories_of_a_batch_share_that_bound(parallel: bool) -> None:
    async with Hub(channels=CHANNELS, limits=Limits(answer_bytes=1000)) as hub:
        for _ in range(25):
            await result(hub, "publish", channel="logs", data="x" * 98)
        commands = [{"history": {"channel": "logs", "limit": -1}}] * 5
        said = await answer(hub, "batch", commands=commands, parallel=parallel)
        assert [len(reply["history"]["publications"]) for reply in said["replies"]] == [2] * 5


async def test_what_history_refuses() -> None:
    async with Hub(channels=CHANNELS) as hub:
        assert await error(hub, "history", channel="now") == (108, "no history is kept in this channel")
        assert (await error(hub, "history", channel="nope"))[0] == 102
        other = {"offset": 1, "epoch": "other"}
        assert await error(hub, "history", channel="logs", since=other) == (112, "unrecoverable position")
        assert (await error(hub, "history", channel="logs", since={}, reverse=True))[0] == 107


async def test_who_published_is_shown() -> None:
    async with Hub(channels=CHANNELS) as hub:
        who = Member("c", "u", b'{"name":"N"}', b"[1]")
        await hub.node.intake.publish("logs", Draft(b"1", info=who))
        page = await result(hub, "history", channel="logs", limit=-1)
        shown = {"user": "u", "client": "c", "conn_info": {"name": "N"}, "chan_info": [1]}
        assert page["publications"] == [{"data": 1, "offset": 1, "info": shown}]


async def test_removing_history_keeps_the_position() -> None:
    async with Hub(channels=CHANNELS) as hub:
        position = await result(hub, "publish", channel="logs", data=1)
        assert await result(hub, "history_remove", channel="logs") == {}
        assert await result(hub, "history", channel="logs", limit=-1) == {"publications": []} | position
        assert (await error(hub, "history_remove", channel="now"))[0] == 108


# -- who is there


async def test_presence_is_by_client_and_counts_users() -> None:
    async with Hub(channels=CHANNELS) as hub:
        assert await result(hub, "presence", channel="room") == {"presence": {}}
        for member in (Member("c1", "u", b"1"), Member("c2", "u"), Member("c3")):
            await hub.node.presence.join("room", member, announce=False)
        assert await result(hub, "presence", channel="room") == {
            "presence": {
                "c1": {"user": "u", "client": "c1", "conn_info": 1},
                "c2": {"user": "u", "client": "c2"},
                "c3": {"user": "", "client": "c3"},
            }
        }
        assert await result(hub, "presence_stats", channel="room") == {"num_clients": 3, "num_users": 2}
        for method in ("presence", "presence_stats"):
            assert await error(hub, method, channel="logs") == (108, "presence is off in this channel")
            assert (await error(hub, method, channel="nope"))[0] == 102


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
    ("pattern", "matching", "others"),
    [
        ("", ["", "anything"], []),
        ("*", ["", "a:b", "a/b\n"], []),
        ("logs:?", ["logs:a"], ["logs:", "logs:ab", "logsxa"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "x", "Ax"]),
        ("[!a]x", ["bx"], ["ax"]),
        ("{a,b}{c,d}", ["ac", "bd"], ["ab", "a", "{a,b}{c,d}"]),
        ("x{a,{b,c}}", ["xa", "xb", "xc"], ["x", "xd"]),
        ("a.c", ["a.c"], ["abc"]),
        ("a{}c", ["ac"], ["a{}c"]),
        ("[", ["["], ["a"]),
    ],
)
async def test_patterns_are_those_of_a_shell(pattern: str, matching: list[str], others: list[str]) -> None:
    matches = glob(pattern)
    assert all(map(matches, matching))
    assert not any(map(matches, others))


@settings(deadline=None)
@given(st.text(alphabet="ab[]{}!-*?,\\&~|^", max_size=40), st.text(alphabet="ab[]{}*", max_size=20))
def test_any_pattern_matches_or_is_refused(pattern: str, name: str) -> None:
    try:
        glob(pattern)(name)
    except BadRequest:
        assert "{" in pattern


@pytest.mark.parametrize("pattern", ["{a,b}" * 30, "{,}" * 300, "{" + "a," * 100 + "}"])
def test_a_pattern_of_too_many_alternatives_is_refused(pattern: str) -> None:
    with pytest.raises(BadRequest, match="more than 64 alternatives"):
        glob(pattern)


def test_a_pattern_of_many_stars_does_not_try_every_way_to_match() -> None:
    assert not glob("*a" * 1000)("a" * 255 + "b")


async def test_info_describes_the_node() -> None:
    async with Hub(channels=CHANNELS, name="n1") as hub, hub.subscribe("logs"):
        (node,) = (await result(hub, "info"))["nodes"]
        assert {name: type(value) for name, value in node.items()} == {
            "uid": str,
            "name": str,
            "version": str,
            "num_clients": int,
            "num_users": int,
            "num_channels": int,
            "num_subs": int,
            "uptime": int,
            "metrics": dict,
            "process": dict,
        }
        assert (node["name"], node["num_channels"], node["num_subs"]) == ("n1", 1, 1)


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
