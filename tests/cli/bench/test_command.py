"""`gapless bench` against a real hub; no figure is judged for its speed."""

from __future__ import annotations

import json

import pytest

from ...support.commands import serving
from ..conftest import Verb

SMALL = ("--clients", "5", "--seconds", "0.5")


def kept(verb: Verb, url: str, channel: str) -> int:
    return len(verb("tail", channel, "--url", url, "-n", "all", "-o", "raw", "--no-follow").out)


@pytest.mark.parametrize("door", ["ws", "centrifuge"])
def test_every_publication_is_counted_at_every_subscriber(verb: Verb, url: str, door: str) -> None:
    ended = verb("bench", *SMALL, "--url", url, "--door", door, "-o", "json")
    assert (ended.code, ended.err) == (0, [])
    figures = json.loads(ended.out[0])
    assert figures["publications"] > 0
    assert figures["deliveries"] == 5 * figures["publications"]
    assert (figures["missing"], figures["repeated"], figures["lost_connections"]) == (0, 0, 0)
    assert 0 <= figures["latency_ms"]["p50"] <= figures["latency_ms"]["p99"] <= figures["latency_ms"]["max"]
    assert kept(verb, url, figures["channel"]) == figures["publications"]


def test_the_table_says_what_happened(verb: Verb, url: str, channel: str) -> None:
    ended = verb("bench", *SMALL, "--url", url, "--rate", "20", "--channel", channel)
    assert ended.code == 0
    assert f"5 subscribers, 128 bytes, {channel} on {url}" in ended.out[0]
    assert [line.split()[:2] for line in ended.out if line.startswith(("published", "delivered"))] == [
        ["published", "10"],
        ["delivered", "50"],
    ]
    assert "0 missing, 0 repeated" in ended.out[-1]


def test_with_a_token_both_sides_need_it(verb: Verb) -> None:
    token = "b3f6a2d94c0e1758a1907fd2"
    with serving(GAPLESS_TOKEN=token) as (url, _):
        (line,) = verb("bench", *SMALL, "--url", url).err
        assert "--token or GAPLESS_TOKEN" in line
        ended = verb("bench", *SMALL, "--url", url, "--rate", "20", "--token", token, "-o", "json")
        assert json.loads(ended.out[0])["deliveries"] == 50


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "http://192.0.2.1"], "--remote"),
        (["--url", "https://127.0.0.1"], "http:// only"),
        (["--url", "http://127.0.0.1:9"], "no hub answers at http://127.0.0.1:9"),
        (["--clients", "0"], "--clients"),
        (["--seconds", "61"], "--seconds"),
        (["--size", "10"], "--size"),
        (["--door", "window"], "--door"),
    ],
)
def test_what_cannot_be_measured_is_one_line(verb: Verb, arguments: list[str], words: str) -> None:
    ended = verb("bench", *arguments)
    assert ended.code in (1, 2)
    assert ended.out == []
    (line,) = ended.err
    assert words in line


@pytest.mark.parametrize("door", ["ws", "centrifuge"])
def test_a_subscriber_that_is_refused_is_one_line(verb: Verb, url: str, door: str) -> None:
    ended = verb("bench", *SMALL, "--url", url, "--door", door, "--channel", "x" * 300)
    assert (ended.code, ended.out) == (1, [])
    (line,) = ended.err
    assert "turned away" in line
    assert "107" in line
