"""The benchmark's publication: a marker to count, the time it was due, and padding to size.

Servers make them and the load generator finds them again in whatever frame a server puts around
them, without parsing: the marker survives JSON as it is and no frame header can contain it.
"""

from __future__ import annotations

import json
from functools import lru_cache

MARKER = b"@#$%"
"""Once in each publication; its bytes are distinct, so that a split one can be put together."""

STAMP_DIGITS = 19
"""Digits of `time.monotonic_ns()` right behind the marker; one clock for all processes of a machine."""

_BARE = len(json.dumps({"t": MARKER.decode() + "0" * STAMP_DIGITS, "p": ""}, separators=(",", ":")))


def message(size: int, stamp_ns: int = 0) -> dict[str, str]:
    """A publication whose compact JSON has `size` bytes.

    Raises:
        ValueError: `size` is too small for marker and stamp.
    """
    return {"t": f"@#$%{stamp_ns:0{STAMP_DIGITS}d}", "p": _padding(size)}


def payload(size: int, stamp_ns: int = 0) -> bytes:
    """The same, encoded."""
    return json.dumps(message(size, stamp_ns), separators=(",", ":")).encode()


def text_frame(data: bytes) -> bytes:
    """One unmasked, final text frame (RFC 6455, 5.2), as servers send it."""
    length = len(data)
    if length < 126:
        return bytes((0x81, length)) + data
    if length < 65536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + data
    return b"\x81\x7f" + length.to_bytes(8, "big") + data


def masked_text_frame(data: bytes) -> bytes:
    """One masked, final text frame, as clients must send it; a mask of zero leaves the data as it is."""
    if len(data) > 125:
        raise ValueError(f"the generator's own messages have at most 125 bytes, not {len(data)}")
    return bytes((0x81, 0x80 | len(data))) + bytes(4) + data


@lru_cache(maxsize=16)
def _padding(size: int) -> str:
    if size < _BARE:
        raise ValueError(f"a publication of the benchmark has at least {_BARE} bytes, not {size}")
    return "x" * (size - _BARE)
