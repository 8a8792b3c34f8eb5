"""`/connection/http_stream`, `/connection/sse` and `/emulation` (Centrifuge client protocol, version 2)."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from gapless import ChannelOptions, Hub, Limits
from gapless.auth.keys import StaticKeys
from gapless.auth.verifier import TokenRules, TokenVerifier
from gapless.hooks.events import RpcEvent
from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF
from gapless.sessions.centrifuge.session import CentrifugeSession

from ..support.centrifuge.stage import SECRET, token_for
from ..support.centrifuge.streams import TYPES, Stream, stream
from ..support.centrifuge.wire import encode
from ..support.serving import doors
from ..support.until import turns, until

pytestmark = pytest.mark.anyio

OPEN = {"*": ChannelOptions(history=100, presence=True, join_leave=True, client_publish=True)}

STREAMS = ["http_stream", "sse"]


@pytest.fixture(params=["json lines", "protobuf", "events by GET", "events by POST"])
def door(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How a stream is opened: each form that there is."""
    assert PROTOBUF is not None
    forms: dict[str, dict[str, Any]] = {
        "json lines": {"transport": "http_stream", "codec": JSON},
        "protobuf": {"transport": "http_stream", "codec": PROTOBUF},
        "events by GET": {"transport": "sse", "codec": JSON, "get": True},
        "events by POST": {"transport": "sse", "codec": JSON},
    }
    return forms[request.param]


async def connected(opened: Stream) -> Stream:
    await opened.connected()
    return opened


async def test_the_stream_begins_with_the_connect_reply_and_is_not_buffered(door: dict[str, Any]) -> None:
    async with doors(OPEN) as here, stream(here, **door) as opened:
        headers = opened.response.headers
        assert opened.response.status_code == 200
        assert headers["cache-control"] == "private, no-cache, no-store, must-revalidate, max-age=0"
        assert (headers["x-accel-buffering"], headers["pragma"]) == ("no", "no-cache")
        wanted = (
            "text/event-stream; charset=utf-8" if door["transport"] == "sse" else TYPES[door["codec"].name]
        )
        assert headers["content-type"] == wanted
        result = await opened.connected()
        assert (result["node"], result["ping"], result["pong"]) == (here.hub.uid, 25, True)
        assert len(result["session"]) >= 32
        assert result["session"] != result["client"]


async def test_an_event_stream_begins_with_an_empty_line() -> None:
    async with doors(OPEN) as here:
        async with here.http.stream(
            "GET", "/connection/sse", params={"cf_connect": '{"id":1,"connect":{}}'}
        ) as got:
            said = b""
            async for chunk in got.aiter_raw():
                said += chunk
                if said.endswith(b"\n\n"):
                    break
        assert said.startswith(b'\r\ndata: {"id":1,"connect":{')


async def test_commands_go_up_by_posts_and_answers_come_down_in_order(door: dict[str, Any]) -> None:
    async with doors(OPEN) as here, stream(here, **door) as opened:
        await opened.connected()
        await opened.say(
            {"id": 2, "subscribe": {"channel": "a"}}, {"id": 3, "publish": {"channel": "a", "data": 1}}
        )
        await opened.say({"id": 4, "presence_stats": {"channel": "a"}})
        said = await opened.take(4)
        assert [message["id"] for message in said if "id" in message] == [2, 3, 4]
        (push,) = [message["push"] for message in said if "push" in message]
        assert push["pub"]["data"] == 1
        await here.hub.publish("a", {"b": "ü"})
        assert (await opened.next())["push"]["pub"]["data"] == {"b": "ü"}
        await opened.say({"id": 5, "unsubscribe": {"channel": "a"}})
        assert list(await opened.next()) == ["id", "unsubscribe"]


async def test_what_comes_with_the_request_is_done_before_what_is_posted(door: dict[str, Any]) -> None:
    think = asyncio.Event()
    hub = Hub(channels=OPEN)

    @hub.on_rpc
    async def rpc(event: RpcEvent) -> Any:
        await think.wait()
        return event.data

    first = [
        {"id": 1, "connect": {}},
        {"id": 2, "rpc": {"data": 2}},
        {"id": 3, "subscribe": {"channel": "a"}},
    ]
    async with doors(hub=hub) as here, stream(here, first=first, **door) as opened:
        await opened.connected()
        await opened.say({"id": 4, "unsubscribe": {"channel": "a"}})
        for number in range(5, 25):
            await opened.say({"id": number, "rpc": {"data": number}})
        think.set()
        assert [message["id"] for message in await opened.take(23)] == list(range(2, 25))
        (session,) = hub.node.roster
        assert not session.subscriptions  # type: ignore[attr-defined]


