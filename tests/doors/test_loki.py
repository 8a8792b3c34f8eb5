"""What promtail pushes, as its documentation and its protocol say, and what it is answered."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gapless import ChannelOptions, Limits
from gapless.doors.loki import SNAPPY_BYTES

from ..support.serving import Doors, doors

pytestmark = pytest.mark.anyio

TOKEN = "9f2c61d07be84a35c1d2"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf", "User-Agent": "promtail/3.0.0", "X-Scope-OrgID": "1"}
# The example of Loki's documentation.
EXAMPLE = {"streams": [{"stream": {"foo": "bar2"}, "values": [["1570818238000000000", "fizzbuzz"]]}]}


@pytest.fixture
async def opened() -> AsyncIterator[Doors]:
    channels = {"logs": ChannelOptions(history=100), "app:*": ChannelOptions(history=100)}
    async with doors(channels, token=TOKEN, limits=Limits(ingest_bytes=100_000)) as opened:
        yield opened


async def push(opened: Doors, content: bytes, headers: dict[str, str], query: str = "") -> Any:
    return await opened.http.post(f"/loki/api/v1/push{query}", content=content, headers=headers)


async def kept(opened: Doors, channel: str = "logs") -> list[Any]:
    return [publication.data for publication in (await opened.hub.history(channel)).publications]


def pushed(*lines: bytes) -> bytes:
    """A PushRequest with one stream, in Protobuf and snappy, as promtail makes it."""
    labels = b'{filename="/var/log/app.log", job="varlogs"}'
    stream = b"\x0a" + bytes([len(labels)]) + labels
    for line in lines:
        entry = b"\x0a\x06\x08\xfe\xf4\x82\xed\x05" + b"\x12" + bytes([len(line)]) + line
        stream += b"\x12" + bytes([len(entry)]) + entry
    body = b"\x0a" + varint(len(stream)) + stream
    pieces = [body[at : at + 60] for at in range(0, len(body), 60)]
    return varint(len(body)) + b"".join(bytes([(len(piece) - 1) << 2]) + piece for piece in pieces)


def varint(number: int) -> bytes:
    made = b""
    while number > 0x7F:
        made += bytes([number & 0x7F | 0x80])
        number >>= 7
    return made + bytes([number])


async def test_the_example_of_the_documentation_is_taken(opened: Doors) -> None:
    said = await push(opened, json.dumps(EXAMPLE).encode(), BEARER | JSON)
    assert (said.status_code, said.content) == (204, b"")
    assert await kept(opened) == [
        {"time": "2019-10-11T18:23:58.000000+00:00", "fields": {"foo": "bar2"}, "message": "fizzbuzz"}
    ]


async def test_so_is_what_promtail_sends_by_itself_into_the_channel_that_its_address_names(
    opened: Doors,
) -> None:
    said = await push(opened, pushed(b"one", b"ERROR two"), BEARER | PROTOBUF, "?channel=app:logs")
    assert said.status_code == 204
    one, two = await kept(opened, "app:logs")
    assert (one["message"], one["source"]) == ("one", "varlogs")
    assert one["fields"] == {"filename": "/var/log/app.log"}
    assert (two["message"], two["level"]) == ("two", "error")


async def test_json_may_be_packed_with_gzip(opened: Doors) -> None:
    packed = gzip.compress(json.dumps(EXAMPLE).encode())
    said = await push(opened, packed, BEARER | JSON | {"Content-Encoding": "gzip"})
    assert said.status_code == 204
    assert len(await kept(opened)) == 1


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", JSON, 401),
        (b"{}", BEARER | JSON | {"Origin": "http://evil.example"}, 403),
        (b"{}", BEARER | JSON, 400),
        (b"{", BEARER | JSON, 400),
        (b"\xff", BEARER | PROTOBUF, 400),
        (b"\x01\x00\xff", BEARER | PROTOBUF, 400),
        (b"\xa1\x8d\x06", BEARER | PROTOBUF, 413),
        (b"x", BEARER | {"Content-Type": "text/plain"}, 415),
        (b" " * 100_001, BEARER | JSON, 413),
    ],
)
async def test_what_cannot_be_taken_says_so(
    opened: Doors, content: bytes, headers: dict[str, str], status: int
) -> None:
    assert (await push(opened, content, headers)).status_code == status
    assert await kept(opened) == []


async def test_a_channel_that_nobody_declared_is_404(opened: Doors) -> None:
    said = await push(opened, json.dumps(EXAMPLE).encode(), BEARER | JSON, "?channel=nobody")
    assert said.status_code == 404


async def test_in_protobuf_no_more_is_unpacked_than_is_good_for_others() -> None:
    limits = Limits(ingest_bytes=2 * SNAPPY_BYTES)
    async with doors({"logs": ChannelOptions(history=1)}, token=TOKEN, limits=limits) as opened:
        said = await push(opened, b"\x00" * (SNAPPY_BYTES + 1), BEARER | PROTOBUF)
        assert said.status_code == 413


async def test_it_has_so_many_lines_and_no_more() -> None:
    channels = {"logs": ChannelOptions(history=1000)}
    async with doors(channels, token=TOKEN, limits=Limits(ingest_rows=3)) as opened:
        for count, status in ((3, 204), (4, 413)):
            values = [["0", "x"]] * count
            said = json.dumps({"streams": [{"stream": {}, "values": values}]}).encode()
            assert (await push(opened, said, BEARER | JSON)).status_code == status
            packed = pushed(*[b"x"] * count)
            assert (await push(opened, packed, BEARER | PROTOBUF)).status_code == status
        assert len(await kept(opened)) == 6
        said = json.dumps(
            {"streams": [{"stream": {}, "values": [["0", "x", {"a": "b" * 600_000}]]}]}
        ).encode()
        assert (await push(opened, said, BEARER | JSON)).status_code == 400, "no publication is as large"
