"""`/ws`, who gets in: origins, hosts, credentials, hooks, the query, and a hub that cannot take anybody."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gapless import (
    ChannelOptions,
    ClientError,
    Disconnect,
    DisconnectEvent,
    Grant,
    Hub,
    HubApp,
    Limits,
    PermissionDenied,
    SubscribeEvent,
)

from ..support.serving import Doors, serve
from ..support.sockets import connected, handshake
from ..support.until import until
from .conftest import OpenDoors

pytestmark = pytest.mark.anyio

KEPT = ChannelOptions(history=10)
TOKEN = "9f2c61d07be84a35c1d2"


async def refusal(doors: Doors, query: str = "?channel=logs", **options: Any) -> tuple[int, str]:
    """The status and the text with which a handshake is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with doors.client(query, **options):
            pass
    response = caught.value.response
    return response.status_code, (response.body or b"").decode()


# -- origins and hosts


async def test_the_servers_own_origin_and_none_at_all_get_in(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        for origin in (None, doors.address.http(""), doors.address.http("").upper()):
            async with doors.client("?channel=logs", origin=origin) as client:
                await client.history("logs")


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:1", "file://", "evil"],
)
async def test_a_foreign_origin_is_refused_before_the_upgrade(open_doors: OpenDoors, origin: str) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        status, text = await refusal(doors, origin=origin)
        assert status == 403
        assert "add it with --origin or HubApp(origins=[…])" in text
        assert doors.hub.counters.refused_connections == 1
        assert doors.hub.counters.connections == 0


async def test_two_origins_are_refused_even_when_both_are_allowed(open_doors: OpenDoors) -> None:
    """Servers may refuse them on their own, and with another status."""
    async with open_doors({"logs": KEPT}, origins=["https://a.example"]) as doors:
        own = doors.address.http("")
        headers = [("Origin", own), ("Origin", "https://a.example")]
        status, _ = await refusal(doors, additional_headers=headers)
        assert status in (400, 403)


async def test_an_allowed_origin_gets_in(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}, origins=["https://*.shop.example"]) as doors:
        async with doors.client("?channel=logs", origin="https://eu.shop.example") as client:
            await client.history("logs")
        assert (await refusal(doors, origin="https://shop.example"))[0] == 403
        assert (await refusal(doors, origin="http://eu.shop.example"))[0] == 403


