"""`gapless pipe` and `follow` against a real hub."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from ..support.commands import gapless, serving, started
from .conftest import Verb
from .talking import read_just_now, tailed


def test_what_cannot_be_followed_is_one_line(verb: Verb) -> None:
    ended = verb("follow", "/dev/null")
    assert (ended.code, ended.out) == (1, [])
    assert "not a regular file" in ended.err[0]


def test_pipe_publishes_lines_and_passes_them_on(verb: Verb, url: str, channel: str) -> None:
    given = (
        'INFO:     started\n{"a": 1}\nlevel=warn msg="low"\n\nERROR:app:bad\n'
        'Traceback (most recent call last):\n  File "x", line 1\nValueError: boo\nlast'
    )
    ended = gapless("pipe", channel, "--url", url, given=given)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, given, "")
    rows = tailed(verb, url, channel)
    assert read_just_now(rows[0]) == {"level": "info", "message": "started"}
    assert rows[1] == {"a": 1}
    assert read_just_now(rows[2]) == {"level": "warn", "msg": "low"}
    assert isinstance(rows[3], dict)
    assert rows[3]["exception"]["type"] == "ValueError"
    assert [read_just_now(row) for row in rows[4:]] == [{"message": "last"}]


def test_a_line_that_the_hub_refuses_is_said_and_costs_only_itself(
    verb: Verb, tmp_path: Path, channel: str
) -> None:
    config = tmp_path / "gapless.toml"
    config.write_text("[limits]\nserver_payload_bytes = 200\n")
    with serving("--config", str(config)) as (url, _):
        ended = gapless("pipe", channel, "-q", "--url", url, given=f"one\ntwo\n{'x' * 300}\nthree\n")
        assert ended.returncode == 1
        assert ended.stderr.splitlines()[-1] == "gapless: 1 publications were not taken by the hub"
        rows = tailed(verb, url, channel)
    assert [read_just_now(row) for row in rows] == [{"message": text} for text in ("one", "two", "three")]


def test_pipe_does_not_wait_for_the_end_of_its_input(verb: Verb, url: str, channel: str) -> None:
    with (
        started("tail", channel, "-o", "raw", "--url", url) as tail,
        started("pipe", channel, "-q", "--url", url) as pipe,
    ):
        pipe.type("one\n")
        assert read_just_now(json.loads(tail.line() or "")) == {"message": "one"}
        pipe.type("ERROR:app:held for a moment\n")
        assert json.loads(tail.line() or "")["message"] == "held for a moment"
        pipe.type("half a line")
        assert pipe.end(signal.SIGINT) == 130
        assert pipe.rest() == pipe.rest("err") == []


def test_pipe_says_what_it_could_not_deliver(channel: str) -> None:
    with started("pipe", channel, "--url", "http://127.0.0.1:9") as pipe:
        pipe.type("one\ntwo\n")
        assert "gapless serve" in (pipe.line("err") or "")
        assert (pipe.line(), pipe.line()) == ("one", "two")
        assert pipe.end(signal.SIGTERM) == 128 + signal.SIGTERM
        assert "2 publications were not delivered" in pipe.rest("err")[0]


def test_follow_publishes_what_is_written_through_a_rotation(
    verb: Verb, url: str, channel: str, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    one.write_text("old\n")
    with (
        started("tail", channel, "-o", "raw", "--url", url, "--since", "x:1") as tail,
        started("follow", str(one), str(two), "-c", channel, "--url", url, "--from-start") as follow,
    ):
        assert follow.line("err") == f"gapless: {two} does not exist yet; waiting for it"
        assert read_just_now(json.loads(tail.line() or "")) == {"source": str(one), "message": "old"}
        two.write_text("new\n")
        assert read_just_now(json.loads(tail.line() or "")) == {"source": str(two), "message": "new"}
        with one.open("a") as file:
            one.rename(one.with_suffix(".1"))
            file.write("rest\n")
        one.write_text("fresh\n")
        assert json.loads(tail.line() or "")["message"] == "rest"
        assert json.loads(tail.line() or "")["message"] == "fresh"
        one.write_text("cut\n")
        assert "was cut off" in json.loads(tail.line() or "")["message"], "said before what stands behind it"
        assert json.loads(tail.line() or "")["message"] == "cut"
        assert "was cut off" in (follow.line("err") or "")
        assert follow.end(signal.SIGINT) == 130
