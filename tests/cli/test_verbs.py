"""The verbs that talk to a hub, against a real one."""

from __future__ import annotations

import json
import signal
from datetime import datetime
from pathlib import Path

import pytest

from ..support.commands import gapless, serving, started
from .conftest import Verb


def tailed(verb: Verb, url: str, channel: str, *options: str) -> list[object]:
    """The data that a channel holds."""
    ended = verb("tail", channel, "--url", url, "-n", "all", "-o", "raw", "--no-follow", *options)
    assert ended.code == 0
    return [json.loads(line) for line in ended.out]


def read_just_now(row: object) -> object:
    """A row of text without the time at which it was read, which it must have."""
    assert isinstance(row, dict)
    assert datetime.fromisoformat(row["time"]).tzinfo is not None
    return {name: value for name, value in row.items() if name != "time"}


def position(verb: Verb, url: str, channel: str, data: str = "1") -> str:
    ended = verb("publish", channel, data, "--url", url)
    assert (ended.code, ended.err) == (0, [])
    (line,) = ended.out
    return line


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


@pytest.mark.parametrize("arguments", [["publish", "c", "1"], ["tail", "c"], ["channels"]])
def test_without_a_hub_it_says_how_to_start_one(verb: Verb, arguments: list[str]) -> None:
    ended = verb(*arguments, "--url", "http://127.0.0.1:9")
    assert (ended.code, ended.out) == (1, [])
    assert ended.err == ["gapless: no hub answers at http://127.0.0.1:9; start one with `gapless serve`"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tail"], "Missing argument 'CHANNEL...'"),
        (["tail", "c", "-n", "ten"], "-n is a whole number or all"),
        (["tail", "c", "-n", "-3"], "-n is a whole number or all"),
        (["search", "c", "x", "--since", "yesterday"], "--since is a time"),
        (["serve", "--port", "99999"], "--port"),
        (["serve", "--workers", "0"], "--workers"),
        (["demo", "/nope"], "/nope"),
        (["demo", "--port", "99999"], "--port"),
        (["tail", "c", "--since", "nonsense"], "a position is EPOCH:OFFSET"),
        (["tail", "a", "b", "--since", "E:1"], "write CHANNEL@EPOCH:OFFSET"),
        (["tail", "a", "--since", "b@E:1"], "b is not among the channels"),
        (["tail", "a", "-o", "yaml"], "--output"),
        (["publish", "c", "1", "--url", "ftp://x"], "http://HOST:PORT"),
        (["publish", "c", "1", "--url", "http://x:99999"], "65536"),
        (["follow", "x", "-c", "{host}"], "{stem}"),
        (["tial"], "Did you mean 'tail'?"),
        (["tail", "c", "--lime"], "--lime"),
    ],
)
def test_a_wrong_command_line_is_one_line(verb: Verb, arguments: list[str], words: str) -> None:
    ended = verb(*arguments)
    assert ended.code == 2
    assert ended.out == []
    (line,) = ended.err
    assert words in line


def test_what_cannot_be_followed_is_one_line(verb: Verb) -> None:
    ended = verb("follow", "/dev/null")
    assert (ended.code, ended.out) == (1, [])
    assert "not a regular file" in ended.err[0]


def test_tail_shows_frames_as_json_one_a_line(verb: Verb, url: str, channel: str) -> None:
    epoch = position(verb, url, channel, r'"\u001b[2J\u202e"').partition(":")[0]
    ended = verb("tail", channel, "--url", url, "-o", "json", "--no-follow")
    (line,) = ended.out
    assert line.isprintable()
    assert json.loads(line) == {"channel": channel, "offset": 1, "epoch": epoch, "data": "\x1b[2J\u202e"}


def test_tail_shows_the_newest_lines_and_goes_on_after_a_position(verb: Verb, url: str, channel: str) -> None:
    positions = [position(verb, url, channel, str(number)) for number in range(15)]
    ended = verb("tail", channel, "--url", url, "-o", "raw", "--no-follow")
    assert ended.out == [str(number) for number in range(5, 15)]
    assert tailed(verb, url, channel, "-n", "0") == []
    for since in (positions[11], f"{channel}@{positions[11]}"):
        assert tailed(verb, url, channel, "--since", since) == [12, 13, 14]


def test_tail_of_several_channels_names_them(verb: Verb, url: str, channel: str) -> None:
    position(verb, url, channel, '{"message": "one", "level": "error"}')
    position(verb, url, f"{channel}b", '"two"')
    ended = verb("tail", channel, f"{channel}b", "--url", url, "--no-follow")
    assert sorted(line.split()[0] for line in ended.out) == [channel, f"{channel}b"]


def test_a_gap_is_said_and_is_an_exit_code_where_asked_for(verb: Verb, url: str, channel: str) -> None:
    position(verb, url, channel)
    arguments = ("tail", channel, "--url", url, "-o", "raw", "--no-follow", "--since", "other:5")
    ended = verb(*arguments)
    assert (ended.code, ended.out) == (0, ["1"])
    assert "GAP" in ended.err[0]
    assert verb(*arguments, "--fail-on-gap").code == 4


def test_tail_follows_flushes_every_line_and_ends_quietly_with_ctrl_c(
    verb: Verb, url: str, channel: str
) -> None:
    with started("tail", channel, "-o", "raw", "--url", url, "-n", "1") as tail:
        position(verb, url, channel, "1")
        assert tail.line() == "1"
        position(verb, url, channel, "2")
        assert tail.line() == "2"
        assert tail.end(signal.SIGINT) == 130
        assert tail.rest() == []
        assert tail.rest("err") == []


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
        assert json.loads(tail.line() or "")["message"] == "cut"
        assert "was cut off" in (follow.line("err") or "")
        assert follow.end(signal.SIGINT) == 130


def test_channels_are_listed(verb: Verb, url: str, channel: str) -> None:
    position(verb, url, channel)
    ended = verb("channels", channel, "--url", url, "--json")
    assert ended.out == [f'{{"channel": "{channel}", "clients": 0}}']
    table = verb("channels", "--url", url).out
    assert table[0].split() == ["CHANNEL", "CLIENTS"]
    assert [channel, "0"] in [line.split() for line in table]
    none = verb("channels", "no-such-*", "--url", url)
    assert (none.code, none.out, none.err) == (0, [], ["gapless: no channel matches 'no-such-*'"])


def test_the_url_and_the_token_come_from_the_environment(url: str, channel: str) -> None:
    ended = gapless("publish", channel, "1", GAPLESS_URL=url, GAPLESS_TOKEN="ignored")
    assert ended.returncode == 0


def test_the_version_and_the_help() -> None:
    assert gapless("--version").stdout.startswith("gapless ")
    ended = gapless("--help")
    assert ended.returncode == 0
    assert all(f" {name} " in ended.stdout for name in ("serve", "publish", "tail", "pipe", "follow", "demo"))
