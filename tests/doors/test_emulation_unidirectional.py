"""`/connection/uni_…` (Centrifuge client protocol, version 2): bare pushes, and nothing goes up."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import jwt
import pytest
from websockets.exceptions import ConnectionClosed

from gapless import ChannelOptions, ClientError, ConnectEvent, Hub, Limits
from gapless.auth.keys import StaticKeys
from gapless.auth.verifier import TokenRules, TokenVerifier
from gapless.errors import BrokerError

from ..support.broker import FakeBroker
from ..support.centrifuge.stage import SECRET, token_for
from ..support.centrifuge.streams import stream
from ..support.serving import FAST_PATH, PLAIN_ASGI, Doors, doors
from ..support.sockets import connected
from ..support.until import DEADLINE

pytestmark = pytest.mark.anyio

OPEN = {"*": ChannelOptions(history=100, presence=True, join_leave=True)}

ENTRANCES = ["uni_websocket", "uni_sse", "uni_http_stream"]


def verifier() -> TokenVerifier:
    return TokenVerifier(TokenRules(StaticKeys(SECRET)), leeway=0.0)


@pytest.fixture(params=[PLAIN_ASGI, FAST_PATH], ids=["asgi", "fast"])
def ws(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def ends(here: Doors, entrance: str, first: Any) -> list[Any]:
    """What is pushed to a client that says this, until the end; for WebSocket with the close code."""
    if entrance != "uni_websocket":
        async with stream(here, entrance, first) as opened:
            return await opened.to_the_end()
    found: list[Any] = []
    async with connected(here.address.ws(f"/connection/{entrance}")) as client:
        await client.say(first)
        async with asyncio.timeout(DEADLINE):
            try:
                while True:
                    found.append(json.loads(await client.connection.recv()))
            except ConnectionClosed as closed:
                assert closed.rcvd is not None
                found.append((closed.rcvd.code, closed.rcvd.reason))
    return found


# -- WebSocket


async def test_the_first_frame_says_who_it_is_and_pushes_come_one_a_frame(ws: str) -> None:
    async with doors(OPEN, ws=ws, tokens=verifier(), anonymous=False) as here:
        async with connected(here.address.ws("/connection/uni_websocket")) as client:
            await client.say({"token": token_for("anna", channels=["a"]), "subs": {"b": {}}, "name": "curl"})
            said = (await client.next())["connect"]
            assert set(said["subs"]) == {"a", "b"}
            assert said["session"]
            assert said["session"] != said["client"]
            assert said["ping"] == 25
            assert not {"pong", "node"} & set(said)
            for number in range(3):
                here.hub.publish("a", number)
                here.hub.publish("b", number)
            pushes = await client.take(6)
            assert [push["pub"]["data"] for push in pushes if push["channel"] == "a"] == [0, 1, 2]
            assert [push["pub"]["data"] for push in pushes if push["channel"] == "b"] == [0, 1, 2]
            await here.hub.connections(user="anna").subscribe("c")
            assert list(await client.next()) == ["channel", "subscribe"]
            here.hub.connections(user="anna").unsubscribe("b")
            assert await client.next() == {
                "channel": "b",
                "unsubscribe": {"code": 2000, "reason": "server unsubscribe"},
            }


async def test_the_query_may_say_who_it_is(ws: str) -> None:
    async with doors(OPEN, ws=ws) as here:
        url = here.address.ws("/connection/uni_websocket?cf_connect=%7B%22subs%22:%7B%22a%22:%7B%7D%7D%7D")
        async with connected(url) as client:
            assert set((await client.next())["connect"]["subs"]) == {"a"}


@pytest.mark.parametrize("first", ["", "null", "{}", " \n"])
async def test_nothing_to_say_is_an_anonymous_client(ws: str, first: str) -> None:
    async with doors(OPEN, ws=ws) as here:
        async with connected(here.address.ws("/connection/uni_websocket")) as client:
            await client.say(first)
            assert (await client.next())["connect"]["client"]


async def test_a_second_word_is_not_listened_to(ws: str) -> None:
    async with doors(OPEN, ws=ws) as here:
        async with connected(here.address.ws("/connection/uni_websocket")) as client:
            await client.say({"subs": {"a": {}}})
            await client.next()
            await client.say("{}")
            await client.connection.send(b"anything")
            await here.hub.publish("a", 1)
            assert (await client.next())["pub"]["data"] == 1
        await here.settled()


async def test_pings_are_empty_pushes_and_want_no_answer(ws: str) -> None:
    limits = Limits(ping_interval=0.02, pong_timeout=0.01, housekeeping=0.01)
    async with doors(OPEN, ws=ws, limits=limits) as here:
        async with connected(here.address.ws("/connection/uni_websocket")) as client:
            await client.say("{}")
            assert (await client.next())["connect"]["ping"] == 1
            assert await client.take(5) == [{}] * 5


async def test_binary_frames_close_with_3506(ws: str) -> None:
    async with doors(OPEN, ws=ws) as here:
        async with connected(here.address.ws("/connection/uni_websocket")) as client:
            await client.connection.send(b"{}")
            assert (await client.closed())[0] == 3506


async def test_a_disconnect_is_a_push_and_a_close_frame(ws: str) -> None:
    async with doors(OPEN, ws=ws) as here:
        async with connected(here.address.ws("/connection/uni_websocket")) as client:
            await client.say({})
            said = (await client.next())["connect"]
            here.hub.disconnect(client=said["client"], code=4000, reason="go away")
            assert await client.next() == {"disconnect": {"code": 4000, "reason": "go away"}}
            assert await client.closed() == (4000, "go away")


async def test_who_leaves_is_not_present_any_more(ws: str) -> None:
    async with doors(OPEN, ws=ws) as here:
        for _ in range(5):
            async with connected(here.address.ws("/connection/uni_websocket")) as client:
                await client.say({"subs": {"a": {}}})
                await client.next()
                assert len(await here.hub.presence("a")) == 1
            await here.settled()
            assert await here.hub.presence("a") == {}


# -- streams


@pytest.mark.parametrize("transport", ["uni_sse", "uni_http_stream"])
async def test_a_stream_begins_with_a_connect_push(transport: str) -> None:
    async with doors(OPEN) as here, stream(here, transport, {"subs": {"a": {"join_leave": True}}}) as opened:
        said = (await opened.next())["connect"]
        assert said["ping"] == 25
        assert not {"pong", "node"} & set(said)
        assert said["session"]
        assert await opened.next() == {
            "channel": "a",
            "join": {"info": {"user": "", "client": said["client"]}},
        }
        await here.hub.publish("a", {"b": 1})
        assert await opened.next() == {"channel": "a", "pub": {"data": {"b": 1}, "offset": 1}}
        (session,) = here.hub.node.roster
        now = asyncio.get_running_loop().time()
        session.check(now + 25)
        assert await opened.next() == {}
        session.check(now + 50)
        assert await opened.next() == {}, "nobody owes a pong"
        here.hub.connections(user="").refresh(None)
        assert await opened.next() == {"refresh": {}}
        here.hub.disconnect(client=said["client"])
        assert await opened.to_the_end() == [{"disconnect": {"code": 3503, "reason": "force disconnect"}}]
        await here.settled()


async def test_an_event_source_may_say_who_it_is_or_nothing() -> None:
    async with doors(OPEN) as here:
        async with stream(here, "uni_sse", {"subs": {"a": {}}}, get=True) as opened:
            assert set((await opened.next())["connect"]["subs"]) == {"a"}
            assert opened.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        async with stream(here, "uni_sse", get=True) as opened:
            assert "subs" not in (await opened.next())["connect"]
        async with stream(here, "uni_http_stream", None) as opened:
            assert "subs" not in (await opened.next())["connect"]
            assert opened.response.headers["content-type"] == "application/json"


async def test_a_stream_that_cannot_begin_has_a_status() -> None:
    async with doors(OPEN) as here:
        for transport in ("uni_sse", "uni_http_stream"):
            url, post = f"/connection/{transport}", here.http.post
            headers = {"content-type": "application/json"}
            assert (await post(url, content=b"[]", headers=headers)).status_code == 400
            assert (await post(url, content=b"{}", headers={"content-type": "text/html"})).status_code == 415
            assert (await post(url, content=b"x" * 70_000, headers=headers)).status_code == 413
            evil = {**headers, "origin": "https://evil.example"}
            assert (await post(url, content=b"{}", headers=evil)).status_code == 403
        assert (await here.http.get("/connection/uni_http_stream")).status_code == 405
        assert (await here.http.get("/connection/uni_sse?cf_connect=[]")).status_code == 400


@pytest.mark.parametrize("transport", ["uni_sse", "uni_http_stream"])
async def test_who_aborts_a_stream_is_not_present_any_more(transport: str) -> None:
    async with doors(OPEN) as here:
        async with stream(here, transport, {"subs": {"a": {}}}) as opened:
            await opened.next()
            assert len(await here.hub.presence("a")) == 1
        await here.settled()
        assert await here.hub.presence("a") == {}


# -- connect errors are disconnects


def expect(entrance: str, pushes: list[Any], code: int) -> None:
    """They end as a refused connect does, with this code."""
    assert all("connect" not in push for push in pushes if isinstance(push, dict)), pushes
    if entrance == "uni_websocket":
        assert pushes.pop()[0] == code
    (push,) = pushes
    assert push["disconnect"]["code"] == code
    assert push["disconnect"]["reason"]


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize(("error", "code"), [(109, 3005), (110, 3005), (111, 3013), (103, 3507), (999, 3004)])
async def test_an_error_of_connect_is_a_disconnect(entrance: str, error: int, code: int) -> None:
    hub = Hub(channels=OPEN)

    @hub.on_connect
    async def connect(event: ConnectEvent) -> None:
        raise ClientError("no", code=error)

    async with doors(hub=hub) as here:
        expect(entrance, await ends(here, entrance, {}), code)
        await here.settled()


@pytest.mark.parametrize("entrance", ENTRANCES)
async def test_tokens_that_are_not_right_are_disconnects(entrance: str) -> None:
    async with doors(OPEN, tokens=verifier()) as here:
        expired = token_for("anna", expires_in=1, now=1000.0)
        over = jwt.encode({"sub": "anna", "expire_at": 1000}, SECRET)
        nowhere = token_for("anna", channels=["a\n"])
        for token, code in ((expired, 3005), (over, 3005), ("wrong", 3500), (nowhere, 3004)):
            expect(entrance, await ends(here, entrance, {"token": token}), code)
        expect(entrance, await ends(here, entrance, {}), 3501)
        await here.settled()


@pytest.mark.parametrize("entrance", ENTRANCES)
async def test_a_broker_that_fails_is_a_disconnect_and_no_alarm(entrance: str) -> None:
    broker = FakeBroker()
    broker.reads_fail = BrokerError("as the test wants it")
    async with doors(hub=Hub(broker, channels=OPEN, limits=Limits())) as here:
        expect(entrance, await ends(here, entrance, {"subs": {"a": {}}}), 3004)
        await here.settled()
        assert here.hub.counters.session_errors == 0
