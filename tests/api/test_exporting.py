"""Files of what a channel keeps: their forms, what is wanted of them, and what was trimmed meanwhile."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gapless import BrokerError, ChannelOptions, ClientError, Hub
from gapless.api import BadBody, call
from gapless.api.arguments import read
from gapless.api.exporting import COLUMNS, PAGE_BYTES, export, wanted

from ..support.broker import FakeBroker

pytestmark = pytest.mark.anyio

CHANNELS = {"now": ChannelOptions(), "*": ChannelOptions(history=5_000, history_bytes=None)}


@pytest.fixture
async def hub(anyio_backend: str) -> AsyncIterator[Hub]:
    async with Hub(channels=CHANNELS) as hub:
        yield hub


async def parts(hub: Hub, **said: Any) -> list[bytes]:
    wish = wanted(hub, read(hub, json.dumps({"channel": "logs", **said}).encode()))
    return [part async for part in export(hub, wish)]


async def text(hub: Hub, **said: Any) -> str:
    return b"".join(await parts(hub, **said)).decode()


async def rows(hub: Hub, **said: Any) -> list[Any]:
    return [json.loads(line) for line in (await text(hub, **said)).splitlines()]


async def fill(hub: Hub, *data: Any) -> None:
    for each in data:
        await hub.publish("logs", each)


def line(message: str, level: Any = "info", **more: Any) -> dict[str, Any]:
    return {"time": "2026-05-14T12:00:00Z", "level": level, "logger": "app", "message": message, **more}


async def test_all_that_is_kept_is_there_in_order_with_its_offset_and_time(hub: Hub) -> None:
    await call(hub, "publish", b'{"channel":"logs","data":{"n":98765432109876543210},"tags":{"a":"b"}}')
    await fill(hub, "two")
    first, second = (await text(hub)).splitlines()
    assert '"data":{"n":98765432109876543210}' in first, "byte for byte"
    assert json.loads(second)["data"] == "two"
    assert [json.loads(one)["offset"] for one in (first, second)] == [1, 2]
    assert "98765432109876543210" in await text(hub, format="csv"), "in every form"
    assert json.loads(first)["tags"] == {"a": "b"}
    assert json.loads(first)["time"] > 1_700_000_000


async def test_it_is_read_in_pages_that_are_bounded(hub: Hub) -> None:
    await fill(hub, *(f"{number} {'x' * 1_000}" for number in range(1_000)))
    found = await parts(hub)
    assert max(map(len, found)) < PAGE_BYTES + 20_000
    assert [json.loads(one)["offset"] for one in b"".join(found).splitlines()] == list(range(1, 1_001))


async def test_it_ends_where_the_channel_stood_when_it_began(hub: Hub) -> None:
    await fill(hub, *range(400))
    wish = wanted(hub, read(hub, b'{"channel":"logs"}'))
    found = 0
    async for part in export(hub, wish):
        found += len(part.splitlines())
        await fill(hub, "later")
    assert found == 400


async def test_a_range_of_offsets_is_inclusive(hub: Hub) -> None:
    await fill(hub, *range(10))
    assert [row["offset"] for row in await rows(hub, **{"from": 3, "to": 5})] == [3, 4, 5]
    assert await rows(hub, **{"from": 11}) == []
    assert [row["offset"] for row in await rows(hub, **{"from": 9, "to": 99})] == [9, 10]


async def test_times_bound_it_also_where_a_clock_jumped_back(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = FakeBroker()
    async with Hub(broker, channels=CHANNELS) as hub:
        await fill(hub, *range(5))
        kept = broker.streams["logs"].kept
        for at, time in enumerate((100.0, 200.0, 90.0, 150.0, 300.0)):
            kept[at] = kept[at]._replace(time=time)
        assert [row["offset"] for row in await rows(hub, since=100, until=300)] == [1, 2, 4]


async def test_words_and_levels_choose_as_in_a_search(hub: Hub) -> None:
    await fill(
        hub, line("Pool exhausted", "WARN", pool=5), line("pool fine"), line("exhausted", 40), "plain pool"
    )
    assert [row["offset"] for row in await rows(hub, query="POOL exhausted")] == [1]
    assert [row["offset"] for row in await rows(hub, query='"pool fine" app*')] == [2]
    assert [row["offset"] for row in await rows(hub, query="message")] == [], "keys are not looked at"
    assert [row["offset"] for row in await rows(hub, level="warning")] == [1]
    assert [row["offset"] for row in await rows(hub, level="error")] == [3], "also Python's number"
    assert [row["offset"] for row in await rows(hub, query=" * ")] == [1, 2, 3, 4]


async def test_as_text_each_is_one_harmless_line(hub: Hub) -> None:
    await fill(hub, line("one\ntwo \x1b[2J"), {"level": 40, "msg": "no time"})
    first, second = (await text(hub, format="text")).splitlines()
    assert first == "2026-05-14T12:00:00Z INFO app one\\ntwo \\x1b[2J"
    assert second.endswith("Z ERROR no time"), "when the hub took it"


async def test_as_csv_no_cell_is_a_formula(hub: Hub) -> None:
    await fill(hub, line('=HYPERLINK("x")', source="web,1"), "-1+1")
    head, first, second = csv.reader(io.StringIO(await text(hub, format="csv")))
    assert tuple(head) == COLUMNS
    assert first[:6] == ["1", "2026-05-14T12:00:00Z", "info", "app", '\'=HYPERLINK("x")', "web,1"]
    assert json.loads(first[6])["message"] == '=HYPERLINK("x")'
    assert second[4] == "'-1+1"


async def test_what_is_no_json_is_base64_or_said_to_be_binary(hub: Hub) -> None:
    body = {"channel": "logs", "b64data": "AP8="}
    assert b"error" not in (await call(hub, "publish", json.dumps(body).encode()) or b"error")
    assert [row["b64data"] for row in await rows(hub)] == ["AP8="]
    assert (await text(hub, format="text")).endswith(" (binary)\n")
    assert await rows(hub, query="x") == []


@pytest.mark.parametrize("form", ["ndjson", "text", "csv"])
async def test_half_of_an_emoji_is_no_end_of_the_file(form: str) -> None:
    broker = FakeBroker()
    async with Hub(broker, channels=CHANNELS) as hub:
        await fill(hub, "one", "two")
        kept = broker.streams["logs"].kept
        kept[0] = kept[0]._replace(payload=b'{"message":"Hi \\ud83d","level":1e5}')
        said = await text(hub, format=form)
        assert "Hi " in said
        assert "two" in said


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("ndjson", '{"gap":{"from":3,"to":7,"reason":"trimmed"}}'),
        ("text", "# 3 to 7 are no longer kept"),
        ("csv", ",,gap,,3 to 7 are no longer kept,,"),
    ],
)
async def test_what_was_trimmed_before_it_was_read_is_said_in_its_place(form: str, said: str) -> None:
    broker = FakeBroker()
    async with Hub(broker, channels=CHANNELS) as hub:
        await fill(hub, *range(10))
        wish = wanted(hub, read(hub, json.dumps({"channel": "logs", "format": form, "from": 3}).encode()))
        reading = export(hub, wish)
        head = await anext(reading)
        del broker.streams["logs"].kept[:7]
        lines = (head + b"".join([part async for part in reading])).decode().splitlines()
    assert said in lines
    assert len(lines) - lines.index(said) == 4, "8, 9 and 10 stand behind it"


async def test_a_stream_that_began_anew_ends_it_with_a_word() -> None:
    broker = FakeBroker()
    async with Hub(broker, channels=CHANNELS) as hub:
        await fill(hub, *range(3))
        wish = wanted(hub, read(hub, b'{"channel":"logs","format":"text"}'))
        reading = export(hub, wish)
        await anext(reading)
        broker.streams["logs"].epoch = "another"
        assert [part async for part in reading] == [b"# from 1 on: the stream began anew\n"]


async def test_a_broker_that_fails_ends_it_with_its_error() -> None:
    broker = FakeBroker()
    async with Hub(broker, channels=CHANNELS) as hub:
        await fill(hub, 1)
        wish = wanted(hub, read(hub, b'{"channel":"logs"}'))
        reading = export(hub, wish)
        await anext(reading)
        broker.reads_fail = BrokerError("away")
        with pytest.raises(BrokerError):
            await anext(reading)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ({"channel": ""}, ClientError, "channel is missing"),
        ({"channel": "now"}, ClientError, "no history"),
        ({"format": "xml"}, ClientError, "format is one of ndjson, text, csv"),
        ({"from": 0}, BadBody, "from is an offset"),
        ({"to": "7"}, BadBody, "to is a whole number"),
        ({"since": "x"}, BadBody, "since is a number"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    hub: Hub, said: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await parts(hub, **said)
