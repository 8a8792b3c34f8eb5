"""Messages out of a table."""

from __future__ import annotations

import pytest

from gapless.doors.wire_schema import Table, message_class

TABLE: Table = {
    "Outer": [("inner", 1, "Inner", True), ("name", 2, "string", False)],
    "Inner": [("number", 1, "int64", False), ("text", 2, "string", False)],
}


def test_a_message_is_read_as_the_table_says_and_the_rest_of_it_left_out() -> None:
    message = message_class("gapless.tested", TABLE, "Outer")()
    message.ParseFromString(b"\x0a\x02\x08\x07\x0a\x03\x12\x01x\x12\x01n\x1a\x01?")
    assert [(inner.number, inner.text) for inner in message.inner] == [(7, ""), (0, "x")]
    assert message.name == "n"


@pytest.mark.parametrize(("unions", "number"), [((), 7), (("Inner",), 0)])
def test_of_a_union_the_last_one_stands(unions: tuple[str, ...], number: int) -> None:
    message = message_class("gapless.tested", TABLE, "Inner", unions)()
    message.ParseFromString(b"\x08\x07\x12\x01x")
    assert (message.number, message.text) == (number, "x")
