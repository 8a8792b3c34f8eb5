"""A publication as a line for people, harmless whatever it holds."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from rich.console import Console

from gapless.cli.pretty import pretty
from gapless.cli.terminal import Paint
from gapless.client.reader import Arrived

ZONE = timezone(timedelta(hours=1))
NOW = datetime(2026, 11, 22, 23, 0, 5, 678_900, tzinfo=ZONE)
PLAIN = Paint(Console(file=io.StringIO()))


def lines(data: Any, *, live: bool = True, **options: Any) -> list[str]:
    return pretty(Arrived("logs", 7, "E", data, live), PLAIN, now=NOW, **options)


ROWS: list[tuple[Any, str]] = [
    (
        {"time": "2026-11-22T21:54:01.5Z", "level": "info", "logger": "app", "message": "hi"},
        "22:54:01.500 INFO  app hi",
    ),
    ({"ts": 1_795_384_441.25, "levelname": "WARNING", "msg": "hi"}, "22:54:01.250 WARN  hi"),
    ({"ts": 1_795_384_441_250, "level": 40, "text": "hi"}, "22:54:01.250 ERROR hi"),
    ({"time": "2026-11-21T00:00:00+01:00", "message": "hi"}, "2026-11-21 00:00:00.000       hi"),
    ({"time": "2026-11-22T22:00:00", "message": "here"}, "22:00:00.000       here"),
    ({"time": "later", "message": "hi"}, "23:00:05.678       hi"),
    ({"time": True, "level": 10**9, "message": "hi"}, "23:00:05.678 CRIT  hi"),
    ({"ts": 1e300, "message": "hi"}, "23:00:05.678       hi"),
    ({"level": "weird", "message": "hi"}, "23:00:05.678 WEIRD hi"),
    ({"level": None, "message": None, "a": 1}, "23:00:05.678       level=null message=null a=1"),
    ({"type": "deploy", "version": 3}, "23:00:05.678       deploy version=3"),
    ({"message": {"a": 1}, "n": [1, 2]}, '23:00:05.678       {"a":1} n=[1,2]'),
    ({}, "23:00:05.678       {}"),
    ("text", "23:00:05.678       text"),
    ([1, "ä"], '23:00:05.678       [1,"ä"]'),
    (None, "23:00:05.678       null"),
]


@pytest.mark.parametrize(("data", "line"), ROWS)
def test_time_level_and_message(data: Any, line: str) -> None:
    assert lines(data) == [line]


def test_an_old_publication_without_a_time_shows_none() -> None:
    assert lines("x", live=False) == [" " * 12 + "       x"]


def test_with_several_channels_each_line_names_its_own() -> None:
    assert lines("x", show_channel=True) == ["23:00:05.678 logs       x"]


def test_an_exception_follows_indented_line_by_line() -> None:
    data = {"message": "bad", "exception": {"type": "E", "text": "Traceback\n  x\x1b[2J"}}
    assert lines(data) == ["23:00:05.678       bad", "    Traceback", r"      x\x1b[2J"]


def test_a_long_message_is_cut_and_says_so() -> None:
    assert lines("x" * 20, cut=5) == ["23:00:05.678       xxxxx… (15 more characters)"]


HOSTILE = "a\x1b]0;t\x07\x00\n\r\t\x7f\x9b1m\u202e\u2028\ud800b"


@pytest.mark.parametrize(
    "data",
    [
        HOSTILE,
        {"message": HOSTILE, "logger": HOSTILE, "level": HOSTILE, "time": HOSTILE, HOSTILE: HOSTILE},
        [HOSTILE],
        {"message": "x", "exception": HOSTILE},
    ],
)
def test_nothing_in_a_publication_reaches_the_terminal_as_a_control_character(data: Any) -> None:
    shown = pretty(Arrived(HOSTILE, 0, "", data, True), PLAIN, now=NOW, show_channel=True)
    assert all(line.isprintable() for line in shown)


def test_colours_come_from_the_level_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Console(file=io.StringIO(), force_terminal=True)
    assert (
        "\x1b[31mERROR\x1b[0m"
        in pretty(Arrived("l", 1, "E", {"level": "error", "message": "x"}, True), Paint(terminal), now=NOW)[0]
    )