async def test_a_large_answer_comes_whole(door: dict[str, Any]) -> None:
    async with doors(OPEN) as here, stream(here, **door) as opened:
        await opened.connected()
        for number in range(40):
            await here.hub.publish("a", [number, "x" * 9000])
        await opened.say({"id": 2, "subscribe": {"channel": "a", "recover": True}})
        reply = (await opened.next())["subscribe"]
        assert [each["data"][0] for each in reply["publications"]] == list(range(40))
        await here.hub.publish("a", [40, "live"])
        assert (await opened.next())["push"]["pub"]["data"] == [40, "live"]


# -- refused posts


async def test_a_post_that_is_not_right_is_refused_and_disturbs_nobody() -> None:
    async with doors(OPEN) as here, stream(here, "http_stream") as opened:
        await opened.connected()
        ping: dict[str, Any] = {"id": 2, "ping": {}}
        assert (await opened.post(ping, node="elsewhere")).status_code == 404
        assert (await opened.post(ping, node="")).status_code == 404
        assert (await opened.post(ping, session="unknown")).status_code == 404
        assert (await opened.post(ping, session="")).status_code == 404
        for body in (b"", b"nonsense", b"[]", b'{"session":7}'):
            answer = await here.http.post("/emulation", content=body, headers={"content-type": TYPES["json"]})
            assert answer.status_code == 400, body
        answer = await here.http.post("/emulation", content=b"{}", headers={"content-type": "text/plain"})
        assert answer.status_code == 415
        assert (await here.http.get("/emulation")).status_code == 405
        await opened.say({"id": 3, "unsubscribe": {"channel": "a"}})
        assert (await opened.next())["id"] == 3


async def test_a_post_that_is_too_large_is_413() -> None:
    async with doors(OPEN, limits=Limits(message_bytes=1000)) as here, stream(here, "http_stream") as opened:
        await opened.connected()
        publish = {"id": 2, "publish": {"channel": "a", "data": "x" * 1000}}
        assert (await opened.post(publish)).status_code == 413
        assert (await opened.post(data="x" * 3000)).status_code == 413
        headers = {"content-type": TYPES["json"]}
        answer = await here.http.post("/connection/http_stream", content=b"x" * 70_000, headers=headers)
        assert answer.status_code == 413


async def test_a_session_that_has_ended_is_unknown() -> None:
    async with doors(OPEN) as here:
        async with stream(here, "http_stream") as opened:
            await opened.connected()
        await here.settled()
        assert (await opened.post({"id": 2, "ping": {}})).status_code == 404


async def test_posts_that_nobody_handles_in_time_close_with_3013() -> None:
    think = asyncio.Event()
    hub = Hub(channels=OPEN, limits=Limits(commands_per_frame=4))

    @hub.on_rpc
    async def rpc(event: RpcEvent) -> None:
        await think.wait()

    async with doors(hub=hub) as here, stream(here, "http_stream") as opened:
        await opened.connected()
        for number in range(2, 8):
            await opened.say({"id": number, "rpc": {}})
        said = await opened.to_the_end()
        assert said[-1]["push"]["disconnect"]["code"] == 3013
        think.set()


@pytest.mark.parametrize("transport", STREAMS)
async def test_a_stream_that_cannot_begin_has_a_status(transport: str) -> None:
    async with doors(OPEN) as here:
        url = f"/connection/{transport}"
        post = here.http.post
        assert (await post(url, content=b"{}", headers={"content-type": "text/html"})).status_code == 415
        assert (
            await post(url, content=b"nonsense", headers={"content-type": TYPES["json"]})
        ).status_code == 400
        assert (await here.http.put(url)).status_code == 405
        assert (await here.http.get(url)).status_code == (400 if transport == "sse" else 405)
        assert not here.hub.node.roster


# -- the end


