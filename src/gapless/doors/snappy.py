"""Snappy's block format, unpacked. Pure.

https://github.com/google/snappy/blob/main/format_description.txt
"""

from __future__ import annotations

from .rows import TooLarge

_LITERAL, _NEAR, _FAR = 0, 1, 2
_LONG_LITERAL = 60
"""From here on a literal says how many bytes its length has."""


def unsnap(packed: bytes, max_bytes: int) -> bytes:
    """What was packed.

    Raises:
        TooLarge: it says that it is more than `max_bytes`; nothing was unpacked.
        ValueError: it is not what it says.
    """
    size, at = _size(packed)
    if size > max_bytes:
        raise TooLarge(f"the body is larger than {max_bytes} bytes")
    found = bytearray()
    while at < len(packed) and len(found) <= size:
        tag = packed[at]
        at += 1
        if tag & 3 == _LITERAL:
            length = (tag >> 2) + 1
            if length > _LONG_LITERAL:
                more = length - _LONG_LITERAL
                length = int.from_bytes(packed[at : at + more], "little") + 1
                at += more
            found += packed[at : at + length]
            at += length
        else:
            length, distance, at = _copy(packed, tag, at)
            if not 0 < distance <= len(found):
                raise ValueError("the body is not snappy: it copies what is not there")
            begin = len(found) - distance
            # It may reach into what it writes itself: then what is there is repeated.
            found += (found[begin : begin + length] * (length // distance + 1))[:length]
    if len(found) != size or at != len(packed):
        raise ValueError("the body is not snappy: it is not as long as it says")
    return bytes(found)


def _size(packed: bytes) -> tuple[int, int]:
    """How long it says to be unpacked, and where that ends: a number in base 128, the smallest first."""
    size = 0
    for at, byte in enumerate(packed[:5]):
        size |= (byte & 0x7F) << (7 * at)
        if byte < 0x80:
            return size, at + 1
    raise ValueError("the body is not snappy: it does not say how long it is")


def _copy(packed: bytes, tag: int, at: int) -> tuple[int, int, int]:
    """How much is copied, from how far back, and what follows."""
    if tag & 3 == _NEAR:
        return (tag >> 2 & 7) + 4, (tag >> 5) << 8 | int.from_bytes(packed[at : at + 1], "little"), at + 1
    width = 2 if tag & 3 == _FAR else 4
    return (tag >> 2) + 1, int.from_bytes(packed[at : at + width], "little"), at + width
