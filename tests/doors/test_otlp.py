"""OpenTelemetry's log records over HTTP, as its own SDK and collectors send them."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gapless import ChannelOptions, Limits
from gapless.doors.otlp import request_from
from gapless.doors.rows import PARTS

from ..support.serving import Doors, doors

pytestmark = pytest.mark.anyio

TOKEN = "9f2c61d07be84a35c1d2"
KEY = {"X-API-Key": TOKEN}
PROTOBUF = "application/x-protobuf"

# The example of the specification (opentelemetry-proto, examples/logs.json), with an exception added.
REQUEST = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
            "scopeLogs": [
                {
                    "scope": {"name": "my.library", "version": "1.0.0"},
                    "logRecords": [
                        {
                            "timeUnixNano": "1544712660300000000",
                            "observedTimeUnixNano": "1544712660300000000",
                            "severityNumber": 10,
                            "severityText": "Information",
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b174",
                            "body": {"stringValue": "Example log record"},
                            "attributes": [
                                {"key": "string.attribute", "value": {"stringValue": "some string"}},
                                {"key": "int.attribute", "value": {"intValue": "10"}},
                                {"key": "exception.type", "value": {"stringValue": "ValueError"}},
                                {
                                    "key": "map.attribute",
                                    "value": {
                                        "kvlistValue": {
                                            "values": [{"key": "a", "value": {"boolValue": True}}]
                                        }
                                    },
                                },
                                {
                                    "key": "array.attribute",
                                    "value": {"arrayValue": {"values": [{"doubleValue": 1.5}, {}]}},
                                },
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}

RECORD = {
    "time": "2018-12-13T14:51:00.300000+00:00",
    "level": "info",
    "logger": "my.library",
    "message": "Example log record",
    "source": "my.service",
    "fields": {
        "string.attribute": "some string",
        "int.attribute": 10,
        "map.attribute": {"a": True},
        "array.attribute": [1.5, None],
        "trace_id": "5b8efff798038103d269b633813fc60c",
        "span_id": "eee19b7ec3c1b174",
    },
    "exception": {"type": "ValueError", "message": "", "text": "", "frames": []},
}


@pytest.fixture
async def opened() -> AsyncIterator[Doors]:
    channels = {"logs": ChannelOptions(history=100), "other": ChannelOptions(history=100)}
    async with doors(channels, token=TOKEN) as opened:
        yield opened


async def export(
    opened: Doors, body: bytes, kind: str = "application/json", query: str = "", **headers: str
) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await opened.http.post(
        f"/v1/logs{query}", content=body, headers=KEY | {"Content-Type": kind} | named
    )


async def kept(opened: Doors, channel: str = "logs") -> list[Any]:
    return [json.loads(one.payload) for one in (await opened.hub.history(channel)).publications]


async def test_json_becomes_a_log_record(opened: Doors) -> None:
    said = await export(opened, json.dumps(REQUEST).encode())
    assert (said.status_code, said.json()) == (200, {})
    assert await kept(opened) == [RECORD]


def encoded() -> bytes:
    """The same in Protobuf, byte by byte as the wire format has it: tag, length, value."""

    def part(number: int, value: bytes) -> bytes:
        size, out = len(value), bytearray([number << 3 | 2])
        while size > 127:
            out.append(size & 127 | 128)
            size >>= 7
        return bytes([*out, size]) + value

    def pair(key: bytes, value: bytes) -> bytes:
        return part(1, key) + part(2, value)

    attributes = [
        pair(b"string.attribute", part(1, b"some string")),
        pair(b"int.attribute", bytes([3 << 3, 10])),
        pair(b"exception.type", part(1, b"ValueError")),
        pair(b"map.attribute", part(6, part(1, pair(b"a", bytes([2 << 3, 1]))))),
        pair(b"array.attribute", part(5, part(1, b"\x21\0\0\0\0\0\0\xf8\x3f") + part(1, b""))),
    ]
    record = b"\x09" + (1544712660300000000).to_bytes(8, "little") + b"\x10\x0a" + part(3, b"Information")
    record += part(5, part(1, b"Example log record")) + b"".join(part(6, one) for one in attributes)
    record += part(9, bytes.fromhex("5b8efff798038103d269b633813fc60c")) + part(
        10, bytes.fromhex("eee19b7ec3c1b174")
    )
    scope = part(1, part(1, b"my.library") + part(2, b"1.0.0")) + part(2, record)
    resource = part(1, part(1, pair(b"service.name", part(1, b"my.service"))))
    return part(1, resource + part(2, scope))


def nested(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = [found]
    return found


def of_record(*records: Any) -> bytes:
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


async def test_protobuf_becomes_the_same(opened: Doors) -> None:
    said = await export(opened, gzip.compress(encoded()), PROTOBUF, "?channel=other", content_encoding="gzip")
    assert (said.status_code, said.content, said.headers["content-type"]) == (200, b"", PROTOBUF)
    assert await kept(opened, "other") == [RECORD]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"resourceLogs":[1]}', "application/json", 400),
        (
            b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"soon"}]}]}]}',
            "application/json",
            400,
        ),
        (b"\x0a\xff", PROTOBUF, 400),
        (of_record({"body": {"stringValue": nested(64)}}), "application/json", 400),
        (of_record({"traceId": nested(64)}), "application/json", 400),
        (b"{}", "text/plain", 415),
    ],
)
async def test_what_is_no_request_is_refused(opened: Doors, body: bytes, kind: str, status: int) -> None:
    assert (await export(opened, body, kind)).status_code == status
    assert await kept(opened) == []


async def test_it_wants_the_credential_and_a_channel_that_is(opened: Doors) -> None:
    said = await opened.http.post("/v1/logs", json=REQUEST)
    assert said.status_code == 401
    assert (await export(opened, json.dumps(REQUEST).encode(), query="?channel=nowhere")).status_code == 404


async def test_without_anything_it_is_a_success(opened: Doors) -> None:
    assert (await export(opened, b"{}")).status_code == 200
    assert request_from(b"") == {}


async def test_a_value_is_nested_as_deep_as_a_publication_may_be(opened: Doors) -> None:
    # The record and its fields are two.
    assert (await export(opened, of_record({"body": {"stringValue": nested(62)}}))).status_code == 200
    assert (await export(opened, of_record({"body": {"stringValue": nested(63)}}))).status_code == 400


@pytest.mark.parametrize("kind", ["application/json", PROTOBUF])
async def test_it_has_so_many_records_and_no_more(kind: str) -> None:
    channels = {"logs": ChannelOptions(history=1000)}
    async with doors(channels, token=TOKEN, limits=Limits(ingest_rows=3)) as opened:
        for count, status in ((3, 200), (4, 413)):
            said = of_record(*[{}] * count)
            if kind == PROTOBUF:
                inner = b"\x12\0" * count
                inner = b"\x12" + bytes([len(inner)]) + inner
                said = b"\x0a" + bytes([len(inner)]) + inner
            assert (await export(opened, said, kind)).status_code == status
        assert len(await kept(opened)) == 3
        assert opened.hub.counters.api_refused == 1
        said = b"\x0a\0" * (PARTS * 3 + 1) if kind == PROTOBUF else b'{"a":[' + b"1," * (PARTS * 3) + b"1]}"
        assert (await export(opened, said, kind)).status_code == 413
