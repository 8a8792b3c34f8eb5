"""Streams of lines as rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gapless.doors.loki_records import _labels, request_from, rows
from gapless.doors.rows import BadRow


def read(*values: Any, **labels: str) -> list[Any]:
    return [json.loads(row) for row in rows({"streams": [{"stream": labels, "values": list(values)}]})]


def test_a_line_has_its_time_its_source_and_its_labels() -> None:
    assert read(["1570818238000000000", "fizzbuzz"], job="varlogs", filename="/var/log/x") == [
        {
            "time": "2019-10-11T18:23:58.000000+00:00",
            "source": "varlogs",
            "fields": {"filename": "/var/log/x"},
            "message": "fizzbuzz",
        }
    ]


def test_a_line_is_read_as_pipe_reads_it_and_what_it_says_itself_counts() -> None:
    error, pairs, found = read(
        ["0", "ERROR: bad"],
        ["0", 'level=info msg="x" ts=2020-01-01T00:00:00Z'],
        ["0", '{"time":"now","n":12345678901234567890123}'],
        job="a",
    )
    assert (error["level"], error["message"], error["source"]) == ("error", "bad", "a")
    assert (pairs["msg"], pairs["level"]) == ("x", "info")
    assert (found["time"], found["source"]) == ("now", "a")
    assert (
        b'"n":12345678901234567890123'
        in rows({"streams": [{"stream": {}, "values": [["0", '{"n":12345678901234567890123}']]}]})[0]
    )


def test_metadata_of_a_line_goes_with_its_labels_and_blank_lines_are_none() -> None:
    (row,) = read(["0", "x", {"trace_id": "7"}], ["0", " \n"], service_name="s", job="j")
    assert (row["source"], row["fields"]) == ("s", {"job": "j", "trace_id": "7"})


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        {"streams": 7},
        {"streams": [7]},
        {"streams": [{"stream": {}}]},
        {"streams": [{"stream": [], "values": [["x", "y"]]}]},
        {"streams": [{"values": [["0"]]}]},
        {"streams": [{"values": [["0", 7]]}]},
        {"streams": [{"values": [["9" * 40, "x"]]}]},
        {"streams": [{"values": [["0", "x", 7]]}]},
    ],
)
def test_what_is_no_stream_is_a_bad_row(said: object) -> None:
    with pytest.raises(BadRow):
        rows(said)


def test_labels_in_protobuf_are_read_with_their_quotes() -> None:
    stamp = b"\x0a\x02\x08\x01"
    labels = b'{job="a\\"b", path="C:\\\\x", odd="\\a"}'
    entry = stamp + b"\x12\x01x" + b"\x1a\x06\x0a\x01k\x12\x01v"
    stream = b"\x0a%c%b\x12%c%b" % (len(labels), labels, len(entry), entry)
    assert request_from(b"\x0a%c%b" % (len(stream), stream)) == {
        "streams": [
            {
                "stream": {"job": 'a"b', "path": "C:\\x", "odd": "\\a"},
                "values": [["1000000000", "x", {"k": "v"}]],
            }
        ]
    }
    with pytest.raises(ValueError, match=r"parsing|Error"):
        request_from(b"\xff")


def test_labels_without_end_are_read_in_one_pass() -> None:
    assert list(_labels("a" * 200_000)) == []
    assert list(_labels('{job="a", host="b"}')) == [("job", "a"), ("host", "b")]
