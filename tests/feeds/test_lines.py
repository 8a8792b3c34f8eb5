"""Lines of text → objects: what is recognised, and what is left alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless import Limits
from gapless.doors.rows import payloads
from gapless.feeds.lines import MESSAGE_CHARACTERS, as_json, parse_line, parse_rows

from ..support.alarm import not_for_ever

NOW = datetime(2026, 11, 22, 23, 0, tzinfo=timezone(timedelta(hours=1)))

OBJECTS: list[tuple[str, dict[str, Any]]] = [
    ('{"a":1}', {"a": 1}),
    ('  {"level":"info","msg":"x"} ', {"level": "info", "msg": "x"}),
    ("{}", {}),
    ("[1,2]", {"message": "[1,2]"}),
    ('{"a":NaN}', {"message": '{"a":NaN}'}),
    ("{not json}", {"message": "{not json}"}),
    ("42", {"message": "42"}),
]

LOGFMT: list[tuple[str, dict[str, Any]]] = [
    ("level=info msg=hello", {"level": "info", "msg": "hello"}),
    (
        r'level=error msg="it \"broke\"\n" took=1.5ms',
        {"level": "error", "msg": 'it "broke"\n', "took": "1.5ms"},
    ),
    ("a= b=2", {"a": "", "b": "2"}),
    ("msg=alone", {"msg": "alone"}),
    ("url=http://x/?a=b status=007", {"url": "http://x/?a=b", "status": "007"}),
    ("x=1", {"message": "x=1"}),
    ("set x=1 and go", {"message": "set x=1 and go"}),
    ('a=1 b="unfinished', {"message": 'a=1 b="unfinished'}),
]

TIMES: list[tuple[str, dict[str, Any]]] = [
    (
        "2026-11-22 22:54:01,123 INFO app.db: connected",
        {"time": "2026-11-22T22:54:01.123+01:00", "level": "info", "message": "app.db: connected"},
    ),
    (
        "2026-11-22 22:54:01,123 - app.db - ERROR - pool empty",
        {
            "time": "2026-11-22T22:54:01.123+01:00",
            "level": "error",
            "logger": "app.db",
            "message": "pool empty",
        },
    ),
    (
        "2026-11-22T22:54:01.123456789Z [info     ] started key=val",
        {"time": "2026-11-22T22:54:01.123456789Z", "level": "info", "message": "started key=val"},
    ),
    (
        "2026-11-22 22:54:01.123 | WARNING  | app.jobs:run:41 - late",
        {
            "time": "2026-11-22T22:54:01.123+01:00",
            "level": "warning",
            "logger": "app.jobs",
            "func": "run",
            "line": "41",
            "message": "late",
        },
    ),
    (
        "[2026-11-22 22:54:01 +0530] [123] [INFO] Starting gunicorn",
        {"time": "2026-11-22T22:54:01+05:30", "level": "info", "message": "[123] [INFO] Starting gunicorn"},
    ),
    ("2026-11-22 22:54:01 -0500 west", {"time": "2026-11-22T22:54:01-05:00", "message": "west"}),
    ("2026-11-22 22:54:01 UTC quiet", {"time": "2026-11-22T22:54:01Z", "message": "quiet"}),
    ("2026-13-22 22:54:01 no such month", {"message": "2026-13-22 22:54:01 no such month"}),
    ("2026-11-22 report for today", {"message": "2026-11-22 report for today"}),
]

SERVERS: list[tuple[str, dict[str, Any]]] = [
    (
        "2026/11/22 22:54:01 [error] 123#0: *1 open() failed",
        {"time": "2026-11-22T22:54:01+01:00", "level": "error", "message": "123#0: *1 open() failed"},
    ),
    (
        "2026/11/22 22:54:01 listening on :80",
        {"time": "2026-11-22T22:54:01+01:00", "message": "listening on :80"},
    ),
    (
        '127.0.0.1 - - [22/Nov/2026:22:54:01 +0000] "GET / HTTP/1.1" 200 612 "-" "curl"',
        {
            "time": "2026-11-22T22:54:01+00:00",
            "message": '127.0.0.1 - - [22/Nov/2026:22:54:01 +0000] "GET / HTTP/1.1" 200 612 "-" "curl"',
        },
    ),
    (
        "[Sun Nov 22 22:54:01.123456 2026] [core:warn] [pid 9] msg",
        {
            "time": "2026-11-22T22:54:01.123456+01:00",
            "level": "warning",
            "logger": "core",
            "message": "[pid 9] msg",
        },
    ),
    (
        "Nov 22 22:54:01 web sshd[12]: Accepted key",
        {
            "time": "2026-11-22T22:54:01+01:00",
            "host": "web",
            "logger": "sshd",
            "pid": "12",
            "message": "Accepted key",
        },
    ),
    (
        "Dec 31 22:54:01 web kernel: last year",
        {"time": "2025-12-31T22:54:01+01:00", "host": "web", "logger": "kernel", "message": "last year"},
    ),
    (
        "<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
        {
            "time": "2026-10-11T22:14:15+01:00",
            "priority": "34",
            "level": "critical",
            "host": "mymachine",
            "logger": "su",
            "message": "'su root' failed",
        },
    ),
    (
        '<165>1 2003-10-11T22:14:15.003Z web evntslog - ID47 [ex@32473 iut="3" x="\\]"][b] An event',
        {
            "time": "2003-10-11T22:14:15.003Z",
            "priority": "165",
            "level": "notice",
            "host": "web",
            "logger": "evntslog",
            "msgid": "ID47",
            "structured": '[ex@32473 iut="3" x="\\]"][b]',
            "message": "An event",
        },
    ),
    (
        "2026-11-22T22:54:01.1+00:00 web prog[12]: warning: low",
        {
            "time": "2026-11-22T22:54:01.1+00:00",
            "host": "web",
            "logger": "prog",
            "pid": "12",
            "level": "warning",
            "message": "low",
        },
    ),
]

LEVELS: list[tuple[str, dict[str, Any]]] = [
    ("WARNING:root:careful", {"level": "warning", "logger": "root", "message": "careful"}),
    ("INFO:httpx:HTTP Request: GET", {"level": "info", "logger": "httpx", "message": "HTTP Request: GET"}),
    ('INFO:     127.0.0.1:1 - "GET /"', {"level": "info", "message": '127.0.0.1:1 - "GET /"'}),
    ("\x1b[32mINFO\x1b[0m:     Started", {"level": "info", "message": "Started"}),
    ("[\x1b[31mERROR\x1b[0m] boo", {"level": "error", "message": "boo"}),
    ("[warn] x", {"level": "warning", "message": "x"}),
    ("FATAL disk is gone", {"level": "critical", "message": "disk is gone"}),
    ("error: cannot", {"level": "error", "message": "cannot"}),
    ("main.c:3:5: error: no", {"level": "error", "message": "main.c:3:5: error: no"}),
    ("worker [WRN] slow", {"level": "warning", "message": "worker [WRN] slow"}),
    ("got an error today", {"message": "got an error today"}),
    ("Information about it", {"message": "Information about it"}),
    ("GET /INFO HTTP", {"message": "GET /INFO HTTP"}),
    ("x" * 64 + " ERROR", {"message": "x" * 64 + " ERROR"}),
]

DATA: list[tuple[str, dict[str, Any]]] = [
    ("", {"message": ""}),
    ("plain", {"message": "plain"}),
    ("a\x00\x1b[2J\r50%\x9b", {"message": "a\x00\x1b[2J\r50%\x9b"}),
    ("\u202eevil", {"message": "\u202eevil"}),
]


@pytest.mark.parametrize(("line", "row"), OBJECTS + LOGFMT + TIMES + SERVERS + LEVELS + DATA)
def test_a_line_becomes_what_it_says(line: str, row: dict[str, Any]) -> None:
    assert parse_line(line, NOW) == row


def test_a_document_is_published_as_a_hub_keeps_it() -> None:
    for line in ("{\r}", '{"a":\r 1.0e5,\r"b":"\\r"}\r'):
        body = as_json(parse_line(line))
        assert [body] == payloads("application/x-ndjson", body, Limits(), NOW)
        assert json.loads(body) == json.loads(line)


def test_without_a_clock_nothing_is_added_to_a_time() -> None:
    assert parse_line("2026-11-22 22:54:01 x") == {"time": "2026-11-22T22:54:01", "message": "x"}
    assert parse_line("Nov 22 22:54:01 web su: x") == {"message": "Nov 22 22:54:01 web su: x"}


def test_a_date_without_a_year_is_never_more_than_a_day_ahead() -> None:
    assert parse_line("Jan  1 00:00:30 web su: x", datetime(2026, 12, 31, 23, 59, tzinfo=UTC))["time"] == (
        "2027-01-01T00:00:30+00:00"
    )
    leap = parse_line("Feb 29 00:00:30 web su: x", datetime(2025, 3, 1, tzinfo=UTC))
    assert leap["time"] == "2024-02-29T00:00:30+00:00"
    assert parse_line("Feb 30 00:00:30 x", NOW) == {"message": "Feb 30 00:00:30 x"}


@given(st.text())
def test_any_text_becomes_an_object_that_json_can_carry(line: str) -> None:
    row = parse_line(line.encode(errors="replace").decode(), NOW)
    assert isinstance(row, dict)
    assert row
    orjson.dumps(row)


def test_a_long_message_comes_in_several_rows_without_losing_a_character() -> None:
    text = "ERROR " + "".join(chr(0x61 + i % 26) for i in range(2 * MESSAGE_CHARACTERS + 5))
    rows = parse_rows(text, NOW)
    assert len(rows) == 3
    assert rows[0]["level"] == "error"
    assert "".join(row["message"] for row in rows) == text.removeprefix("ERROR ")


def test_a_long_json_object_stays_in_one_piece() -> None:
    long = "x" * (2 * MESSAGE_CHARACTERS)
    assert parse_rows(orjson.dumps({"message": long}).decode()) == [{"message": long}]


@pytest.mark.parametrize("blank", [" ", "\t ", "\u00a0", "\x1b[0m ", " \x1b[0m"])
@pytest.mark.parametrize("opening", ["[ERROR", "<\x1b[31mINFO", "("])
def test_a_line_of_nothing_but_blanks_behind_a_level_takes_no_longer_than_others(
    opening: str, blank: str
) -> None:
    line = opening + blank * 50_000 + "x"
    with not_for_ever():
        assert parse_line(line)["message"] == line
