"""A store beside its hub: checked, made smaller, written out and read in."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from gapless import BrokerError, ChannelOptions, ConfigError
from gapless.brokers.sqlite import maintenance
from gapless.brokers.sqlite.address import Address
from gapless.brokers.sqlite.broker import SqliteBroker
from gapless.model import Member

from ..harness import Harness

pytestmark = pytest.mark.anyio

PAYLOADS = [b'{"a": 1.50, "b":"\\u00e4"}', b'{"labels":{},"data":[1 , 2]}', b'"}"', b"null"]
OPTIONS = ChannelOptions(history=3)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A store with two channels, closed."""
    path = tmp_path / "app.db"
    harness = await opened(path)
    for payload in PAYLOADS:
        tags = {"data": "x", "labels": "y"}
        await harness.publish("a", payload, OPTIONS, tags=tags, info=Member("c", "u", b"1"), delta=True)
    await harness.publish('b,"data":', b"7")
    await harness.broker.close()
    return path


async def opened(path: Path) -> Harness:
    broker = SqliteBroker(path)
    harness = Harness(broker, broker.presence)
    await harness.start()
    return harness


async def test_a_sound_store_is_sound(path: Path) -> None:
    health = maintenance.check(Address(path))
    assert (health.channels, health.publications, health.problems) == (2, 4, [])
    assert health.payload_bytes == sum(map(len, PAYLOADS[1:])) + 1


async def test_a_missing_publication_is_found(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM publications WHERE offset = 3")
    connection.commit()
    connection.close()
    assert maintenance.check(Address(path)).problems == ["a: 2 publications from 2 to 4, 1 are missing"]


async def test_a_damaged_page_is_found(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\xff" * 4096 * 3)
    try:
        assert maintenance.check(Address(path)).problems
    except BrokerError as error:
        assert "is damaged" in str(error)


async def test_what_is_written_out_can_be_read_in(path: Path, tmp_path: Path) -> None:
    lines = list(maintenance.export(Address(path)))
    assert [json.loads(line).get("offset") for line in lines] == [None, 2, 3, 4, None, 1]
    other = tmp_path / "other.db"
    assert maintenance.load(Address(other), lines) == (2, 4)
    before, after = await opened(path), await opened(other)
    for channel in ("a", 'b,"data":'):
        old, new = await before.history(channel, OPTIONS), await after.history(channel, OPTIONS)
        assert [p._replace(epoch="") for p in new.publications] == [
            p._replace(epoch="") for p in old.publications
        ]
        assert (new.top.offset, new.oldest) == (old.top.offset, old.oldest)
        assert new.top.epoch != old.top.epoch
    position = await after.publish("a", b"0", OPTIONS)
    assert position is not None
    assert position.offset == 5
    for harness in (before, after):
        await harness.broker.close()
    assert maintenance.check(Address(other)).problems == []


async def test_only_some_channels_can_be_written_out(path: Path) -> None:
    lines = list(maintenance.export(Address(path), lambda channel: channel != "a"))
    assert len(lines) == 2


async def test_lines_that_another_tool_wrote_anew_are_read_by_what_they_mean(tmp_path: Path) -> None:
    lines = [
        b'{ "channel": "a", "top": 1, "oldest": 1, "epoch": "x" }',
        b'{ "data": { "x": 1 }, "channel": "a", "offset": 1, "time": 5 }',
    ]
    other = tmp_path / "other.db"
    assert maintenance.load(Address(other), lines) == (1, 1)
    harness = await opened(other)
    (publication,) = (await harness.history("a", OPTIONS)).publications
    assert (publication.payload, publication.time) == (b'{"x":1}', 5.0)
    await harness.broker.close()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([b"nonsense"], "line 1 is none of"),
        ([b"{}"], "line 1 is none of"),
        ([b'{"channel":"n","offset":1,"time":1,"data":1}'], "line 1: offset 1 of 'n' is out of order"),
        ([b'{"channel":"a","top":1,"oldest":1}'], "line 1: 'a' is in the store already"),
    ],
)
async def test_what_cannot_be_read_in_changes_nothing(path: Path, lines: list[bytes], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        maintenance.load(Address(path), lines)
    assert maintenance.check(Address(path)).publications == 4
    harness = await opened(path)
    assert (await harness.history("a", OPTIONS)).top.offset == 4
    await harness.broker.close()


async def test_what_was_deleted_is_given_back(path: Path) -> None:
    harness = await opened(path)
    (position,) = await harness.fill("large", 1)
    for _ in range(20):
        await harness.publish("large", b'"' + b"x" * 100_000 + b'"')
    await harness.broker.remove_history("large")
    harness.broker.expire(0.0)
    await harness.broker.close()
    before, after = maintenance.compact(Address(path))
    assert after < before / 2
    harness = await opened(path)
    assert (await harness.history("large", limit=0)).top.epoch == position.epoch
    await harness.broker.close()


async def test_a_store_in_use_is_left_alone(path: Path) -> None:
    harness = await opened(path)
    with pytest.raises(BrokerError, match="is in use"):
        maintenance.compact(Address(path))
    with pytest.raises(BrokerError, match="is in use"):
        maintenance.load(Address(path), [])
    assert maintenance.check(Address(path)).problems == []
    assert await harness.publish("a", b"1", OPTIONS) is not None
    await harness.broker.close()


def test_there_has_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="there is no store"):
        maintenance.check(Address(tmp_path / "none.db"))
    with pytest.raises(BrokerError, match="there is no store"):
        list(maintenance.export(Address(tmp_path / "none.db")))
    assert list(tmp_path.iterdir()) == []
