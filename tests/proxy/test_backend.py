"""Errors, disconnects, statuses and deadlines of a back end, and which headers it sees."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gapless import ChannelOptions, ConfigError
from gapless.protocol.centrifuge.codecs import Codec
from gapless.proxy.backend import ANSWER_BYTES
from gapless.proxy.proxy import Endpoint, Proxies, StatusRule

from ..support.until import turns
from .back_end import Slow, back_end, proxied

pytestmark = pytest.mark.anyio

INTERNAL = {"error": {"code": 100, "message": "internal server error", "temporary": True}}


async def test_an_error_is_the_reply(codec: Codec) -> None:
    async with back_end() as back:
        async with proxied(codec, Proxies(rpc=back.at("/rpc"))) as here:
            peer = await here.client()
            for said, wanted in (
                ({"code": 1000, "message": "no"}, {"code": 1000, "message": "no"}),
                (
                    {"code": 400, "message": "later", "temporary": True},
                    {"code": 400, "message": "later", "temporary": True},
                ),
                ({"code": 401}, {"code": 401, "message": "refused"}),
                ({"code": 5000, "message": "beyond"}, INTERNAL["error"]),
                ({"code": "400"}, INTERNAL["error"]),
                ("no object", INTERNAL["error"]),
            ):
                back.answers["/rpc"] = {"error": said}
                assert await peer.ask("rpc", method="m") == {"error": wanted}


async def test_a_disconnect_closes(codec: Codec) -> None:
    async with back_end() as back:
        async with proxied(codec, Proxies(rpc=back.at("/rpc"))) as here:
            for said, wanted in (
                ({"code": 4501, "reason": "enough"}, (4501, "enough")),
                ({"code": 4501}, (4501, "closed by the server")),
                ({"code": 4000, "reason": "ä" * 200}, (4000, "ä" * 61)),
                ({"code": 1000, "reason": "not ours"}, (3004, "internal server error")),
                ({"code": True}, (3004, "internal server error")),
            ):
                back.answers["/rpc"] = {"disconnect": said}
                peer = await here.client()
                await peer.tell("rpc", method="m")
                assert peer.outlet.closing == wanted


async def test_connect_may_refuse_both_ways(codec: Codec) -> None:
    async with back_end() as back:
        async with proxied(codec, Proxies(connect=back.at("/connect"))) as here:
            back.answers["/connect"] = {"error": {"code": 1001, "message": "no"}}
            assert await here.peer().refused("connect") == 1001
            back.answers["/connect"] = {"disconnect": {"code": 4500, "reason": "never"}}
            peer = here.peer()
            await peer.tell("connect")
            assert peer.outlet.closing == (4500, "never")


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"result": {"user": "a"}}),
        (404, b"not here"),
        (302, b""),
        (204, b""),
        b"",
        b"nonsense",
        b"[]",
        b'{"result":[]}',
        {"result": {"user": 42}},
        {"result": {"user": "a", "expire_at": "tomorrow"}},
        {"result": {"user": "a", "expire_at": True}},
        {"result": {"user": "a", "channels": "news"}},
        {"result": {"user": "a", "channels": [1]}},
        {"result": {"user": "a", "meta": []}},
        {"result": {"user": "a", "subs": ["news"]}},
        {"result": {"user": "a", "subs": {"news": 1}}},
        {"result": {"user": "a", "subs": {"news": {"override": {"presence": 1}}}}},
        {"result": {"user": "a", "b64info": "!"}},
        {"result": {"user": "a", "b64data": "bm8ganNvbg=="}},
    ],
    ids=str,
)
async def test_what_cannot_be_understood_lets_nobody_in(
    codec: Codec, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with back_end() as back:
        back.answers["/connect"] = answer
        async with proxied(codec, Proxies(connect=back.at("/connect"))) as here:
            assert await here.peer().ask("connect") == INTERNAL
            assert "the back end at" in caplog.text
            caplog.clear()
            assert await here.peer().ask("connect") == INTERNAL
            assert not caplog.text, "one line for all that comes right behind"


@pytest.mark.parametrize("answer", [{}, {"ok": True}, {"result": None}])
async def test_other_calls_need_a_result(codec: Codec, answer: Any) -> None:
    async with back_end() as back:
        back.answers["/any"] = answer
        proxies = Proxies(
            subscribe=back.at("/any", patterns=["a"]), publish=back.at("/any"), rpc=back.at("/any")
        )
        async with proxied(codec, proxies) as here:
            peer = await here.client()
            await peer.get("subscribe", channel="b")
            assert await peer.ask("subscribe", channel="a") == INTERNAL
            assert await peer.ask("publish", channel="b", data=1) == INTERNAL
            assert await peer.ask("rpc", method="m") == INTERNAL
            await turns()
            assert peer.pushes == []


async def test_tags_that_are_no_texts_are_published_nowhere(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/publish"] = {"result": {"tags": {"k": 1}}}
        async with proxied(codec, Proxies(publish=back.at("/publish"))) as here:
            peer = await here.client()
            await peer.get("subscribe", channel="a")
            assert await peer.ask("publish", channel="a", data=1) == INTERNAL
            await turns()
            assert (peer.pushes, peer.closed) == ([], None)


async def test_payloads_with_newlines_become_one_line(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/publish"] = {"result": {"b64data": "ewoiYSI6CjEKfQ=="}}  # {\n"a":\n1\n}
        async with proxied(codec, Proxies(publish=back.at("/publish"))) as here:
            peer = await here.client()
            await peer.get("subscribe", channel="a")
            await peer.get("publish", channel="a", data=1)
            (publication,) = (await here.hub.history("a")).publications
            assert publication.payload == b'{"a":1}'


async def test_statuses_can_be_mapped(codec: Codec) -> None:
    rules = [
        StatusRule(404, to_error={"code": 404, "message": "not found"}),
        StatusRule(403, to_disconnect={"code": 4403, "reason": "forbidden"}),
    ]
    async with back_end() as back:
        endpoint = back.at("/rpc", status_to_code_transforms=rules)
        async with proxied(codec, Proxies(rpc=endpoint)) as here:
            peer = await here.client()
            back.answers["/rpc"] = (404, b"")
            assert await peer.ask("rpc", method="m") == {"error": {"code": 404, "message": "not found"}}
            back.answers["/rpc"] = (500, b"")
            assert await peer.ask("rpc", method="m") == INTERNAL
            back.answers["/rpc"] = (403, b"")
            await peer.tell("rpc", method="m")
            assert peer.outlet.closing == (4403, "forbidden")


async def test_an_answer_that_never_ends_is_given_up_at_the_deadline(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/rpc"] = Slow()
        async with proxied(codec, Proxies(rpc=back.at("/rpc", timeout=0.1))) as here:
            peer = await here.client()
            assert await peer.ask("rpc", method="m") == INTERNAL
            assert peer.closed is None


async def test_an_answer_without_end_is_not_read_to_its_end(
    codec: Codec, caplog: pytest.LogCaptureFixture
) -> None:
    async with back_end() as back:
        back.answers["/rpc"] = Slow(b" " * (ANSWER_BYTES // 4))
        async with proxied(codec, Proxies(rpc=back.at("/rpc"))) as here:
            assert await (await here.client()).ask("rpc", method="m") == INTERNAL
            assert f"answered more than {ANSWER_BYTES} bytes" in caplog.text


async def test_nobody_at_home_is_error_100(codec: Codec) -> None:
    async with back_end() as back:
        gone = back.at("/rpc")
    async with proxied(codec, Proxies(rpc=gone)) as here:
        assert await (await here.client()).ask("rpc", method="m") == INTERNAL


# -- headers


async def test_only_the_headers_on_the_list_are_passed_on(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/connect"] = back.answers["/rpc"] = {"result": {}}
        how = {
            "http_headers": ["Cookie", "X-Both", "x-missing"],
            "emulated_headers": ["X-Token", "X-Both"],
            "static_http_headers": {"X-Key": "static", "X-Own": "1"},
        }
        proxies = Proxies(connect=back.at("/connect", **how), rpc=back.at("/rpc", **how))
        async with proxied(codec, proxies) as here:
            peer = here.peer(
                headers={"cookie": "a=ü", "x-both": "real", "authorization": "secret", "x-key": "forged"}
            )
            emulated = {"x-token": "t", "X-BOTH": "emulated", "Cookie": "forged", "X-Other": "o"}
            await peer.get("connect", headers=emulated)
            await peer.get("rpc", method="m")
            for call in back.asked:
                assert call.headers["cookie"] == "a=ü"
                assert call.headers["x-both"] == "real"
                assert call.headers["x-token"] == "t"
                assert (call.headers["x-key"], call.headers["x-own"]) == ("static", "1")
                assert not {"authorization", "x-other", "x-missing"} & set(call.headers)


async def test_an_emulated_header_that_is_none_is_left_out(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/connect"] = {"result": {}}
        proxies = Proxies(connect=back.at("/connect", emulated_headers=["x-a", "x-b"]))
        async with proxied(codec, proxies) as here:
            await here.client(connect={"headers": {"x-a": "a\r\nx-evil: 1", "x-b": "Ω"}})
            assert back.last().headers.get("x-a") is None
            assert back.last().headers["x-b"] == "?"
            assert "x-evil" not in back.last().headers


# -- configuration


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"url": "localhost:3000"}, "http:// or https://"),
        ({"timeout": 0}, "above 0 seconds, not 0"),
        ({"http_headers": "cookie"}, "write ['cookie']"),
        ({"patterns": "a:*"}, "write ['a:*']"),
        ({"http_headers": ["Content-Length"]}, "'Content-Length' belongs to one request"),
        ({"emulated_headers": ["host"]}, "'host' belongs to one request"),
    ],
)
def test_what_cannot_be_is_refused_with_the_fix(how: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        Endpoint(**{"url": "http://localhost", **how})


def test_a_status_means_one_thing() -> None:
    with pytest.raises(ConfigError, match="either to_error or to_disconnect"):
        StatusRule(404)
    with pytest.raises(ConfigError, match="either to_error or to_disconnect"):
        StatusRule(404, to_error={}, to_disconnect={})


async def test_a_call_that_is_not_configured_is_left_to_the_hub(codec: Codec) -> None:
    async with back_end() as back:
        options = {"*": ChannelOptions(client_publish=True)}
        async with proxied(codec, Proxies(), options) as here:
            peer = await here.client()
            await peer.get("subscribe", channel="a")
            await peer.get("publish", channel="a", data=1)
            assert not back.asked
