"""Log records as they are published under many names, and text that only shows itself."""

from __future__ import annotations

from typing import Any

import pytest

from gapless.core.records import Record, first_of, harmless, iso, record, values


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {
                "time": "2026-05-14T12:00:00Z",
                "level": "error",
                "logger": "db",
                "message": "no",
                "source": "w",
            },
            Record("2026-05-14T12:00:00Z", "error", "db", "no", "w"),
        ),
        (
            {"timestamp": 1780000000, "log_level": 40, "component": "x", "event": "no", "host": "w"},
            Record("2026-05-28T20:26:40.000Z", "error", "", "no", "w"),
        ),
        (
            {"ts": 1780000000123, "lvl": "warn", "msg": 7},
            Record("2026-05-28T20:26:40.123Z", "warn", "", "7", ""),
        ),
        ({"type": "t", "data": {"a": 1}}, Record("", "", "t", '{"type":"t","data":{"a":1}}', "")),
        ({"time": 1e300, "message": None, "msg": "x"}, Record("1e+300", "", "", "x", "")),
        ("a line", Record("", "", "", "a line", "")),
        ([1, "é"], Record("", "", "", '[1,"é"]', "")),
        (None, Record("", "", "", "null", "")),
    ],
)
def test_a_record_is_found_under_all_names_and_anything_else_is_a_message(data: Any, said: Record) -> None:
    assert record(data) == said


def test_what_says_nothing_leaves_it_to_the_next_name() -> None:
    assert first_of({"message": None, "msg": "", "text": "x"}, ("message", "msg", "text")) == ""
    assert first_of({}, ("message",)) is None


def test_what_steers_a_terminal_or_turns_writing_around_is_shown() -> None:
    assert harmless("a\x1b[31m\r\nb\tc\u202ed\u2028\x9b") == "a\\x1b[31m\\r\\nb\tc\\u202ed\\u2028\\x9b"


def test_times_are_utc_with_milliseconds() -> None:
    assert iso(1780000000.0416) == "2026-05-28T20:26:40.041Z"


def test_values_are_texts_and_whole_numbers_without_keys() -> None:
    assert list(values({"a": "x", "b": [1, True, None, 1.5, {"c": "y"}]})) == ["x", "1", "y"]
