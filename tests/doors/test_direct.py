"""Publications that the server answers itself: which requests are, and that nobody can tell by the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from gapless import ChannelOptions, Hub, HubApp, Limits
from gapless.api import LONG, MANY
from gapless.doors.direct import BODY_BYTES
from gapless.doors.ingest import ROWS_AT_ONCE
from gapless.server.counters import counters
from gapless.server.direct import Answer, Place

from ..support.broker import FakeBroker
from ..support.serving import DIRECT_HTTP, PLAIN_HTTP, Doors, doors, serve
from ..support.until import DEADLINE

pytestmark = pytest.mark.anyio

TOKEN = "9f2c61d07be84a35c1d2"
KEY = {"X-API-Key": TOKEN}
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
CHANNELS = {"logs": ChannelOptions(history=10_000), "strict": ChannelOptions(history=10, any_bytes=False)}
HERE = Place(("127.0.0.1", 80), "http")


@pytest.fixture
async def opened() -> AsyncIterator[Doors]:
    async with doors(CHANNELS, token=TOKEN, server={"http": DIRECT_HTTP}) as opened:
        yield opened


async def is_direct(opened: Doors, path: str, **request: Any) -> bool:
    """Send it; was it answered without a call of the application?"""
    before = counters.direct
    await opened.http.post(path, **request)
    return counters.direct > before


@pytest.mark.parametrize("http", [DIRECT_HTTP, PLAIN_HTTP])
async def test_a_key_beyond_ascii_is_one_like_any_other(http: str) -> None:
    headers = [(name.encode(), value.encode()) for name, value in (KEY | NDJSON).items()]
    headers.append((b"Idempotency-Key", b"\xff\xfe"))
    async with doors(CHANNELS, token=TOKEN, server={"http": http}) as opened:
        for _ in range(2):
            answer = await opened.http.post("/ingest/logs", content=b"1\n2", headers=headers)
            assert (answer.status_code, answer.json()["last"]) == (202, 2)
        assert (await opened.hub.history("logs")).top.offset == 2


@pytest.mark.parametrize("data", [b'"%b"' % (b"x" * LONG), b"[" + b"[]," * MANY + b"1]"])
async def test_a_call_that_is_long_to_read_is_the_doors(opened: Doors, data: bytes) -> None:
    body = b'{"channel":"logs","data":%b}'
    assert await is_direct(opened, "/api/publish", content=body % b"1", headers=KEY | JSON)
    assert not await is_direct(opened, "/api/publish", content=body % data, headers=KEY | JSON)
    assert opened.hub.counters.published == 2


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/api/publish", b'{"channel":"logs","data":1}', JSON),
        ("/api/publish", b'{"data":1,"tags":{"a":"b"},"channel":"logs"}', JSON),
        (
            "/api/publish",
            b'{"channel":"logs","data":1}',
            JSON | {"Content-Type": "Application/JSON; charset=utf-8"},
        ),
        ("/api/publish", b'{"channel":"unknown","data":1}', JSON),
        ("/api/broadcast", b'{"channels":["logs","unknown"],"data":1}', JSON),
        ("/api/batch", b'{"commands":[{"publish":{"channel":"logs","data":1}}]}', JSON),
        ("/ingest/logs", b"1\n2", NDJSON),
        ("/ingest/logs", b"1\n2", NDJSON | {"Idempotency-Key": "k"}),
        ("/ingest/logs", b"[1,2]", JSON),
        ("/ingest/logs", b"level=info msg=x", {"Content-Type": "text/plain"}),
    ],
)
async def test_a_usual_publication_is_direct(
    opened: Doors, path: str, body: bytes, headers: dict[str, str]
) -> None:
    assert await is_direct(opened, path, content=body, headers=KEY | headers)


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/api/publish", b"{", KEY | JSON),
        ("/api/publish", b'{"channel":1,"data":1}', KEY | JSON),
        ("/api/publish", b"{}", KEY | {"Content-Type": "text/plain"}),
        ("/api/publish", b'{"channel":"logs","data":1}', JSON),
        ("/api/publish", b'{"channel":"logs","data":1}', JSON | {"X-API-Key": "wrong" * 4}),
        ("/api/publish", b'{"channel":"logs","data":1}', KEY | JSON | {"Origin": "http://evil.example"}),
        ("/api/publish", b'{"channel":"logs","data":1}', KEY | JSON | {"Cookie": "a=b"}),
        (
            "/api/publish",
            b'{"channel":"logs","data":1}',
            KEY | JSON | {"X-Centrifugo-Error-Mode": "transport"},
        ),
        ("/api/publish", b" " * (BODY_BYTES + 1), KEY | JSON),
        ("/api/publish/", b'{"channel":"logs","data":1}', KEY | JSON),
        ("/api/info", b"{}", KEY | JSON),
        ("/api/batch", b'{"commands":[{"info":{}}]}', KEY | JSON),
        ("/api/batch", b'{"commands":[{"publish":{"channel":"logs","data":1}}],"parallel":true}', KEY | JSON),
        ("/ingest/logs", b"1\n{", KEY | NDJSON),
        ("/ingest/unknown", b"1", KEY | NDJSON),
        ("/ingest/logs/", b"1", KEY | NDJSON),
        ("/ingest/logs", b"x", KEY | NDJSON | {"Content-Encoding": "gzip"}),
        ("/ingest/logs", b"1", KEY | {"Content-Type": "text/html"}),
    ],
)
async def test_whatever_is_refused_or_not_usual_is_for_the_doors(
    opened: Doors, path: str, body: bytes, headers: dict[str, str]
) -> None:
    assert not await is_direct(opened, path, content=body, headers=headers)


BODIES = [
    b'{"channel":"logs","data":{"a": 1.0e5}}',
    b' {"channel" : "logs" , "data": [1 , 2]\n} ',
    b'{"channel":"logs","data":1,"skip_history":true}',
    b'{"channel":"logs","data":1,"data":2}',
    b'{"channel":"logs","data":{"a":1,"a":2}}',
    b'{"channel":"logs","data":' + b"[" * 63 + b"]" * 63 + b"}",
    b'{"channel":"logs","data":' + b"[" * 64 + b"]" * 64 + b"}",
    b'{"channel":"logs","data":' + b"1" * 21 + b"}",
    b'{"channel":"logs","data":1}}',
    b'{"channel":"logs","data":}',
    b'{"channel":"logs"}',
    b'{"channel":"","data":1}',
    b'{"channel":"a\\u0000","data":1}',
    b'{"channel":"l\\u006fgs","data":1}',
    b'{"channel":"unknown","data":1}',
    b'{"channel":"logs","data":"\xff"}',
    b'{"channel":"logs","data":"' + b"x" * 600_000 + b'"}',
    b'{"channel":"strict","data":"\\u0000b64,AAAA"}',
    b'{"channel":"logs","data":1,"idempotency_key":"k"}',
    b'{"channel":"logs","data":1,"version":3}',
    b"",
    b"[]",
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:60].decode("latin-1"))
async def test_an_answer_is_the_same_byte_for_byte_as_through_asgi(body: bytes) -> None:
    answers = []
    # With a cookie it goes to the door; without, the application or the server has a shortcut.
    for protocol, headers in ((PLAIN_HTTP, {"Cookie": "a=b"}), (PLAIN_HTTP, {}), (DIRECT_HTTP, {})):
        hub = Hub(channels=CHANNELS)
        async with doors(hub=hub, token=TOKEN, server={"http": protocol, "date_header": False}) as opened:
            said = []
            for _ in range(2):
                answer = await opened.http.post("/api/publish", content=body, headers=KEY | JSON | headers)
                epoch = answer.json().get("result", {}).get("epoch", "") if answer.is_success else ""
                text = answer.text.replace(epoch, "EPOCH") if epoch else answer.text
                said.append((answer.status_code, sorted(answer.headers.items()), text))
            kept = [publication.payload for publication in (await hub.history("logs")).publications]
            answers.append((said, kept, hub.counters.api_refused, hub.counters.published))
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]


async def test_a_batch_keeps_its_order_and_each_part_of_it_fails_alone(opened: Doors) -> None:
    commands = [
        {"publish": {"channel": "logs", "data": 1}},
        {"publish": {"channel": "unknown", "data": 2}},
        {"publish": {"channel": 3, "data": 3}},
        {"publish": {"channel": "logs", "data": 4}},
    ]
    before = counters.direct
    said = await opened.http.post("/api/batch", json={"commands": commands}, headers=KEY)
    replies = said.json()["replies"]
    assert counters.direct == before + 1
    assert [reply.get("publish", {}).get("offset") for reply in replies] == [1, None, None, 2]
    assert [reply.get("error", {}).get("code") for reply in replies] == [None, 102, 107, None]


async def test_a_hub_that_was_closed_is_for_the_door_to_say() -> None:
    hub = Hub(channels=CHANNELS)
    app = HubApp(hub, token=TOKEN)
    body = b'{"channel":"logs","data":1}'
    head = (
        b"POST /api/publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"X-API-Key: %b\r\nContent-Length: %d\r\n\r\n" % (TOKEN.encode(), len(body))
    )
    async with hub:
        answerer = app.direct_requests.find(head, HERE)
        assert answerer is not None
        assert isinstance(answerer.answer(body), Answer)
    assert answerer.answer(body) is None


async def test_an_open_hub_on_loopback_answers_to_its_own_names_only() -> None:
    async with doors(CHANNELS, open_api=True, server={"http": DIRECT_HTTP}) as opened:
        publish: dict[str, Any] = {"content": b'{"channel":"logs","data":1}'}
        assert await is_direct(opened, "/api/publish", headers=JSON, **publish)
        assert not await is_direct(opened, "/api/publish", headers=JSON | {"Host": "evil.example"}, **publish)


async def test_a_broker_that_answers_later_is_waited_for_and_what_comes_behind_keeps_its_place() -> None:
    broker = FakeBroker()
    broker.slow_answers = True
    hub = Hub(broker, channels=CHANNELS)
    async with doors(hub=hub, token=TOKEN, server={"http": DIRECT_HTTP}) as opened:
        reader, writer = await asyncio.open_connection("127.0.0.1", opened.address.port)
        body = b'{"channel":"logs","data":1}'
        request = (
            b"POST /api/publish HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"X-API-Key: %b\r\nContent-Length: %d\r\n\r\n%b" % (TOKEN.encode(), len(body), body)
        )
        before = counters.direct
        writer.write(request + b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        async with asyncio.timeout(DEADLINE):
            while not hub.stats().in_flight_bytes:
                await asyncio.sleep(0.001)
            assert counters.direct == before
            broker.slow_answers = False
            broker.answer_all()
            said = await reader.readuntil(b'{"status":"ok"}')
        assert said.index(b'"offset":1') < said.index(b'"status"')
        assert counters.direct == before + 1
        writer.close()
        await writer.wait_closed()


async def test_an_application_that_mounts_a_hub_may_have_it_answered_directly() -> None:
    hub = Hub(channels=CHANNELS)
    live = HubApp(hub, token=TOKEN)
    app: Any = Starlette(routes=[Mount("/live", live)], lifespan=hub.lifespan)
    app.direct_requests = live.direct_requests.below("/live")
    async with (
        serve(app, http=DIRECT_HTTP) as address,
        httpx.AsyncClient(base_url=address.http(""), timeout=DEADLINE, trust_env=False) as browser,
    ):
        before = counters.direct
        for path, status, direct in (("/live/api/publish", 200, 1), ("/api/publish", 404, 1)):
            said = await browser.post(path, content=b'{"channel":"logs","data":1}', headers=KEY | JSON)
            assert (said.status_code, counters.direct - before) == (status, direct)


async def test_whom_only_the_application_knows_is_asked_about_each_time() -> None:
    hub = Hub(channels=CHANNELS)
    async with doors(hub=hub, operators=lambda scope: True, server={"http": DIRECT_HTTP}) as opened:
        headers = JSON | {"Sec-Fetch-Site": "same-origin"}
        body = b'{"channel":"logs","data":1}'
        assert not await is_direct(opened, "/api/publish", content=body, headers=headers)
        assert hub.counters.published == 1, "it was let in, by the door"


async def test_who_feeds_the_hub_directly_is_one_of_its_sources(opened: Doors) -> None:
    row = b'{"source":"worker","message":"x"}'
    assert await is_direct(opened, "/ingest/logs", content=row, headers=KEY | NDJSON)
    said = await opened.http.post("/api/sources", json={}, headers=KEY)
    assert "worker" in said.text


async def test_many_rows_are_published_over_several_turns(opened: Doors) -> None:
    rows = b"\n".join(b"%d" % number for number in range(ROWS_AT_ONCE + 1))
    before = counters.direct
    said = await opened.http.post("/ingest/logs", content=rows, headers=KEY | NDJSON)
    assert (said.status_code, said.json()["last"], counters.direct) == (202, ROWS_AT_ONCE + 1, before + 1)


async def test_what_stands_for_bytes_is_a_bad_row_in_a_later_answer_too() -> None:
    hub = Hub(FakeBroker(), channels=CHANNELS)  # which takes no runs: its answers are for later
    async with doors(hub=hub, token=TOKEN, server={"http": DIRECT_HTTP}) as opened:
        before = counters.direct
        said = await opened.http.post("/ingest/strict", content=b'1\n"\\u0000b64,AAAA"', headers=KEY | NDJSON)
        assert (said.status_code, said.json()["row"], counters.direct) == (422, 2, before + 1)
        said = await opened.http.post("/ingest/nobody", content=b"1", headers=KEY | NDJSON)
        assert (said.status_code, counters.direct) == (404, before + 2)


async def test_a_full_hub_says_so_directly() -> None:
    limits = Limits(in_flight_bytes=10)
    async with doors(CHANNELS, limits=limits, token=TOKEN, server={"http": DIRECT_HTTP}) as opened:
        before = counters.direct
        said = await opened.http.post("/ingest/logs", content=b'"123456789"', headers=KEY | NDJSON)
        assert (said.status_code, said.headers["retry-after"]) == (429, "1")
        body = b'{"channel":"logs","data":"123456789"}'
        said = await opened.http.post("/api/publish", content=body, headers=KEY | JSON)
        assert said.json() == {"error": {"code": 100, "message": "internal server error"}}
        assert counters.direct == before + 2
        assert opened.hub.counters.overloaded == 2
