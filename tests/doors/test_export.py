"""`/api/export` over HTTP: for operators, as the reader takes it, whole or visibly broken off."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from gapless import BrokerError, ChannelOptions, Hub, Limits
from gapless.doors.export import AT_ONCE

from ..support.broker import FakeBroker
from ..support.serving import Doors, doors
from ..support.until import until
from .conftest import OpenDoors

pytestmark = pytest.mark.anyio

TOKEN = "9f2c61d07be84a35c1d2"
KEY = {"X-API-Key": TOKEN}
CHANNELS = {"logs": ChannelOptions(history=10_000, history_bytes=None), "now": ChannelOptions()}
LARGE = 600
"""Publications of 64 KiB: more than all buffers between here and a reader hold."""


@pytest.fixture
async def opened(open_http: OpenDoors) -> AsyncIterator[Doors]:
    async with open_http(CHANNELS, token=TOKEN) as opened:
        yield opened


async def test_a_link_and_a_call_get_the_same_file(opened: Doors) -> None:
    for number in range(1_000):
        await opened.hub.publish("logs", {"message": f"line {number}", "level": "info"})
    query = "/api/export?channel=logs&from=2&to=900&query=line"
    linked = await opened.http.get(query, headers=KEY)
    called = await opened.http.post(
        "/api/export", json={"channel": "logs", "from": 2, "to": 900, "query": "line"}, headers=KEY
    )
    assert linked.status_code == called.status_code == 200
    assert linked.text == called.text
    assert [json.loads(line)["offset"] for line in linked.text.splitlines()] == list(range(2, 901))
    assert linked.headers["content-type"] == "application/x-ndjson"
    assert linked.headers["cache-control"] == "no-store"
    assert linked.headers["x-content-type-options"] == "nosniff"
    disposition = linked.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="logs-')
    assert disposition.endswith('.ndjson"')


async def test_a_head_says_what_a_link_would_get(opened: Doors) -> None:
    said = await opened.http.head("/api/export?channel=logs&format=csv", headers=KEY)
    assert (said.status_code, said.content) == (200, b"")
    assert said.headers["content-type"] == "text/csv; charset=utf-8"


async def test_a_name_cannot_leave_the_name_of_the_file(open_http: OpenDoors) -> None:
    async with open_http({"*": ChannelOptions(history=10)}, open_api=True) as here:
        said = await here.http.get("/api/export", params={"channel": '../a"b;é/c'})
    assert said.headers["content-disposition"].startswith('attachment; filename=".._a_b_c-')


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("channel=nope", 404, "unknown channel"),
        ("channel=now", 400, "no history"),
        ("channel=logs&from=x", 400, "from is a number"),
        ("channel=logs&from=1.5", 400, "from is a whole number"),
        ("channel=logs&format=xml", 400, "format is one of"),
        ("", 400, "channel is missing"),
    ],
)
async def test_what_is_refused_has_its_status(opened: Doors, query: str, status: int, words: str) -> None:
    said = await opened.http.get(f"/api/export?{query}", headers=KEY)
    assert said.status_code == status
    assert words in said.text
    assert opened.hub.counters.api_refused == 1


class TestWhoMay:
    """As for `history` of the API: the credential, and the right place."""

    async def test_without_the_credential_nobody(self, opened: Doors) -> None:
        for headers in ({}, {"X-API-Key": "wrong"}):
            said = await opened.http.get("/api/export?channel=logs", headers=headers)
            history = await opened.http.post("/api/history", json={"channel": "logs"}, headers=headers)
            assert said.status_code == history.status_code == 401

    async def test_a_page_of_another_origin_may_not(self, opened: Doors) -> None:
        headers = KEY | {"Origin": "https://evil.example"}
        said = await opened.http.get("/api/export?channel=logs", headers=headers)
        assert said.status_code == 403

    async def test_the_cookie_counts_where_the_page_itself_asks(self, opened: Doors) -> None:
        await opened.http.post("/signin", json={"token": TOKEN})
        for site, status in (("same-origin", 200), ("cross-site", 401)):
            said = await opened.http.get("/api/export?channel=logs", headers={"Sec-Fetch-Site": site})
            assert said.status_code == status

    async def test_an_open_hub_on_loopback_answers_to_literal_names_only(self, open_http: OpenDoors) -> None:
        async with open_http(CHANNELS, open_api=True) as here:
            said = await here.http.get("/api/export?channel=logs", headers={"Host": "evil.example"})
            assert said.status_code == 403


async def fill(hub: Hub) -> None:
    for _ in range(LARGE):
        await hub.publish("logs", "x" * 65_000)


def ask(here: Doors) -> socket.socket:
    """A reader that asks for everything and takes nothing."""
    asking = socket.socket()
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    asking.connect(("127.0.0.1", here.address.port))
    asking.sendall(b"GET /api/export?channel=logs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return asking


async def test_who_reads_nothing_is_cut_off_and_holds_little_meanwhile(open_http: OpenDoors) -> None:
    limits = Limits(stall_timeout=0.3)
    async with open_http(CHANNELS, limits=limits, open_api=True) as here:
        await fill(here.hub)
        before = here.hub.counters.history_reads
        with ask(here):
            await until(lambda: here.hub.counters.api_refused == 1, "the end of it")
            assert here.hub.counters.history_reads - before < LARGE / 4, "what nobody takes is not read"
            await until(lambda: not here.address.server.busy)


async def test_a_hub_that_closes_waits_for_nobody_who_takes_nothing(open_http: OpenDoors) -> None:
    async with open_http(CHANNELS, limits=Limits(stall_timeout=600.0), open_api=True) as here:
        await fill(here.hub)
        before = here.hub.counters.history_reads
        with ask(here):
            await until(lambda: here.hub.counters.history_reads > before + 1)
            here.hub.drain()
            await until(lambda: not here.address.server.busy, "the end of it")
        assert here.hub.counters.api_refused == 1, "broken off, and not ended"


async def test_who_leaves_ends_it(open_http: OpenDoors) -> None:
    async with open_http(CHANNELS, open_api=True) as here:
        await fill(here.hub)
        before = here.hub.counters.history_reads
        asking = ask(here)
        await until(lambda: here.hub.counters.history_reads > before + 1)
        asking.close()
        await until(lambda: not here.address.server.busy)
        assert here.hub.counters.history_reads - before < LARGE
        assert here.hub.counters.api_refused == 0


async def test_only_so_many_at_once(open_http: OpenDoors) -> None:
    async with open_http(CHANNELS, open_api=True) as here:
        await fill(here.hub)
        asking = [ask(here) for _ in range(AT_ONCE)]
        await until(lambda: here.address.server.busy == AT_ONCE)

        async def is_full() -> bool:
            said = await here.http.head("/api/export?channel=logs")
            return said.status_code == 429 and "retry-after" in said.headers

        await until(is_full)
        for one in asking:
            one.close()
        await until(lambda: not here.address.server.busy)
        said = await here.http.head("/api/export?channel=logs")
        assert said.status_code == 200


async def test_a_file_that_cannot_be_read_to_its_end_is_broken_off_and_not_ended() -> None:
    broker = FakeBroker()
    async with doors(hub=Hub(broker, channels=CHANNELS), open_api=True) as here:
        await fill(here.hub)
        with pytest.raises(httpx.HTTPError):
            async with here.http.stream("GET", "/api/export?channel=logs") as said:
                assert said.status_code == 200
                async for _ in said.aiter_bytes():
                    broker.reads_fail = BrokerError("away")
        assert here.hub.counters.api_refused == 1


async def test_a_broker_that_is_away_at_the_beginning_is_a_status() -> None:
    broker = FakeBroker()
    async with doors(hub=Hub(broker, channels=CHANNELS), open_api=True) as here:
        await here.hub.publish("logs", 1)
        broker.reads_fail = BrokerError("away")
        said = await here.http.get("/api/export?channel=logs")
        assert (said.status_code, said.json()["code"]) == (500, 100)


async def test_others_have_their_turns_meanwhile(opened: Doors) -> None:
    await fill(opened.hub)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.ensure_future(count())
    said = await opened.http.get("/api/export?channel=logs&query=nothing", headers=KEY)
    counting.cancel()
    assert said.content == b""
    assert turns >= LARGE, "one after each page, also where nothing of it is sent"
