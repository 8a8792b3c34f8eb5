"""One message on its way: what may be sent, as ASGI has it and as a frame, and what it costs to keep."""

from __future__ import annotations

from typing import Any

import pytest

from gapless import LimitExceeded
from gapless.isolation.outgoing import MESSAGE_BYTES, Outgoing, outgoing, size_of


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ("as it is", {"type": "websocket.send", "text": "as it is"}),
        (b"\x00\xff", {"type": "websocket.send", "bytes": b"\x00\xff"}),
        (bytearray(b"a"), {"type": "websocket.send", "bytes": b"a"}),
        (memoryview(b"a"), {"type": "websocket.send", "bytes": b"a"}),
        ({"a": "ä"}, {"type": "websocket.send", "text": '{"a":"ä"}'}),
        ([1, None], {"type": "websocket.send", "text": "[1,null]"}),
        (1.5, {"type": "websocket.send", "text": "1.5"}),
    ],
)
def test_text_and_bytes_go_as_they_are_and_anything_else_as_json(message: Any, sent: dict[str, Any]) -> None:
    assert outgoing(message, 1000).message == sent


@pytest.mark.parametrize("message", ["x" * 11, b"x" * 11, {"a": "xxxx"}])
def test_what_is_longer_than_allowed_is_refused_with_both_numbers(message: Any) -> None:
    with pytest.raises(LimitExceeded, match="10") as caught:
        outgoing(message, 10)
    assert caught.value.code == 107
    assert outgoing("x" * 10, 10).data == "x" * 10


def test_what_json_cannot_hold_is_named() -> None:
    with pytest.raises(TypeError, match=r"data\.x is of the type object"):
        outgoing({"x": object()}, 1000)


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_its_frame_is_final_unmasked_and_as_long_as_it_says(size: int, head: bytes) -> None:
    """RFC 6455, 5.2: seven bits, sixteen or sixty-four, the fewest that hold it."""
    assert Outgoing("x" * size).frame == head + b"x" * size
    assert Outgoing(b"x" * size).frame == b"\x82" + head[1:] + b"x" * size


def test_each_form_is_made_once_for_all_who_get_it() -> None:
    one = Outgoing("ä")
    assert one.message is one.message
    assert one.frame is one.frame
    assert one.frame == b"\x81\x02\xc3\xa4", "bytes of UTF-8, not characters"


@pytest.mark.parametrize(
    ("message", "size"),
    [
        ({"text": "abc"}, 3),
        ({"text": "äbc"}, 12),
        ({"bytes": b"abc"}, 3),
        ({"type": "websocket.close"}, 0),
    ],
)
def test_what_it_costs_is_never_less_than_it_takes(message: dict[str, Any], size: int) -> None:
    assert size_of(message) == MESSAGE_BYTES + size
