"""What holds of `protocol/sse`, whatever is put in."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from gapless.model import Position
from gapless.protocol import sse

from ...protocol.test_sse import read

EPOCHS = st.text(alphabet="abcXYZ019_-", max_size=12)


POSITIONS = st.builds(Position, st.integers(0, 2**63 - 1), EPOCHS)


@given(st.lists(st.tuples(st.binary(), st.none() | POSITIONS, st.sampled_from([None, "gap", "refused"]))))
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
        for end in ("\x85", "\u2028", "\u2029"):
            lines = lines.replace(end.encode(), b"\\u%04x" % ord(end))
        expected.append((last, (name or "message").encode(), lines))
    assert read(written) == expected


@given(st.lists(POSITIONS, min_size=1, max_size=5))
def test_an_id_gives_the_positions_back(positions: list[Position]) -> None:
    text = sse.event_id(positions)
    assert sse.parse_event_id(text, len(positions)) == positions
    assert sse.parse_event_id(text, len(positions) + 1) is None


@given(st.text(), st.integers(1, 4))
def test_any_text_is_positions_or_nothing(text: str, channels: int) -> None:
    found = sse.parse_event_id(text, channels)
    assert found is None or sse.event_id(found) == text