async def test_who_aborts_the_stream_is_gone_at_once(door: dict[str, Any]) -> None:
    async with doors(OPEN) as here:
        async with stream(here, "http_stream") as watcher:
            await watcher.connected()
            await watcher.say({"id": 2, "subscribe": {"channel": "a", "join_leave": True}})
            await watcher.take(2)
            async with stream(here, **door) as opened:
                await opened.connected()
                await opened.say({"id": 2, "subscribe": {"channel": "a"}})
                await opened.next()
                assert len(await here.hub.presence("a")) == 2
                assert "join" in (await watcher.next())["push"]
            assert "leave" in (await watcher.next())["push"]
            assert len(await here.hub.presence("a")) == 1
        await here.settled()
        assert await here.hub.presence("a") == {}


async def test_who_aborts_the_stream_while_a_command_waits_is_gone_at_once() -> None:
    think = asyncio.Event()
    hub = Hub(channels=OPEN)

    @hub.on_rpc
    async def rpc(event: RpcEvent) -> None:
        await think.wait()

    first = [{"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": "a"}}, {"id": 3, "rpc": {}}]
    async with doors(hub=hub) as here:
        async with stream(here, "http_stream", first) as opened:
            await opened.take(2)
            assert len(await hub.presence("a")) == 1
        await until(lambda: not hub.node.roster)
        await until(lambda: not hub.node.members)
        assert not hub.node.rings.subscribers()
        think.set()
        await here.settled()


async def test_a_disconnect_is_a_push_and_then_the_stream_ends(door: dict[str, Any]) -> None:
    async with doors(OPEN) as here, stream(here, **door) as opened:
        result = await opened.connected()
        await opened.say({"id": 2, "subscribe": {"channel": "a"}})
        await opened.next()
        await here.hub.publish("a", "before")
        assert here.hub.disconnect(client=result["client"], code=4000, reason="go away") == 1
        await here.hub.publish("a", "after")
        said = await opened.to_the_end()
        assert [message["push"] for message in said if "join" not in message["push"]] == [
            {"channel": "a", "pub": {"data": "before", "offset": 1}},
            {"disconnect": {"code": 4000, "reason": "go away"}},
        ]
        await here.settled()


async def test_draining_ends_streams_with_3001(door: dict[str, Any]) -> None:
    async with doors(OPEN) as here, stream(here, **door) as opened:
        await opened.connected()
        here.hub.drain()
        assert await opened.to_the_end() == [{"push": {"disconnect": {"code": 3001, "reason": "shutdown"}}}]
        await here.settled()
        async with stream(here, **door) as refused:
            assert refused.response.status_code == 503
            assert refused.response.headers["retry-after"] == "5"


# -- who comes in


def verifier() -> TokenVerifier:
    return TokenVerifier(TokenRules(StaticKeys(SECRET)), leeway=0.0)


async def test_an_invalid_token_is_a_disconnect_push(door: dict[str, Any]) -> None:
    first = [{"id": 1, "connect": {"token": "wrong"}}, {"id": 2, "subscribe": {"channel": "a"}}]
    async with doors(OPEN, tokens=verifier()) as here, stream(here, first=first, **door) as opened:
        assert await opened.to_the_end() == [
            {"push": {"disconnect": {"code": 3500, "reason": "invalid token"}}}
        ]
        await here.settled()


async def test_an_expired_token_is_an_error_and_what_follows_it_is_ignored(door: dict[str, Any]) -> None:
    token = token_for("anna", expires_in=1, now=1000.0)
    first = [{"id": 1, "connect": {"token": token}}, {"id": 2, "subscribe": {"channel": "a"}}]
    async with doors(OPEN, tokens=verifier()) as here, stream(here, first=first, **door) as opened:
        assert (await opened.next())["error"]["code"] == 109
        await turns(50)
        (session,) = here.hub.node.roster
        session.check(asyncio.get_running_loop().time() + 10.0)
        assert await opened.to_the_end() == [{"push": {"disconnect": {"code": 3502, "reason": "stale"}}}]


