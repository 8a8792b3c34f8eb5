"""What a line says before its message is taken off it, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.core.levels import LEVELS
from gapless.feeds.prefixes import guess_level, recognise

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("head", "fields"),
    [
        ("2026-01-02 03:04:05,678 ", {"time": "2026-01-02T03:04:05.678+01:00"}),
        ("[2026/01/02 03:04:05] ERROR: ", {"time": "2026-01-02T03:04:05+01:00", "level": "error"}),
        ("2026-01-02T03:04:05Z - ", {"time": "2026-01-02T03:04:05Z"}),
        (
            "2026-01-02 03:04:05.1 | INFO | app.main:run:7 - ",
            {
                "time": "2026-01-02T03:04:05.1+01:00",
                "level": "info",
                "logger": "app.main",
                "func": "run",
                "line": "7",
            },
        ),
        ("WARNING:app.db:", {"level": "warning", "logger": "app.db"}),
        ("\x1b[32mINFO\x1b[0m:     ", {"level": "info"}),
        (
            "<11>Jan  2 03:04:05 host sshd[42]: ",
            {
                "time": "2026-01-02T03:04:05+01:00",
                "priority": "11",
                "level": "error",
                "host": "host",
                "logger": "sshd",
                "pid": "42",
            },
        ),
        (
            "[Fri Jan 02 03:04:05.5 2026] [ssl:warn] ",
            {"time": "2026-01-02T03:04:05.5+01:00", "level": "warning", "logger": "ssl"},
        ),
    ],
)
def test_a_head_becomes_fields_and_the_rest_is_the_message(head: str, fields: dict[str, str]) -> None:
    assert recognise(f"{head}disk is full", NOW) == {**fields, "message": "disk is full"}


@pytest.mark.parametrize("line", ["2026-13-02 03:04:05 x", "Feb 30 03:04:05 host x: y", "99 bottles", ""])
def test_what_is_no_time_stays_in_the_message(line: str) -> None:
    assert recognise(line, NOW) == {"message": line}


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("it is [error] here", "error"),
        ("then ERROR came", "error"),
        ("the error: none", "error"),
        ("an error in prose", None),
        ("/var/log/ERROR.log", None),
        (" " * 64 + "ERROR", None),
    ],
)
def test_further_right_a_level_is_only_noted_and_only_where_it_looks_like_one(
    text: str, level: str | None
) -> None:
    assert guess_level(text) == level
    assert recognise(text)["message"] == text


@given(st.text(st.sampled_from(list("[]<>()0123456789-:/.,TZ |ERORINFJan\t\x1bmx")), max_size=60))
def test_any_head_leaves_a_message_that_the_line_ends_with(text: str) -> None:
    row = recognise(text, NOW.astimezone(UTC))
    assert text.endswith(row["message"])
    assert row.get("level") in {None, *LEVELS.values()}