async def raw_status(doors: Doors, request: bytes) -> int:
    """The status that a handshake on a bare socket is answered with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", doors.address.port)
    try:
        writer.write(request)
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
        await writer.wait_closed()


async def test_an_open_hub_on_loopback_answers_to_no_strangers_name(open_doors: OpenDoors) -> None:
    """A page of evil.example whose name suddenly means 127.0.0.1 has an origin that equals its host."""
    async with open_doors({"logs": KEPT}, open_api=True) as doors:
        port = doors.address.port
        for host, status in [
            (f"evil.example:{port}", 403),
            ("127.0.0.1.evil.example", 403),
            ("localhost.evil.example", 403),
            (f"127.0.0.1:{port}", 101),
            (f"LOCALHOST:{port}", 101),
            (f"app.localhost:{port}", 101),
            ("[::1]:80", 101),
        ]:
            request = handshake(host, "/ws?channel=logs", f"Origin: http://{host}")
            assert await raw_status(doors, request) == status, host


async def test_a_hub_with_a_credential_may_have_any_name(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}, token=TOKEN) as doors:
        assert await raw_status(doors, handshake("hub.example", "/ws?channel=logs")) == 101


# -- credentials


@pytest.mark.parametrize(
    "header",
    [("X-API-Key", TOKEN), ("Authorization", f"apikey {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")],
)
async def test_a_required_credential_may_come_in_each_header(
    open_doors: OpenDoors, header: tuple[str, str]
) -> None:
    async with open_doors({"logs": KEPT}, token=TOKEN, require_credential=True) as doors:
        wrong = [(header[0], header[1] + "x")]
        for status, said in (await refusal(doors), await refusal(doors, additional_headers=wrong)):
            assert (status, json.loads(said)["error"]["code"]) == (401, 101)
        async with doors.client("?channel=logs", additional_headers=[header]) as client:
            await client.history("logs")


async def test_the_cookie_of_the_sign_in_counts_with_the_servers_own_origin_only(
    open_doors: OpenDoors,
) -> None:
    async with open_doors({"logs": KEPT}, token=TOKEN, require_credential=True) as doors:
        answer = await doors.http.post("/signin", json={"token": TOKEN})
        assert answer.status_code == 204
        cookie = [("Cookie", answer.headers["set-cookie"].partition(";")[0])]
        own = doors.address.http("")
        async with doors.client("?channel=logs", origin=own, additional_headers=cookie) as client:
            await client.history("logs")
        assert (await refusal(doors, additional_headers=cookie))[0] == 401
        status, _ = await refusal(doors, origin="https://evil.example", additional_headers=cookie)
        assert status == 403


async def test_who_holds_the_credential_may_read_what_clients_may_not(open_doors: OpenDoors) -> None:
    private = ChannelOptions(history=10, client_subscribe=False)
    async with open_doors({"private": private}, token=TOKEN) as doors:
        async with doors.client("?channel=private") as client:
            assert (await client.next())["code"] == 103
        headers = [("X-API-Key", TOKEN)]
        async with doors.client("?channel=private", additional_headers=headers) as client:
            await client.history("private")


# -- hooks


async def test_a_connect_hook_sees_the_request_and_names_the_user(open_doors: OpenDoors) -> None:
    hub = Hub(channels={"room": ChannelOptions(presence=True)})
    seen: list[Any] = []

    @hub.on_connect
    def who(event: Any) -> Grant:
        seen.append(event)
        return Grant(user=event.cookies["name"], info=b'{"x":1}')

    async with open_doors(hub=hub) as doors:
        headers = [("Cookie", "name=eva; other=1"), ("X-Extra", "yes")]
        query = "?channel=room&token=t%20t&token=u"
        async with doors.client(query, additional_headers=headers) as client:
            await client.history("room")
            (member,) = (await hub.presence("room")).values()
            assert (member.user, member.conn_info) == ("eva", b'{"x":1}')
        (event,) = seen
        assert (event.query["token"], event.headers["x-extra"], event.credential) == ("u", "yes", False)
        assert (event.client.transport, event.client.address) == ("websocket", "127.0.0.1")
        assert event.client.id == member.client


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermissionDenied(), 3507),
        (ClientError("sold out", code=410), 3501),
        (ClientError("later", code=420, temporary=True), 3004),
        (Disconnect(4403, "not today"), 4403),
        (ZeroDivisionError(), 3004),
        (False, 3507),
        (42, 3004),
    ],
)
async def test_a_connect_hook_refuses_with_a_close_code(open_doors: OpenDoors, error: Any, code: int) -> None:
    hub = Hub(channels={"logs": KEPT})

    @hub.on_connect
    async def refuse(event: Any) -> Any:
        if isinstance(error, Exception):
            raise error
        return error

    async with open_doors(hub=hub) as doors:
        async with doors.client("?channel=logs") as client:
            assert (await client.closed())[0] == code
        assert hub.counters.refused_connections == 1
        assert hub.counters.connections == 0
        assert hub.counters.hook_errors == (1 if code == 3004 and not isinstance(error, ClientError) else 0)


async def test_a_disconnect_hook_is_told_once_whoever_ends_it(open_doors: OpenDoors) -> None:
    hub = Hub(channels={"logs": KEPT})
    told: list[DisconnectEvent] = []

    @hub.on_connect
    async def who(event: Any) -> str:
        return str(event.query["user"])

    @hub.on_disconnect
    def gone(event: DisconnectEvent) -> None:
        told.append(event)

    async with open_doors(hub=hub) as doors:
        async with doors.client("?channel=logs&user=leaves") as client:
            await client.history("logs")
            await client.connection.close(4242, "bye")
        await until(lambda: len(told) == 1)
        async with doors.client("?channel=logs&user=vanishes") as client:
            await client.history("logs")
            client.connection.transport.abort()
            await until(lambda: len(told) == 2)
        async with doors.client("?channel=logs&user=thrown-out") as client:
            await client.history("logs")
            hub.disconnect(user="thrown-out")
            await client.closed()
        await doors.settled()
        await until(lambda: len(told) == 3)
        assert [event.client.user for event in told] == ["leaves", "vanishes", "thrown-out"]
        assert (told[0].code, told[2].code) == (4242, 3503)


# -- a hub that cannot take anybody


async def test_a_full_hub_says_503_and_when_to_come_back(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}, limits=Limits(connections=2)) as doors:
        async with doors.client("?channel=logs") as one, doors.client() as two:
            await one.history("logs")
            await two.quiet()
            with pytest.raises(InvalidStatus) as caught:
                async with doors.client():
                    pass
            response = caught.value.response
            assert (response.status_code, response.headers["retry-after"]) == (503, "5")
            assert response.body == b"the hub is full"
        await doors.settled()
        async with doors.client() as three:
            await three.quiet()


async def test_a_user_has_no_more_connections_than_allowed(open_doors: OpenDoors) -> None:
    hub = Hub(channels={"logs": KEPT}, limits=Limits(user_connections=1))

    @hub.on_connect
    async def who(event: Any) -> str:
        return str(event.query["user"])

    async with (
        open_doors(hub=hub) as doors,
        doors.client("?channel=logs&user=a") as a,
        doors.client("?channel=logs&user=a") as more,
        doors.client("?channel=logs&user=b") as b,
    ):
        await a.history("logs")
        assert await more.closed() == (3504, "connection limit")
        await b.history("logs")


async def test_draining_sends_everybody_away_with_3001_and_takes_nobody(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        async with doors.client("?channel=logs") as client:
            await client.history("logs")
            await doors.hub.publish("logs", "last words")
            doors.hub.drain()
            assert (await client.next())["data"] == "last words"
            assert await client.closed() == (3001, "shutdown")
        status, text = await refusal(doors)
        assert (status, text) == (503, "the hub is shutting down")


async def test_who_comes_while_the_hub_begins_to_drain_is_sent_away_too(open_doors: OpenDoors) -> None:
    hub = Hub(channels={"logs": KEPT})
    asked, go_on = asyncio.Event(), asyncio.Event()

    @hub.on_connect
    async def slow(event: Any) -> None:
        asked.set()
        await go_on.wait()

    async with open_doors(hub=hub) as doors:
        coming = asyncio.create_task(refusal(doors))
        await asked.wait()
        hub.drain()
        go_on.set()
        assert await coming == (503, "the hub is shutting down")


async def test_a_hub_that_was_closed_says_503_and_names_the_fix_in_one_line(
    ws_protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI()  # without lifespan=hub.lifespan
    hub = Hub(channels={"logs": KEPT})
    async with hub:
        app.mount("/live", HubApp(hub))
    with caplog.at_level(logging.WARNING):
        async with serve(app, ws=ws_protocol) as address:
            for _ in range(3):
                with pytest.raises(InvalidStatus) as caught:
                    async with connect(address.ws("/live/ws?channel=logs"), proxy=None):
                        pass
                assert caught.value.response.status_code == 503
                assert caught.value.response.headers["retry-after"] == "5"
    assert len(caplog.records) == 1, "said once, not for every client"
    assert "add lifespan=hub.lifespan" in caplog.text


async def test_mounted_in_an_application_with_the_hubs_lifespan_it_works(ws_protocol: str) -> None:
    hub = Hub(channels={"logs": KEPT})
    app = FastAPI(lifespan=hub.lifespan)
    app.mount("/live", HubApp(hub))

    @app.post("/publish/{n}")
    def publish(n: int) -> str:
        hub.publish("logs", n)
        return "ok"

    async with serve(app, ws=ws_protocol) as address:
        async with connected(address.ws("/live/ws?channel=logs")) as client:
            await client.history("logs")
            async with httpx.AsyncClient(trust_env=False) as http:
                for n in range(5):
                    await http.post(address.http(f"/publish/{n}"))
            assert [item["data"] for item in await client.live(5)] == list(range(5))


# -- the handshake


async def test_a_subprotocol_that_nobody_speaks_is_not_echoed(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        reader, writer = await asyncio.open_connection("127.0.0.1", doors.address.port)
        writer.write(handshake(doors.address.host, "/ws", "Sec-WebSocket-Protocol: soap"))
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"soap" not in head


async def test_who_leaves_while_the_connect_hook_thinks_leaves_nothing(
    open_doors: OpenDoors, caplog: pytest.LogCaptureFixture
) -> None:
    hub = Hub(channels={"logs": KEPT})
    asked, go_on = asyncio.Event(), asyncio.Event()

    @hub.on_connect
    async def slow(event: Any) -> None:
        asked.set()
        await go_on.wait()

    async with open_doors(hub=hub) as doors:
        _, writer = await asyncio.open_connection("127.0.0.1", doors.address.port)
        writer.write(handshake(doors.address.host, "/ws?channel=logs"))
        await asked.wait()
        writer.transport.abort()
        await until(lambda: not doors.address.server.server_state.connections)
        go_on.set()
        await doors.settled()
        assert hub.stats().subscriptions == 0
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR], caplog.text


# -- the query

BAD_QUERIES = [
    ("channel=", "channel: the name is empty"),
    ("channel=logs&channel=logs", "channel: the same channel is named twice"),
    ("channel=a&channel=b&channel=c&channel=d", "channel: at most 3 of them on one connection"),
    ("channel=logs&history=-1", "history: is a whole number, 0 for none, not '-1'"),
    ("channel=logs&history=", "history: is a whole number, 0 for none, not ''"),
    ("channel=logs&history=1.0", "history: is a whole number, 0 for none, not '1.0'"),
    ("channel=logs&history=%D9%A3", "history: is a whole number"),
    ("channel=logs&history=1&history=2", "history: given 2 times, once is enough"),
    ("channel=logs&batch=yes", "batch: is 1 or 0, not 'yes'"),
    ("channel=logs&batch=", "batch: is 1 or 0, not empty"),
    ("channel=logs&joins=2", "joins: is 1 or 0, not '2'"),
    ("channel=logs&pace=60001", "pace: is 0 to 60000 milliseconds, not '60001'"),
    ("channel=logs&pace=-5", "pace: is 0 to 60000 milliseconds, not '-5'"),
    ("channel=logs&pace=1&pace=1", "pace: given 2 times, once is enough"),
    ("channel=logs&since=logs", "since: is CHANNEL@EPOCH:OFFSET, not 'logs'"),
    ("channel=logs&since=logs@x", "since: a position is EPOCH:OFFSET, as in kXwQabcd:42, not 'x'"),
    ("channel=logs&since=logs@x:-1", "since: a position is EPOCH:OFFSET"),
    ("channel=logs&since=logs@x:01", "since: a position is EPOCH:OFFSET"),
    ("channel=logs&since=logs@x:99999999999999999999", "since: a position is EPOCH:OFFSET"),
    ("channel=logs&since=logs@a b:1", "since: a position is EPOCH:OFFSET"),
    ("channel=logs&since=other@x:1", "since: 'other' is not among the channels of this query"),
    ("channel=logs&since=logs@x:1&since=logs@x:2", "since: 'logs' is given twice"),
]


@pytest.mark.parametrize(("query", "message"), BAD_QUERIES)
async def test_a_query_that_cannot_be_meant_is_explained_and_closed_with_3501(
    open_doors: OpenDoors, query: str, message: str
) -> None:
    query = query.replace(" ", "%20")
    async with open_doors({"*": KEPT}, limits=Limits(subscriptions=3)) as doors:
        async with doors.client("?channel=logs") as neighbour, doors.client(f"?{query}") as client:
            await neighbour.history("logs")
            error = await client.next()
            assert (error["type"], error["code"]) == ("error", 107)
            assert error["message"].startswith(message), error["message"]
            assert await client.closed() == (3501, "bad request")
            await doors.hub.publish("logs", 1)
            assert (await neighbour.next())["data"] == 1
            assert doors.hub.counters.connections == 1, "it was no session yet"


@pytest.mark.parametrize("query", ["channel=%FF", "channel=logs&x=%C3", "&".join(["x=1"] * 1001)])
async def test_a_query_that_cannot_be_read_is_refused_before_the_upgrade(
    open_doors: OpenDoors, query: str
) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        status, text = await refusal(doors, f"?{query}")
        assert status == 400
        assert text.startswith("the query cannot be read")


async def test_names_of_channels_may_hold_anything_that_can_be_printed(open_doors: OpenDoors) -> None:
    names = ["ärger:日本", "a b", "a&b=c", "a@b", 'quo"te', "back\\slash", "{curly}", "*"]
    query = "&".join(f"channel={quote(name, safe='')}" for name in names)
    async with open_doors({"*": KEPT}) as doors, doors.client(f"?{query}") as client:
        assert [frame["channel"] for frame in await client.take(len(names))] == names
        for name in names:
            await doors.hub.publish(name, name)
            assert await client.next() == {"channel": name, "offset": 1, "data": name}


async def test_parameters_it_does_not_know_are_left_to_others(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        async with doors.client("?channel=logs&utm=1&utm=2&api_key=x") as client:
            await client.history("logs")


# -- what later hooks know of who got in


@pytest.mark.parametrize("greets", [True, False], ids=["with a connect hook", "without"])
async def test_later_hooks_see_what_was_kept_of_a_client(open_doors: OpenDoors, greets: bool) -> None:
    hub = Hub(channels={"logs": KEPT})
    hub.hooks.keep_headers(["X-Trace"])
    seen: list[tuple[str, Any, Any]] = []

    if greets:

        @hub.on_connect
        async def greet(event: object) -> Grant:
            return Grant("7", meta={"plan": "free"})

    @hub.on_subscribe
    async def ask(event: SubscribeEvent) -> None:
        seen.append((event.client.user, dict(event.client.headers), dict(event.client.meta)))

    async with open_doors(hub=hub) as doors:
        headers = {"X-Trace": "a1", "X-Other": "secret"}
        async with doors.client("?channel=logs", additional_headers=headers) as client:
            await client.history("logs")
        async with doors.http.stream("GET", "/sse?channel=logs", headers=headers) as response:
            assert response.status_code == 200
            await until(lambda: len(seen) == 2)
    known = ("7", {"x-trace": "a1"}, {"plan": "free"}) if greets else ("", {"x-trace": "a1"}, {})
    assert seen == [known, known]