async def test_pings_come_down_and_pongs_go_up(door: dict[str, Any]) -> None:
    async with doors(OPEN) as here, stream(here, **door) as opened:
        await opened.connected()
        (session,) = here.hub.node.roster
        now = asyncio.get_running_loop().time()
        session.check(now + 25)
        assert await opened.next() == {}
        await opened.say({})
        await opened.say({"id": 2, "unsubscribe": {"channel": "a"}})
        assert (await opened.next())["id"] == 2
        session.check(now + 34)
        await opened.say({"id": 3, "unsubscribe": {"channel": "a"}})
        assert (await opened.next())["id"] == 3, "the pong was heard"
        session.check(now + 50)
        session.check(now + 58)
        assert (await opened.to_the_end())[-1] == {
            "push": {"disconnect": {"code": 3012, "reason": "no pong"}}
        }


async def test_a_pong_that_nobody_asked_for_is_a_disconnect_push() -> None:
    async with doors(OPEN) as here, stream(here, "http_stream") as opened:
        await opened.connected()
        await opened.say({})
        assert (await opened.to_the_end())[-1]["push"]["disconnect"]["code"] == 3501


async def test_something_unexpected_ends_the_stream_with_3004(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(self: CentrifugeSession, command: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(CentrifugeSession, "obey", fail)
    async with doors(OPEN) as here, stream(here, "http_stream") as opened:
        assert (await opened.to_the_end())[-1]["push"]["disconnect"]["code"] == 3004
        await here.settled()
        assert here.hub.counters.session_errors == 1
        assert "ZeroDivisionError" in caplog.text


# -- origins


@pytest.mark.parametrize("path", ["/connection/http_stream", "/connection/sse", "/emulation"])
async def test_a_preflight_is_answered_for_pages_that_are_welcome(path: str) -> None:
    async with doors(OPEN, origins=["https://good.example"]) as here:
        asked = {
            "origin": "https://good.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type, x-own",
        }
        answer = await here.http.options(path, headers=asked)
        assert answer.status_code == 204
        headers = answer.headers
        assert headers["access-control-allow-origin"] == "https://good.example"
        assert headers["access-control-allow-credentials"] == "true"
        assert headers["access-control-allow-headers"] == "content-type, x-own"
        assert {"POST", "OPTIONS"} <= set(headers["access-control-allow-methods"].split(", "))
        assert headers["access-control-max-age"] == "300"
        assert "Origin" in headers["vary"]
        for origin in ("https://evil.example", "null"):
            answer = await here.http.options(path, headers={**asked, "origin": origin})
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers


async def test_streams_and_posts_of_a_page_from_elsewhere_are_refused() -> None:
    async with doors(OPEN, origins=["https://good.example"]) as here:
        evil = {"origin": "https://evil.example"}
        for transport in STREAMS:
            async with stream(here, transport, headers=evil) as refused:
                assert refused.response.status_code == 403
        good = {"origin": "https://good.example"}
        async with stream(here, "http_stream", headers=good) as opened:
            assert opened.response.headers["access-control-allow-origin"] == "https://good.example"
            await opened.connected()
            body = orjson.dumps(
                {"session": opened.session, "node": opened.node, "data": encode(JSON, {"id": 2, "ping": {}})}
            )
            for headers, status in ((evil, 403), (good, 204)):
                how = {**headers, "content-type": TYPES["json"]}
                answer = await here.http.post("/emulation", content=body, headers=how)
                assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == "https://good.example"
            assert (await opened.next())["error"]["code"] == 108


async def test_whoever_is_welcome_everywhere_gets_no_credentials() -> None:
    async with doors(OPEN, origins=["*"]) as here:
        answer = await here.http.options("/emulation", headers={"origin": "https://any.example"})
        assert answer.headers["access-control-allow-origin"] == "https://any.example"
        assert "access-control-allow-credentials" not in answer.headers


# -- two at once


async def test_sessions_cannot_be_reached_with_another_ones_secret() -> None:
    async with doors(OPEN) as here:
        async with stream(here, "http_stream") as first, stream(here, "sse") as second:
            await first.connected()
            await second.connected()
            assert first.session != second.session
            await first.say({"id": 2, "subscribe": {"channel": "a"}})
            await second.say({"id": 3, "subscribe": {"channel": "b"}})
            assert ((await first.next())["id"], (await second.next())["id"]) == (2, 3)


async def test_init_warms_up() -> None:
    async with doors(OPEN) as here:
        answer = await here.http.get("/connection/init")
        assert (answer.status_code, answer.json()) == (200, {})
