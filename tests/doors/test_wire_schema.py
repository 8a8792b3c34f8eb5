"""Messages out of a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.doors.rows import TooLarge
from gapless.doors.wire_schema import Table, check_fields, message_class, parsed

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


BODY = b"\x0a\x02\x08\x07\x0a\x03\x12\x01x\x12\x01n\x1a\x01?\x25abcd\x29abcdefgh\xa0\x01\xff\x01"
"""Two messages with a field each, and six beside them, of every kind that there is."""


def test_fields_are_counted_also_within() -> None:
    check_fields(TABLE, "Outer", BODY, 9)
    with pytest.raises(TooLarge, match="8 fields"):
        check_fields(TABLE, "Outer", BODY, 8)


@given(st.binary(max_size=60))
def test_what_is_parsed_has_no_more_than_were_counted(body: bytes) -> None:
    most = 3
    try:
        check_fields(TABLE, "Outer", body, most)
        message = parsed(message_class("gapless.counted", TABLE, "Outer")(), body)
    except (TooLarge, ValueError):
        return
    fields = message.ListFields() + [field for inner in message.inner for field in inner.ListFields()]
    assert len(message.inner) + sum(descriptor.name != "inner" for descriptor, _ in fields) <= most
