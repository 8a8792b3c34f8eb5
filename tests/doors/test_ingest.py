"""`POST /ingest/CHANNEL`: what a body may be, what is answered, and that the same again is no copy."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import logging
import zlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gapless import ChannelOptions, Hub, Limits
from gapless.brokers.sqlite.broker import SqliteBroker
from gapless.doors.rows import MEMBERS

from ..brokers.sqlite.opening import bound
from ..support.serving import Doors
from ..support.until import DEADLINE
from .conftest import OpenDoors

pytestmark = pytest.mark.anyio

TOKEN = "9f2c61d07be84a35c1d2"
KEY = {"X-API-Key": TOKEN}
CHANNELS = {
    "strict": ChannelOptions(history=10, any_bytes=False),
    "logs": ChannelOptions(history=1000),
    "a/b c": ChannelOptions(history=10),
    "now": ChannelOptions(),
}
NDJSON = "application/x-ndjson"


@pytest.fixture
async def opened(open_http: OpenDoors) -> AsyncIterator[Doors]:
    async with open_http(
        CHANNELS, token=TOKEN, limits=Limits(ingest_bytes=100_000, server_payload_bytes=5000)
    ) as opened:
        yield opened


async def ingest(
    opened: Doors, body: bytes | str, kind: str = NDJSON, channel: str = "logs", **headers: str
) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await opened.http.post(
        f"/ingest/{channel}", content=body, headers=KEY | {"Content-Type": kind} | named
    )


async def kept(opened: Doors, channel: str = "logs") -> list[str]:
    """The payloads of a channel as they are stored."""
    page = await opened.hub.history(channel)
    return [publication.payload.decode() for publication in page.publications]


async def test_lines_are_published_in_order_and_the_answer_says_where_they_stand(opened: Doors) -> None:
    said = await ingest(opened, '{"n": 1}\n\n{"n":2}\r\n3')
    assert said.status_code == 202
    answer = said.json()
    assert (answer["accepted"], answer["first"], answer["last"]) == (3, 1, 3)
    assert answer["epoch"]
    assert await kept(opened) == ['{"n": 1}', '{"n":2}', "3"]
    assert (await ingest(opened, "4")).json() | {"epoch": ""} == {
        "accepted": 1,
        "epoch": "",
        "first": 4,
        "last": 4,
    }


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('{"a": [1,\n2]}', ['{"a": [1,2]}']),
        ('[{"a": 1.0},  "b" , [3]]', ['{"a": 1.0}', '"b"', "[3]"]),
        ("[]", []),
        ("7", ["7"]),
        (
            '{"n":123456789012345678901234567890,"a":1,"a":2}',
            ['{"n":123456789012345678901234567890,"a":1,"a":2}'],
        ),
        (f"[{'1' * 300}]", ["1" * 300]),
    ],
)
async def test_json_is_one_publication_and_an_array_is_one_for_each_element(
    opened: Doors, body: str, found: list[str]
) -> None:
    said = await ingest(opened, body, "application/json")
    assert (said.status_code, said.json()["accepted"]) == (202, len(found))
    assert await kept(opened) == found


async def test_text_is_read_as_pipe_reads_it(opened: Doors) -> None:
    said = await ingest(opened, 'ERROR: bad\r\n\nlevel=info msg=x\n{"a":1}', "text/plain; charset=utf-8")
    assert said.json()["accepted"] == 3
    error, pairs, found = map(json.loads, await kept(opened))
    assert (error["level"], error["message"]) == ("error", "bad")
    assert error["time"]
    assert (pairs["level"], pairs["msg"]) == ("info", "x")
    assert found == {"a": 1}


def bare_deflate(body: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(body) + packing.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:4]) + gzip.compress(body[4:])),
        ("deflate", zlib.compress),
        ("deflate", bare_deflate),
        ("identity", bytes),
    ],
)
async def test_a_body_may_be_packed(opened: Doors, encoding: str, pack: Any) -> None:
    said = await ingest(opened, pack(b'{"a":1}\n{"a":2}'), content_encoding=encoding)
    assert said.status_code == 202
    assert await kept(opened) == ['{"a":1}', '{"a":2}']


async def test_a_packed_body_has_so_many_parts_and_no_more(opened: Doors) -> None:
    part = gzip.compress(b"1\n")
    assert (await ingest(opened, part * MEMBERS, content_encoding="gzip")).json()["accepted"] == MEMBERS
    said = await ingest(opened, part * (MEMBERS + 1), content_encoding="gzip")
    assert (said.status_code, len(await kept(opened))) == (413, MEMBERS)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (gzip.compress(b"1\n" * 60_000, mtime=0), {"content_encoding": "gzip"}, 413),
        (b"1\n" * 60_000, {}, 413),
        (b"1", {"content_encoding": "gzip"}, 415),
        (gzip.compress(b"1", mtime=0)[:-3], {"content_encoding": "gzip"}, 415),
        (b"1", {"content_encoding": "br"}, 415),
        (b"1", {"kind": "application/xml"}, 415),
        (b"1", {"channel": "unknown"}, 404),
        (b"1", {"idempotency_key": "x" * 57}, 422),
    ],
)
async def test_what_cannot_be_taken_is_refused_whole(
    opened: Doors, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert (await ingest(opened, body, **headers)).status_code == status
    assert await kept(opened) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"a":1}\n{"a":\n{"a":3}', "row 2: not valid JSON"),
        (b"1\n\xff", "row 2: not valid JSON"),
        (b"1\n2\n" + b"[" * 65 + b"]" * 65, "row 3: nested deeper than 64"),
        (b"1\n" + b'"' + b"x" * 5000 + b'"', "row 2: 5002 bytes, above the limit of 5000"),
    ],
)
async def test_a_bad_row_is_named_and_nothing_is_published(opened: Doors, body: bytes, words: str) -> None:
    said = await ingest(opened, body)
    assert said.status_code == 422
    assert words in said.json()["error"]["message"]
    assert said.json()["row"] == int(words[4])
    assert await kept(opened) == []


async def test_what_stands_for_bytes_is_a_bad_row_where_a_channel_takes_json_alone(opened: Doors) -> None:
    said = await ingest(opened, b'1\n2\n"\\u0000b64,AAAA"', channel="strict")
    assert (said.status_code, said.json()["row"]) == (422, 3)
    assert await kept(opened, "strict") == []


# What shippers send, by their documentation and their source: headers, body, and the rows of it.
SHIPPED = {
    "vector, a document a line": (
        {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip", "User-Agent": "Vector/0.40.0"},
        gzip.compress(b'{"message":"a","timestamp":"2026-11-28T20:00:00Z"}\n{"message":"b"}\n'),
        ['{"message":"a","timestamp":"2026-11-28T20:00:00Z"}', '{"message":"b"}'],
    ),
    "vector, by default an array": (
        {"Content-Type": "application/json", "User-Agent": "Vector/0.40.0"},
        b'[{"message":"a"},{"message":"b"}]',
        ['{"message":"a"}', '{"message":"b"}'],
    ),
    "fluent-bit, json": (
        {"Content-Type": "application/json", "User-Agent": "Fluent-Bit"},
        b'[{"date":1732824000.123456,"log":"a"},{"date":1732824001.0,"log":"b"}]',
        ['{"date":1732824000.123456,"log":"a"}', '{"date":1732824001.0,"log":"b"}'],
    ),
    "fluent-bit, json_lines, which it calls json": (
        {"Content-Type": "application/json", "Content-Encoding": "gzip", "User-Agent": "Fluent-Bit"},
        gzip.compress(b'{"date":1732824000.5,"log":"a"}\n{"date":1732824001.5,"log":"b"}\n'),
        ['{"date":1732824000.5,"log":"a"}', '{"date":1732824001.5,"log":"b"}'],
    ),
}


@pytest.mark.parametrize("shipper", SHIPPED)
async def test_what_shippers_send_as_they_are_is_taken(opened: Doors, shipper: str) -> None:
    headers, body, rows = SHIPPED[shipper]
    said = await opened.http.post(
        "/ingest/logs", content=body, headers={"Authorization": f"Bearer {TOKEN}"} | headers
    )
    assert (said.status_code, said.json()["accepted"]) == (202, 2)
    assert await kept(opened) == rows


@pytest.mark.parametrize(
    ("body", "row"), [(b'{"a":1}\n{"a":\n', 2), (b'{"a":\n1', 1), (b'{"a":1} {"a":2}', 1), (b"", 1)]
)
async def test_json_that_is_neither_a_document_nor_one_a_line_names_its_row(
    opened: Doors, body: bytes, row: int
) -> None:
    said = await ingest(opened, body, "application/json")
    assert (said.status_code, said.json()["row"]) == (422, row)
    assert await kept(opened) == []


async def test_the_same_key_again_publishes_nothing_and_is_answered_alike(opened: Doors) -> None:
    first = await ingest(opened, "1\n2", idempotency_key="k")
    again = await ingest(opened, "1\n2", idempotency_key="k")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    await ingest(opened, "1\n2", idempotency_key="l")
    assert await kept(opened) == ["1", "2", "1", "2"]


async def test_the_same_key_at_the_same_time_publishes_once(opened: Doors) -> None:
    body = b"\n".join(b"%d" % number for number in range(600))
    answers = await asyncio.gather(*(ingest(opened, body, idempotency_key="k") for _ in range(4)))
    assert {answer.json()["accepted"] for answer in answers} == {600}
    assert await kept(opened) == [str(number) for number in range(600)]


async def test_a_channel_may_have_any_name_and_no_history(opened: Doors) -> None:
    assert (await ingest(opened, "1", channel="a%2Fb%20c")).json()["accepted"] == 1
    assert await kept(opened, "a/b c") == ["1"]
    assert (await ingest(opened, "1", channel="now")).json() == {"accepted": 1}


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "wrong"}])
async def test_it_wants_the_credential_of_publishers(opened: Doors, headers: dict[str, str]) -> None:
    said = await opened.http.post("/ingest/logs", content="1", headers={"Content-Type": NDJSON} | headers)
    assert said.status_code == 401
    said = await opened.http.post(
        "/ingest/logs", content="1", headers={"Content-Type": NDJSON, "Origin": "http://evil.example"} | KEY
    )
    assert said.status_code == 403
    assert await kept(opened) == []


async def test_a_bearer_token_will_do(opened: Doors) -> None:
    headers = {"Content-Type": NDJSON, "Authorization": f"Bearer {TOKEN}"}
    assert (await opened.http.post("/ingest/logs", content="1", headers=headers)).status_code == 202


async def test_subscribers_get_it(opened: Doors) -> None:
    async with opened.client("?channel=logs", additional_headers=KEY) as client:
        await client.history("logs")
        await ingest(opened, '{"a":1}')
        assert json.loads(await client.text())["data"] == {"a": 1}


async def test_rows_that_could_not_be_stored_are_one_failure_and_arrive_in_order_later(
    tmp_path: Any, open_http: OpenDoors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("gapless"), "disabled", True)  # what is captured would be kept
    broker = SqliteBroker(tmp_path / "hub.db")
    hub = Hub(broker, channels=CHANNELS)
    async with open_http(hub=hub, token=TOKEN) as opened:
        rows = [f'{{"n":{number},"x":"{"x" * 2000}"}}' for number in range(700)]
        broker.store.chore(bound(1))  # which means: as many as there are
        said = await ingest(opened, "\n".join(rows), idempotency_key="k")
        assert said.status_code == 503
        broker.store.chore(bound(1_000_000))
        said = await ingest(opened, "\n".join(rows), idempotency_key="k")
        assert (said.status_code, said.json()["accepted"]) == (202, 700)
        assert await kept(opened) == rows
        gc.collect()  # what is not looked at is told when it goes
        assert (hub.counters.publish_failed > 0, hub.counters.publish_unnoticed) == (True, 0)


async def test_a_body_that_was_begun_goes_on_where_it_was_after_trouble(
    tmp_path: Any, open_http: OpenDoors
) -> None:
    """A broker that outlives a process knows each publication by its key."""
    for _ in range(2):
        hub = Hub(f"sqlite:///{tmp_path}/hub.db", channels=CHANNELS)
        async with open_http(hub=hub, token=TOKEN) as opened:
            said = await ingest(opened, "1\n2\n3", idempotency_key="k")
            assert (said.json()["first"], said.json()["last"]) == (1, 3)
            assert await kept(opened) == ["1", "2", "3"]


class Counting(ThreadPoolExecutor):
    """Counts what it is given."""

    def __init__(self) -> None:
        super().__init__(2)
        self.given = 0

    def submit(self, *args: Any, **named: Any) -> Any:
        self.given += 1
        return super().submit(*args, **named)


LONG_BODIES: dict[str, tuple[str, str, bytes, int]] = {
    "lines": ("/ingest/logs", NDJSON, b"1\n" * 10_000, 202),
    "lines, the last of which is none": ("/ingest/logs", NDJSON, b"1\n" * 9_999 + b"{", 422),
    "text": ("/ingest/logs", "text/plain", b"a=1 b=2\n" * 2000, 202),
    "an array": ("/ingest/logs", "application/json", b"[" + b"1," * 9999 + b"1]", 202),
    "too many": ("/ingest/logs", NDJSON, b"1\n" * 10_001, 413),
    "an unknown channel": ("/ingest/unknown", NDJSON, b"1\n" * 10_000, 404),
    "otlp": (
        "/v1/logs",
        "application/json",
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + b"{}," * 999 + b"{}]}]}]}",
        200,
    ),
    "loki": (
        "/loki/api/v1/push",
        "application/json",
        b'{"streams":[{"stream":{},"values":[' + b'["0","x"],' * 999 + b'["0","x"]]}]}',
        204,
    ),
}


@pytest.mark.parametrize("body", LONG_BODIES)
async def test_a_long_body_is_read_beside_the_loop_and_answered_alike(
    open_http: OpenDoors, body: str
) -> None:
    path, kind, content, status = LONG_BODIES[body]
    executor = Counting()
    channels = {"logs": ChannelOptions(history=20_000)}
    async with open_http(channels, token=TOKEN, limits=Limits(ingest_rows=10_000)) as opened:
        # Now, for what is made in a thread at the start is not counted.
        asyncio.get_running_loop().set_default_executor(executor)
        headers = KEY | {"Content-Type": kind}
        said = await opened.http.post(path, content=content, headers=headers)
        assert (said.status_code, executor.given) == (status, 1)
        assert opened.hub.counters.api_refused == (status >= 400)
        if status == 202:
            rows = len(content.splitlines()) if kind != "application/json" else 10_000
            assert (said.json()["first"], said.json()["last"]) == (1, rows)
        elif status == 422:
            assert said.json()["row"] == 10_000
        short = await opened.http.post("/ingest/logs", content=b"7", headers=KEY | {"Content-Type": NDJSON})
        assert (short.status_code, executor.given) == (202, 1), "a short one is read at once"


async def test_a_long_body_and_what_is_pipelined_behind_it_keep_their_order(opened: Doors) -> None:
    long = b"\n".join(b"%d" % number for number in range(8000))
    _, writer = await asyncio.open_connection("127.0.0.1", opened.address.port)
    for body in (long, b"8000"):
        writer.write(
            b"POST /ingest/now HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\n"
            b"X-API-Key: %b\r\nContent-Length: %d\r\n\r\n%b" % (TOKEN.encode(), len(body), body)
        )
    async with opened.hub.subscribe("now") as feed, asyncio.timeout(DEADLINE):
        found = []
        async for publication in feed:
            found.append(publication.data)
            if len(found) == 8001:
                break
    assert found == list(range(8001))
    writer.close()
