"""Tracebacks in plain text become one row, and nothing else waits for them."""

from __future__ import annotations

import traceback
from collections.abc import Iterable

import pytest

from gapless.feeds.prefixes import Row
from gapless.feeds.tracebacks import TRACEBACK_LINES, TracebackJoiner


def joined(lines: Iterable[str]) -> list[Row]:
    joiner = TracebackJoiner()
    rows = [row for line in lines for row in joiner.feed(line)]
    return rows + joiner.flush()


def raised(error: BaseException) -> list[str]:
    try:
        raise error
    except BaseException as caught:
        return "".join(traceback.format_exception(caught)).splitlines()


def test_a_traceback_belongs_to_the_error_before_it() -> None:
    lines = raised(ValueError("boo"))
    assert joined(["ERROR:app:failed", *lines, "INFO:app:on"]) == [
        {
            "level": "error",
            "logger": "app",
            "message": "failed",
            "exception": {"type": "ValueError", "message": "boo", "text": "\n".join(lines)},
        },
        {"level": "info", "logger": "app", "message": "on"},
    ]


def test_without_an_error_before_it_a_traceback_is_a_row_of_its_own() -> None:
    lines = raised(KeyError("k"))
    assert joined(["plain", *lines]) == [
        {"message": "plain"},
        {
            "level": "error",
            "message": "'k'",
            "exception": {"type": "KeyError", "message": "'k'", "text": "\n".join(lines)},
        },
    ]


def test_an_exception_without_words_gives_its_name() -> None:
    assert joined(raised(SystemError()))[0]["message"] == "SystemError"


def test_chained_exceptions_are_one() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error
    except ValueError as error:
        lines = "".join(traceback.format_exception(error)).splitlines()
    (row,) = joined(lines)
    assert row["exception"] == {"type": "ValueError", "message": "outer", "text": "\n".join(lines)}


def test_an_exception_group_is_one() -> None:
    lines = raised(ExceptionGroup("several", [ValueError("one"), TypeError("two")]))
    row, after = joined([*lines, "after"])
    assert row["exception"]["text"] == "\n".join(lines)
    assert row["exception"]["type"] == "ExceptionGroup"
    assert after == {"message": "after"}


def test_two_tracebacks_are_two() -> None:
    first, second = raised(ValueError("1")), raised(ValueError("2"))
    assert [row["message"] for row in joined([*first, *second, "", *first])] == ["1", "2", "1"]


def test_only_what_could_own_a_traceback_is_held_back() -> None:
    joiner = TracebackJoiner()
    assert joiner.feed("INFO:app:fine") == [{"level": "info", "logger": "app", "message": "fine"}]
    assert joiner.feed("ERROR:app:bad") == []
    assert joiner.feed("INFO:app:next") == [
        {"level": "error", "logger": "app", "message": "bad"},
        {"level": "info", "logger": "app", "message": "next"},
    ]
    assert joiner.feed("WARNING:app:hm") == []
    assert joiner.flush() == [{"level": "warning", "logger": "app", "message": "hm"}]


@pytest.mark.parametrize(("line", "holding"), [("INFO:app:fine", False), ("ERROR:app:bad", True)])
def test_it_says_whether_something_is_held_back(line: str, holding: bool) -> None:
    joiner = TracebackJoiner()
    joiner.feed(line)
    assert joiner.holding is holding


def test_a_traceback_that_stops_halfway_is_given_as_it_is() -> None:
    lines = raised(ValueError("boo"))[:-1]
    (row,) = joined(lines)
    assert row["exception"] == {"type": "", "message": "", "text": "\n".join(lines)}
    assert row["message"] == lines[0]


def test_a_traceback_without_end_is_cut_off() -> None:
    lines = ["Traceback (most recent call last):", *["  x"] * (TRACEBACK_LINES + 10)]
    rows = joined(lines)
    assert rows[0]["exception"]["text"].count("\n") == TRACEBACK_LINES - 1
    assert len(rows) == 1 + 11


def test_blank_lines_are_no_rows() -> None:
    assert joined(["", "a", " ", "b"]) == [{"message": "a"}, {"message": "b"}]
