"""Streams of lines as rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gapless.doors.loki import request_from, rows
from gapless.doors.rows import BadRow

from ..support.alarm import not_for_ever


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


def field(number: int, value: bytes) -> bytes:
    """A field of bytes in Protobuf, with its length as a varint."""
    size, length = len(value), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((number << 3 | 2, *length, size)) + value


def test_labels_in_protobuf_are_read_with_their_quotes() -> None:
    labels = b'{job="a\\"b", path="C:\\\\x", odd="\\a"}'
    metadata = field(1, b"k") + field(2, b"v")
    entry = field(1, b"\x08\x01") + field(2, b"x") + field(3, metadata)
    assert request_from(field(1, field(1, labels) + field(2, entry))) == {
        "streams": [
            {
                "stream": {"job": 'a"b', "path": "C:\\x", "odd": "\\a"},
                "values": [["1000000000", "x", {"k": "v"}]],
            }
        ]
    }
    with pytest.raises(ValueError, match=r"parsing|Error"):
        request_from(b"\xff")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(b"a" * 200_000, {}), (b'{job="a", host="b"}', {"job": "a", "host": "b"})],
    ids=["a name without end", "two"],
)
def test_labels_are_read_in_one_pass(labels: bytes, expected: dict[str, str]) -> None:
    with not_for_ever():
        assert request_from(field(1, field(1, labels))) == {"streams": [{"stream": expected, "values": []}]}
