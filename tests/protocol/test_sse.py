"""Event streams (HTML Living Standard, 9.2): what goes out can be read by its rules, whatever is in it."""

from __future__ import annotations

import json
import re

import pytest

from gapless.protocol import sse


def test_an_event_is_its_id_its_name_and_its_data() -> None:
    assert sse.event(b"{}") == b"data: {}\n\n"
    assert sse.event(b"{}", id="e:1") == b"id: e:1\ndata: {}\n\n"
    assert sse.event(b"{}", id="e:1", name="gap") == b"event: gap\nid: e:1\ndata: {}\n\n"


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_each_line_of_the_data_is_a_data_line(end: bytes) -> None:
    assert sse.event(b"a" + end + b"b") == b"data: a\ndata: b\n\n"
    assert sse.event(b"a" + end + end + b"id: forged" + end) == (
        b"data: a\ndata: \ndata: id: forged\ndata: \n\n"
    )


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029"])
def test_what_other_readers_split_lines_at_is_written_as_an_escape(end: str) -> None:
    data = json.dumps({end: ["é…", f"a{end}id: forged"]}, ensure_ascii=False).encode()
    written = sse.event(data)
    assert len(written.decode().splitlines()) == 2
    ((_, _, seen),) = read(written)
    assert json.loads(seen) == json.loads(data)


def test_a_comment_is_no_event() -> None:
    assert read(sse.COMMENT) == []


def read(stream: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """The events of a stream (9.2.6), as id, name and data; but for those whose data is empty."""
    found, last, name, data = [], b"", b"", list[bytes]()
    for line in re.split(rb"\r\n|\r|\n", stream):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                found.append((last, name or b"message", b"\n".join(data)))
            name, data = b"", []
        elif field == b"id" and b"\0" not in value:
            last = value
        elif field == b"event":
            name = value
        elif field == b"data":
            data.append(value)
    return found


@pytest.mark.parametrize(
    "text", ["", "e", "e:", ":", "e:01", "e:-1", "e:1 ", "e:1,", "é:1", "e:1\n", "e:" + "9" * 20]
)
def test_what_is_no_id_of_ours_is_none(text: str) -> None:
    assert sse.parse_event_id(text, 1) is None
