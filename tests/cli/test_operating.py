"""What operators look at, against a real hub."""

from __future__ import annotations

import json

import httpx

from ..support.commands import gapless, started
from .conftest import Verb


def publish(verb: Verb, url: str, channel: str, *rows: object) -> list[str]:
    return [verb("publish", channel, json.dumps(row), "--url", url).out[0] for row in rows]


def test_clients_are_listed(verb: Verb, url: str, channel: str) -> None:
    publish(verb, url, channel, "here")
    with started("tail", channel, "--url", url, "-o", "raw") as tail:
        assert tail.line() == '"here"'
        found = [json.loads(line) for line in verb("clients", "--url", url, "--json").out]
        assert [one["subscriptions"][0]["channel"] for one in found] == [channel]
        assert verb("clients", "--url", url).out[0].split()[:2] == ["CLIENT", "USER"]
        assert verb("clients", "nobody", "--url", url).err == ["gapless: no client is connected"]


def test_sources_are_counted(verb: Verb, url: str, channel: str) -> None:
    rows = [
        {"source": "a", "time": "1"},
        {"source": "b", "level": "error"},
        {"source": "a", "time": "2"},
        "text",
    ]
    publish(verb, url, channel, *rows)
    found = [json.loads(line) for line in verb("sources", channel, "--url", url, "--json").out]
    assert [(one["source"], one["rows"], one["errors"], one["newest"]) for one in found] == [
        ("a", 2, 0, "2"),
        ("b", 1, 1, ""),
    ]


def test_without_channels_those_are_listed_that_feed_the_hub(verb: Verb, url: str, channel: str) -> None:
    rows = '{"source":"web-1"}\n{"kind":"feeder_gap","count":3,"source":"web-1"}'
    headers = {"Content-Type": "application/x-ndjson"}
    httpx.post(f"{url}/ingest/{channel}", content=rows, headers=headers).raise_for_status()
    found = [json.loads(line) for line in verb("sources", "--url", url, "--json").out]
    own = [one for one in found if one["channel"] == channel]
    assert [(one["source"], one["rows"], one["dropped"], one["state"]) for one in own] == [
        ("web-1", 2, 3, "up")
    ]
    table = verb("sources", "--url", url).out
    assert table[0].split()[:3] == ["SOURCE", "CHANNEL", "VIA"]
    assert any(line.split()[:4] == ["web-1", channel, "http", "up"] for line in table)


def test_history_is_read_and_cleared(verb: Verb, url: str, channel: str) -> None:
    places = publish(verb, url, channel, 1, 2, 3, 4)
    arguments = ("history", channel, "--url", url, "-o", "raw")
    assert verb(*arguments, "-n", "2").out == ["3", "4"]
    assert verb(*arguments, "--since", places[0], "-n", "2").out == ["2", "3"]
    refused = gapless("clear", channel, "--url", url, given="n\n")
    assert refused.returncode != 0
    assert len(verb(*arguments).out) == 4
    assert verb("clear", channel, "--yes", "--url", url).code == 0
    assert verb(*arguments).out == []


def test_tail_shows_what_is_asked_for(verb: Verb, url: str, channel: str) -> None:
    rows = [
        {"level": level, "message": f"{level} {n}", "user": n % 2}
        for n in range(3)
        for level in ("info", "error")
    ]
    publish(verb, url, channel, *rows)
    arguments = ("tail", channel, "--url", url, "--no-follow", "--template", "{message}")
    assert verb(*arguments, "--level", "error").out == ["error 0", "error 1", "error 2"]
    assert verb(*arguments, "--level", "error", "-n", "2").out == ["error 1", "error 2"]
    assert verb(*arguments, "--where", "user=1", "--grep", "in.o").out == ["info 1"]
    assert len(verb(*arguments, "--since", "10m").out) == 6
    assert "\x1b[" in verb("tail", channel, "--url", url, "--no-follow", "--color", "always").out[0]
