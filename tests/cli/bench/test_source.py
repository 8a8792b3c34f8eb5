"""What `gapless bench` publishes: so many, so large, so often."""

from __future__ import annotations

import json

import pytest

from ...support.commands import serving
from ..conftest import Verb

SMALL = ("--clients", "5", "--seconds", "0.5")


def test_a_rate_and_a_size_are_kept(verb: Verb, url: str, channel: str) -> None:
    ended = verb(
        "bench", *SMALL, "--url", url, "--rate", "40", "--size", "300", "--channel", channel, "-o", "json"
    )
    figures = json.loads(ended.out[0])
    assert (figures["publications"], figures["deliveries"]) == (20, 100)
    data = verb("tail", channel, "--url", url, "-n", "all", "-o", "raw", "--no-follow").out
    assert [len(line) for line in data] == [300] * 20


def test_a_publication_that_is_refused_is_one_line(
    verb: Verb, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = tmp_path_factory.mktemp("bench") / "gapless.toml"
    config.write_text("[limits]\nserver_payload_bytes = 100\n")
    with serving("--config", str(config)) as (url, _):
        ended = verb("bench", *SMALL, "--url", url)
    assert (ended.code, ended.out) == (1, [])
    (line,) = ended.err
    assert "error 107" in line
