"""`/api` over HTTP: statuses, credentials, origins, bodies; and the client library of others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import cent
import httpx
import orjson
import pytest

from gapless import ChannelOptions, Grant, Hub, HubApp, Limits, Member

from ..support.serving import Doors
from ..support.sockets import connected
from .conftest import OpenDoors

pytestmark = pytest.mark.anyio

TOKEN = "9f2c61d07be84a35c1d2"
KEY = {"X-API-Key": TOKEN}
CHANNELS = {
    "logs": ChannelOptions(history=100),
    "now": ChannelOptions(),
    "room": ChannelOptions(history=10, presence=True),
}


@pytest.fixture
async def opened(open_http: OpenDoors) -> AsyncIterator[Doors]:
    async with open_http(CHANNELS, token=TOKEN) as opened:
        yield opened


async def test_an_answer_is_json_with_a_result_or_an_error(opened: Doors) -> None:
    said = await opened.http.post("/api/publish", json={"channel": "logs", "data": 1}, headers=KEY)
    assert (said.status_code, said.headers["content-type"]) == (200, "application/json")
    assert said.json()["result"]["offset"] == 1
    said = await opened.http.post("/api/publish", json={"channel": "nope", "data": 1}, headers=KEY)
    assert (said.status_code, said.json()) == (200, {"error": {"code": 102, "message": "unknown channel"}})


async def test_what_is_published_over_http_reaches_subscribers_byte_for_byte(opened: Doors) -> None:
    payload = '{"a": 1.0e5, "b":"\\u00e9"}'
    async with opened.client("?channel=logs") as client:
        await client.history("logs")
        body = f'{{"channel":"logs","data":{payload}}}'
        headers = KEY | {"Content-Type": "application/json; charset=utf-8"}
        await opened.http.post("/api/publish", content=body, headers=headers)
        assert await client.text() == f'{{"channel":"logs","offset":1,"data":{payload}}}'


# -- the table of statuses


@pytest.mark.parametrize(
    ("request_", "status", "text"),
    [
        ({"content": b"{"}, 400, "the body is a JSON object: not valid JSON"),
        (
            {"content": b'{"channel":"logs","data":"\\ud83d"}'},
            400,
            "the body is a JSON object: half of a ",
        ),
        (
            {"content": b'{"channel":"logs","data":NaN}'},
            400,
            "the body is a JSON object: not valid JSON at ",
        ),
        ({"json": [1]}, 400, "the body is a JSON object: not an object"),
        ({"json": {"channel": 1, "data": 1}}, 400, "channel is a string"),
        ({"json": {}, "url": "/api/dance"}, 404, "there is no such method"),
        ({"json": {}, "url": "/api/"}, 404, ""),
        ({"method": "GET"}, 405, ""),
        ({"method": "PUT", "json": {}}, 405, ""),
        ({"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, "send Content-Type"),
        ({"content": b"{}", "headers": {"Content-Type": ""}}, 415, "send Content-Type: application/json"),
        ({"data": {"channel": "logs"}}, 415, "send Content-Type: application/json"),
        ({"json": {"channel": "logs", "data": "x" * 1_100_000}}, 413, "the body is larger than 1048576"),
    ],
)
async def test_a_request_that_is_no_call_has_its_status(
    opened: Doors, request_: dict[str, Any], status: int, text: str
) -> None:
    request = {"method": "POST", "url": "/api/publish"} | request_
    headers = KEY | {"Content-Type": "application/json"} if "content" in request else KEY
    request["headers"] = headers | request.get("headers", {})
    said = await opened.http.request(**request)
    assert said.status_code == status
    assert said.text.startswith(text), said.text


async def test_a_body_of_unknown_length_is_cut_off_at_the_bound(open_http: OpenDoors) -> None:
    async with open_http(CHANNELS, limits=Limits(body_bytes=1000), token=TOKEN) as opened:

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b" " * 100

        headers = KEY | {"Content-Type": "application/json"}
        said = await opened.http.post("/api/publish", content=pieces(), headers=headers)
        assert (said.status_code, said.text) == (413, "the body is larger than 1000 bytes")


async def test_a_body_that_does_not_arrive_is_408_and_costs_nobody_else(open_http: OpenDoors) -> None:
    async with open_http(CHANNELS, limits=Limits(body_seconds=0.2), token=TOKEN) as opened:
        reader, writer = await asyncio.open_connection("127.0.0.1", opened.address.port)
        lines = [
            "POST /api/publish HTTP/1.1",
            f"Host: {opened.address.host}",
            f"X-API-Key: {TOKEN}",
            "Content-Type: application/json",
            "Content-Length: 100",
            "",
            '{"chan',
        ]
        writer.write("\r\n".join(lines).encode())
        said = await opened.http.post("/api/info", json={}, headers=KEY)
        assert said.status_code == 200
        async with asyncio.timeout(20):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()
        await writer.wait_closed()


async def test_a_hub_that_is_not_running_is_503() -> None:
    hub = Hub(channels=CHANNELS)
    async with hub:
        app = HubApp(hub, token=TOKEN)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
        said = await browser.post("/api/publish", json={"channel": "logs", "data": 1}, headers=KEY)
        assert (said.status_code, said.headers["retry-after"]) == (503, "5")
        said = await browser.get("/ready")
        assert (said.status_code, said.json()["reason"]) == (503, "the hub is not running")
        assert (await browser.get("/health")).status_code == 200


# -- credentials and origins


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": TOKEN},
        {"Authorization": f"apikey {TOKEN}"},
        {"Authorization": f"APIKEY  {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": "Basic abc", "X-API-Key": TOKEN},
    ],
)
async def test_the_credential_may_come_in_each_header(opened: Doors, headers: dict[str, str]) -> None:
    assert (await opened.http.post("/api/info", json={}, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": TOKEN[:-1]},
        {"X-API-Key": TOKEN + "0"},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer"},
        {"Cookie": f"token={TOKEN}"},
    ],
)
async def test_without_the_credential_it_is_401_in_json(opened: Doors, headers: dict[str, str]) -> None:
    for method in ("info", "publish", "dance"):
        said = await opened.http.post(f"/api/{method}", json={}, headers=headers)
        assert (said.status_code, said.headers["content-type"]) == (401, "application/json")
        assert said.json()["error"]["code"] == 101
        assert "GAPLESS_TOKEN" in said.json()["error"]["message"]


async def test_a_key_that_is_no_text_is_401_too(opened: Doors) -> None:
    said = await opened.http.post("/api/info", json={}, headers=[(b"X-API-Key", b"\xff\xfe\x80")])
    assert said.status_code == 401


async def test_a_key_in_the_query_is_no_credential(opened: Doors) -> None:
    assert (await opened.http.post(f"/api/info?api_key={TOKEN}", json={})).status_code == 401


async def test_without_a_token_nobody_gets_in_unless_the_hub_is_open(open_http: OpenDoors) -> None:
    async with open_http(CHANNELS) as opened:
        assert (await opened.http.post("/api/info", json={})).status_code == 401
    async with open_http(CHANNELS, open_api=True) as opened:
        assert (await opened.http.post("/api/info", json={})).status_code == 200
        said = await opened.http.post("/api/info", json={}, headers={"Host": "evil.example"})
        assert said.status_code == 403
        assert "localhost and 127.0.0.1 only" in said.text


async def test_a_foreign_page_gets_nowhere_with_or_without_the_credential(opened: Doors) -> None:
    for headers in ({}, KEY):
        for origin in ("https://evil.example", "null"):
            said = await opened.http.post("/api/info", json={}, headers=headers | {"Origin": origin})
            assert said.status_code == 403
    own = {"Origin": opened.address.http("")}
    assert (await opened.http.post("/api/info", json={}, headers=KEY | own)).status_code == 200


async def test_the_cookie_counts_with_the_servers_own_origin_only(opened: Doors) -> None:
    signed_in = await opened.http.post("/signin", json={"token": TOKEN})
    cookie = {"Cookie": signed_in.headers["set-cookie"].partition(";")[0]}
    opened.http.cookies.clear()
    assert (await opened.http.post("/api/info", json={}, headers=cookie)).status_code == 401
    own = cookie | {"Origin": opened.address.http("")}
    assert (await opened.http.post("/api/info", json={}, headers=own)).status_code == 200
    for site, status in [("same-origin", 200), ("none", 200), ("same-site", 401), ("cross-site", 401)]:
        headers = cookie | {"Sec-Fetch-Site": site}
        assert (await opened.http.post("/api/info", json={}, headers=headers)).status_code == status
    foreign = cookie | {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}
    assert (await opened.http.post("/api/info", json={}, headers=foreign)).status_code == 403


# -- errors as statuses


@pytest.mark.parametrize(
    ("method", "said", "status", "code"),
    [
        ("publish", {"channel": "nope", "data": 1}, 404, 102),
        ("publish", {"channel": "logs"}, 400, 107),
        ("presence", {"channel": "logs"}, 400, 108),
        ("rpc", {"method": "unheard-of"}, 404, 104),
        ("history", {"channel": "logs", "since": {"offset": 1, "epoch": "other"}}, 416, 112),
    ],
)
async def test_errors_become_statuses_where_asked_for(
    opened: Doors, method: str, said: Any, status: int, code: int
) -> None:
    headers = KEY | {"X-Centrifugo-Error-Mode": "transport"}
    answer = await opened.http.post(f"/api/{method}", json=said, headers=headers)
    assert answer.status_code == status
    assert (answer.json()["code"], answer.headers["content-type"]) == (code, "application/json")
    fine = await opened.http.post("/api/info", json={}, headers=headers)
    assert fine.status_code == 200
    assert set(fine.json()) == {"result"}


# -- what it does to connections


async def test_a_user_is_thrown_out_but_for_who_is_to_stay(open_http: OpenDoors) -> None:
    hub = Hub(channels=CHANNELS)

    @hub.on_connect
    async def who(event: Any) -> Grant:
        return Grant(user=event.query["user"])

    async with open_http(hub=hub, token=TOKEN) as opened:
        async with opened.client("?channel=room&user=a") as out:
            await out.history("room")
            (thrown_out,) = await hub.presence("room")
            async with (
                opened.client("?channel=room&user=a") as stays,
                opened.client("?channel=room&user=b") as other,
            ):
                await stays.history("room")
                await other.history("room")
                answer = await opened.http.post("/api/presence", json={"channel": "room"}, headers=KEY)
                present = answer.json()["result"]["presence"]
                assert sorted(member["user"] for member in present.values()) == ["a", "a", "b"]
                said = {
                    "user": "a",
                    "whitelist": list(present.keys() - {thrown_out}),
                    "disconnect": {"code": 4001, "reason": "signed out"},
                }
                answer = await opened.http.post("/api/disconnect", json=said, headers=KEY)
                assert answer.json() == {"result": {}}
                assert await out.closed() == (4001, "signed out")
                await stays.quiet()
                await other.quiet()
                assert await hub.presence("room") == hub_members(present, without=thrown_out)


def hub_members(present: dict[str, Any], without: str) -> dict[str, Member]:
    """The members of an API answer but for one."""
    return {name: Member(name, member["user"]) for name, member in present.items() if name != without}


# -- cent, the client library of Centrifugo


async def test_the_cent_client_works_unmodified(opened: Doors) -> None:
    api = cent.AsyncClient(opened.address.http("/api"), TOKEN)
    try:
        async with opened.client("?channel=room") as client:
            (frame,) = await client.history("room")
            published = await api.publish(cent.PublishRequest(channel="room", data={"n": 1}))
            assert (published.offset, published.epoch) == (1, frame["epoch"])
            assert (await client.next())["data"] == {"n": 1}

            many = await api.broadcast(
                cent.BroadcastRequest(channels=["room", "nope", "now"], data=2, idempotency_key="k")
            )
            room, nope, now = many.responses
            assert room.result is not None
            assert room.result.offset == 2
            assert nope.error is not None
            assert nope.error.code == 102
            assert now.result is not None
            assert not now.result.offset

            page = await api.history(cent.HistoryRequest(channel="room", limit=10))
            assert [(entry.offset, entry.data) for entry in page.publications] == [(1, {"n": 1}), (2, 2)]
            since = cent.StreamPosition(offset=1, epoch=page.epoch)
            rest = await api.history(cent.HistoryRequest(channel="room", limit=10, since=since))
            assert [entry.offset for entry in rest.publications] == [2]

            members = await api.presence(cent.PresenceRequest(channel="room"))
            (member,) = members.presence.values()
            stats = await api.presence_stats(cent.PresenceStatsRequest(channel="room"))
            assert (stats.num_clients, stats.num_users) == (1, 1)
            channels = await api.channels(cent.ChannelsRequest(pattern="r*"))
            assert channels.channels["room"].num_clients == 1
            info = await api.info(cent.InfoRequest())
            assert (info.nodes[0].num_clients, info.nodes[0].num_subs) == (1, 1)

            batch = await api.batch(
                cent.BatchRequest(
                    requests=[
                        cent.PublishRequest(channel="room", data=3),
                        cent.HistoryRequest(channel="room", limit=1, reverse=True),
                    ]
                )
            )
            assert batch.replies[0].offset == 3  # type: ignore[attr-defined]
            assert batch.replies[1].publications[0].data == 3  # type: ignore[attr-defined]

            await api.history_remove(cent.HistoryRemoveRequest(channel="room"))
            with pytest.raises(cent.CentApiResponseError) as refused:
                await api.publish(cent.PublishRequest(channel="nope", data=1))
            assert refused.value.code == 102

            how = cent.Disconnect(code=4000, reason="go")
            await api.disconnect(
                cent.DisconnectRequest(user=member.user, client=member.client, disconnect=how)
            )
            assert await client.closed() == (4000, "go")
    finally:
        await api.close()
    stranger = cent.AsyncClient(opened.address.http("/api"), "wrong")
    try:
        with pytest.raises(cent.CentUnauthorizedError):
            await stranger.info(cent.InfoRequest())
    finally:
        await stranger.close()


async def test_a_publisher_that_waits_for_each_answer_is_acknowledged_in_order(opened: Doors) -> None:
    async with connected(opened.address.ws("/ws?channel=logs")) as client:
        await client.history("logs")
        for n in range(1, 51):
            said = await opened.http.post("/api/publish", json={"channel": "logs", "data": n}, headers=KEY)
            assert json.loads(said.content)["result"]["offset"] == n
        assert [item["data"] for item in await client.live(50)] == list(range(1, 51))


async def test_a_hub_that_says_goodbye_takes_nothing_more(opened: Doors) -> None:
    say = {"channel": "logs", "data": 1}
    assert "result" in (await opened.http.post("/api/publish", json=say, headers=KEY)).json()
    opened.hub.drain()
    for path, body in (
        ("/api/publish", say),
        ("/api/broadcast", {"channels": ["logs"], "data": 1}),
        ("/api/batch", {"commands": [{"publish": say}]}),
        ("/ingest/logs", [1]),
    ):
        said = await opened.http.post(path, headers=KEY, json=body)
        assert (said.status_code, said.headers["retry-after"], said.text) == (
            503,
            "5",
            "the hub is shutting down",
        )
    assert (await opened.hub.history("logs")).top.offset == 1


# -- older clients


async def test_older_clients_are_served_where_that_is_wanted(open_http: OpenDoors) -> None:
    call = b'{"channel":"logs","data":1}'
    lines = b'{"id":1,"method":"publish","params":{"channel":"logs","data":1}}\n{"method":"dance"}\n'
    async with open_http(CHANNELS, token=TOKEN, old_api_clients=True) as here:
        said = await here.http.post("/api/publish", content=call, params={"api_key": TOKEN})
        assert said.json()["result"]["offset"] == 1
        said = await here.http.post("/api", content=lines, params={"api_key": TOKEN})
        first, second = map(orjson.loads, said.content.splitlines())
        assert (first["id"], first["result"]["offset"]) == (1, 2)
        assert second == {"error": {"code": 104, "message": "method not found"}}
        for wrong in ({"api_key": TOKEN + "x"}, {}):
            assert (await here.http.post("/api/publish", content=call, params=wrong)).status_code == 401
        as_form = {"Content-Type": "application/x-www-form-urlencoded"}
        said = await here.http.post("/api/info", content=call, params={"api_key": TOKEN}, headers=as_form)
        assert said.status_code == 415, "what a page of anybody can send without being asked"
    async with open_http(CHANNELS, token=TOKEN) as here:
        assert (await here.http.post("/api/info", json={}, params={"api_key": TOKEN})).status_code == 401
        assert (await here.http.post("/api/info", content=b"{}", headers=KEY)).status_code == 415
        assert (await here.http.post("/api", content=lines, headers=KEY)).status_code == 404
