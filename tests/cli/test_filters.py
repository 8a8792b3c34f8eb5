"""Which publications are shown, and how a template shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gapless.cli.filters import duration, filled, filter_from
from gapless.cli.pretty import coloured
from gapless.client.reader import Arrived
from gapless.errors import ConfigError


def row(data: Any) -> Arrived:
    return Arrived("logs", 7, "E", data, live=True)


ROW = row(
    {"time": "2026-11-28T20:00:00Z", "level": "WARN", "message": "disk low", "fields": {"user": {"id": 7}}}
)


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({}, True),
        ({"level": "warning"}, True),
        ({"level": "info"}, True),
        ({"level": "error"}, False),
        ({"grep": ["d.sk"]}, True),
        ({"grep": ["disk", "user"]}, True),
        ({"grep": ["disk", "net"]}, False),
        ({"where": ["level=WARN"]}, True),
        ({"where": ["fields.user.id=7"]}, True),
        ({"where": ["fields.user.id=8"]}, False),
        ({"where": ["nothing=7"]}, False),
        ({"since": datetime(2026, 11, 28, 19, tzinfo=UTC)}, True),
        ({"since": datetime(2026, 11, 28, 21, tzinfo=UTC)}, False),
    ],
)
def test_all_that_is_asked_for_must_hold(options: dict[str, Any], taken: bool) -> None:
    chosen = filter_from(
        options.get("level"), options.get("grep", ()), options.get("where", ()), options.get("since")
    )
    assert chosen.takes(ROW) is taken
    assert chosen.active is bool(options)


def test_rows_that_say_nothing_of_it() -> None:
    assert not filter_from("debug", (), (), None).takes(row("text"))
    assert filter_from(None, (), (), datetime.now(UTC)).takes(row({"message": "without a time"}))
    assert filter_from("error", (), (), None).takes(row({"level": 40}))
    assert filter_from(None, (), (), datetime.fromtimestamp(5, UTC)).takes(row({"time": 6000 * 10**9}))


@pytest.mark.parametrize("options", [("loud", (), ()), (None, ("(",), ()), (None, (), ("x",))])
def test_what_cannot_be_meant_is_refused(options: tuple[str | None, list[str], list[str]]) -> None:
    level, grep, where = options
    with pytest.raises(ConfigError):
        filter_from(level, grep, where, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("7d", 604800), ("", None), ("E:5", None)],
)
def test_durations(text: str, seconds: int | None) -> None:
    assert duration(text) == (None if seconds is None else timedelta(seconds=seconds))


def test_a_template_takes_fields_by_name_and_leaves_out_what_is_not_there() -> None:
    template = "{channel}:{offset} {level} {message} {fields.user.id} [{nothing}] {fields}"
    assert filled(template, ROW) == 'logs:7 WARN disk low 7 [] {"user":{"id":7}}'
    assert filled("{data}", row("a\x1b[2Jb")) == r"a\x1b[2Jb"


def test_colours_stay_and_nothing_else_does() -> None:
    assert coloured("\x1b[31mred\x1b[2J\n") == "\x1b[31mred\\x1b[2J\\n\x1b[0m"
    assert coloured("plain\x07") == r"plain\x07"
