"""`gapless publish`: what is published, and what is not."""

from __future__ import annotations

import pytest

from ..support.commands import gapless
from .conftest import Verb
from .talking import position, tailed


def test_publish_prints_the_position(verb: Verb, url: str, channel: str) -> None:
    epoch, offset = position(verb, url, channel, '{"a": [1.50, "ä"]}').split(":")
    assert offset == "1"
    assert position(verb, url, channel) == f"{epoch}:2"
    assert tailed(verb, url, channel) == [{"a": [1.5, "ä"]}, 1]


def test_publish_reads_stdin(url: str, channel: str, verb: Verb) -> None:
    ended = gapless("publish", channel, "-", "--url", url, given='{"from":\n"stdin"}\n')
    assert (ended.returncode, ended.stderr) == (0, "")
    assert tailed(verb, url, channel) == [{"from": "stdin"}]


@pytest.mark.parametrize("data", ["hello", "", "{", "NaN", "1 2"])
def test_what_is_not_json_is_not_published(verb: Verb, url: str, channel: str, data: str) -> None:
    ended = verb("publish", channel, data, "--url", url)
    assert (ended.code, ended.out) == (2, [])
    (line,) = ended.err
    assert "not JSON" in line


def test_what_the_hub_refuses_is_one_line(verb: Verb, url: str) -> None:
    ended = verb("publish", "x" * 300, "1", "--url", url)
    assert ended.code == 1
    (line,) = ended.err
    assert line.startswith("gapless: error 107")


def test_the_url_and_the_token_come_from_the_environment(url: str, channel: str) -> None:
    ended = gapless("publish", channel, "1", GAPLESS_URL=url, GAPLESS_TOKEN="ignored")
    assert ended.returncode == 0
