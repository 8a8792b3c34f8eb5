"""`gapless tail`: what is shown, from where, and what a gap is."""

from __future__ import annotations

import json
import signal

from ..support.commands import started
from .conftest import Verb
from .talking import position, tailed


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
