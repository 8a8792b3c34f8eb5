"""Event streams (HTML Living Standard, 9.2): what goes out can be read by its rules, whatever is in it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.model import Position
from gapless.protocol import sse

EPOCHS = st.text(alphabet="abcXYZ019_-", max_size=12)
POSITIONS = st.builds(Position, st.integers(0, 2**63 - 1), EPOCHS)


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


def test_a_comment_is_no_event() -> None:
    assert read(sse.COMMENT) == []


@given(st.lists(st.tuples(st.binary(), st.none() | POSITIONS, st.sampled_from([None, "gap", "error"]))))
def test_any_data_is_read_back_as_the_events_that_were_written(
    events: list[tuple[bytes, Position | None, str | None]],
) -> None:
    written = b"".join(
        sse.event(data, id=None if position is None else str(position), name=name)
        for data, position, name in events
    )
    expected, last = [], b""
    for data, position, name in events:
        last = last if position is None else str(position).encode()
        lines = re.sub(rb"\r\n|\r", b"\n", data)
        expected.append((last, (name or "message").encode(), lines))
    assert read(written) == expected


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


@given(st.lists(POSITIONS, min_size=1, max_size=5))
def test_an_id_gives_the_positions_back(positions: list[Position]) -> None:
    text = sse.event_id(positions)
    assert sse.parse_event_id(text, len(positions)) == positions
    assert sse.parse_event_id(text, len(positions) + 1) is None


@pytest.mark.parametrize(
    "text", ["", "e", "e:", ":", "e:01", "e:-1", "e:1 ", "e:1,", "é:1", "e:1\n", "e:" + "9" * 20]
)
def test_what_is_no_id_of_ours_is_none(text: str) -> None:
    assert sse.parse_event_id(text, 1) is None


@given(st.text(), st.integers(1, 4))
def test_any_text_is_positions_or_nothing(text: str, channels: int) -> None:
    found = sse.parse_event_id(text, channels)
    assert found is None or sse.event_id(found) == text
