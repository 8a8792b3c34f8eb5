"""Snappy's block format, element by element, and any bytes at all."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.doors.rows import TooLarge
from gapless.doors.snappy import unsnap


def literal(text: bytes) -> bytes:
    return bytes([(len(text) - 1) << 2]) + text


@pytest.mark.parametrize(
    ("packed", "unpacked"),
    [
        (b"\x00", b""),
        (b"\x05" + literal(b"hello"), b"hello"),
        (b"\x08" + literal(b"abcd") + bytes([0 << 5 | 0 << 2 | 1, 4]), b"abcdabcd"),
        (b"\x08" + literal(b"abcd") + bytes([3 << 2 | 2, 4, 0]), b"abcdabcd"),
        (b"\x08" + literal(b"abcd") + bytes([3 << 2 | 3, 4, 0, 0, 0]), b"abcdabcd"),
        (b"\x0a" + literal(b"ab") + bytes([7 << 2 | 2, 2, 0]), b"ababababab"),
        (b"\x3d" + bytes([60 << 2, 60]) + b"x" * 61, b"x" * 61),
        (b"\xac\x02" + bytes([61 << 2]) + (299).to_bytes(2, "little") + b"y" * 300, b"y" * 300),
        (b"\x84\x08" + literal(b"z" * 4) + bytes([63 << 2 | 2, 4, 0]) * 16, b"z" * 1028),
    ],
)
def test_what_was_packed_comes_out(packed: bytes, unpacked: bytes) -> None:
    assert unsnap(packed, 2000) == unpacked


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xff" * 6,
        b"\x05" + literal(b"hell"),
        b"\x05" + literal(b"hello") + b"\x00",
        b"\x04" + literal(b"hello"),
        b"\x06" + literal(b"hello"),
        b"\x08" + literal(b"abcd") + bytes([1, 5]),
        b"\x08" + literal(b"abcd") + bytes([1, 0]),
        b"\x08" + literal(b"abcd") + bytes([3 << 2 | 2, 4]),
        b"\x04" + bytes([1, 1]),
        b"\x05\x10hell",
    ],
)
def test_what_is_not_snappy_is_an_error(packed: bytes) -> None:
    with pytest.raises(ValueError, match="not snappy"):
        unsnap(packed, 2000)


def test_nothing_is_unpacked_that_says_to_be_too_large() -> None:
    with pytest.raises(TooLarge):
        unsnap(b"\xd1\x0f", 2000)
    with pytest.raises(ValueError, match="not snappy"):
        unsnap(b"\xd0\x0f", 2000)


def test_a_copy_from_far_back_takes_no_more_than_it_copies() -> None:
    size = 1 << 20
    text = bytes([63 << 2]) + (size - 1).to_bytes(4, "little") + b"x" * size
    # It says one byte more than there is, so that what was found is not copied in the end.
    packed = b"\x85\x80\x40" + text + bytes([3 << 2 | 3]) + size.to_bytes(4, "little")
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="not as long"):
            unsnap(packed, 2 * size)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * size, "the text twice, and not what is behind it"
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=100))
def test_any_bytes_are_unpacked_or_refused(packed: bytes) -> None:
    try:
        assert len(unsnap(packed, 1000)) <= 1000
    except (ValueError, TooLarge):
        pass
