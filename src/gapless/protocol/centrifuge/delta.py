"""Fossil deltas: a payload as what differs from the one before.

A delta is the target's size and a newline, segments, the target's checksum and `;`. A segment is
`N@M,` (copy N bytes of the source, from M on) or `N:` and N bytes that follow. Numbers are in
base 64. Published as *Fossil Delta Format*; the Centrifuge client protocol uses it as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}

_BLOCK = 16
"""Bytes that must agree for a copy, as in Fossil."""

_SHORTEST_COPY = 8
"""What is common at the ends counts from here on; a shorter copy costs more than its bytes."""

_MAX_BLOCKS = 4096
"""Blocks of the source that are looked for; a source above 64 KiB is sampled more thinly."""

_MAX_WORK = 32_768
"""Places of the target that may match nothing before the rest is literal; some 5 ms."""

_MATCH_WORK = 32
"""How many of those a match costs."""


class BadDelta(ValueError):
    """Not a delta, or not for this source."""


def create(source: bytes, target: bytes) -> bytes:
    """The delta that makes `target` of `source`. It may be longer than the target: compare.

    Copies begin and end at UTF-8 characters of the target, so that the delta of a valid text is
    itself one. Work is bounded: payloads that have little in common are soon given up.
    """
    parts = [_number(len(target)), b"\n"]
    done = 0
    for start, end, place in _copies(source, target):
        start, end, place = _whole_characters(target, start, end, place)
        if end - start < _SHORTEST_COPY:
            continue
        parts += _literal(target[done:start])
        parts += _number(end - start), b"@", _number(place), b","
        done = end
    parts += _literal(target[done:])
    parts += _number(_checksum(target)), b";"
    return b"".join(parts)


def apply(source: bytes, delta: bytes) -> bytes:
    """The target that `delta` makes of `source`.

    Raises:
        BadDelta: it is malformed, or not for this source.
    """
    size, at = _read_number(delta, 0, b"\n")
    target = bytearray()
    while True:
        count, at = _read_number(delta, at)
        kind = delta[at : at + 1]
        at += 1
        if kind == b"@":
            place, at = _read_number(delta, at, b",")
            if place + count > len(source):
                raise BadDelta("a copy reaches beyond the source")
            target += source[place : place + count]
        elif kind == b":":
            target += delta[at : at + count]
            at += count
        elif kind == b";":
            break
        else:
            raise BadDelta("neither copy, nor literal, nor end")
        if len(target) > size:
            raise BadDelta("more than the size that was announced")
    made = bytes(target)
    if len(made) != size or at != len(delta) or count != _checksum(made):
        raise BadDelta("size or checksum differ: not for this source")
    return made


def fits_json(delta: bytes) -> bool:
    """Can it travel as a JSON string? Not if it cuts a character in two."""
    try:
        delta.decode()
    except UnicodeDecodeError:
        return False
    return True


# -- what is common --------------------------------------------------------------------------------


def _copies(source: bytes, target: bytes) -> Iterator[tuple[int, int, int]]:
    """Parts of the target, in order, as (start, end, place in the source)."""
    shorter = min(len(source), len(target))
    head = _common_head(source, 0, target, 0, len(target))
    tail = _common_tail(source, len(source), target, len(target), shorter - head)
    stop = len(target) - tail
    yield 0, head, 0
    if stop - head >= _BLOCK:
        yield from _middle_copies(source, target, head, stop)
    yield stop, len(target), len(source) - tail


def _middle_copies(source: bytes, target: bytes, at: int, stop: int) -> Iterator[tuple[int, int, int]]:
    # Fossil rolls a hash over the target. Here a slice is hashed at each place instead: that is
    # the same work, done by the interpreter in C.
    blocks = _blocks(source)
    work, done, shift = 0, at, 0
    while at <= stop - _BLOCK and work < _MAX_WORK:
        place = blocks.get(target[at : at + _BLOCK])
        if place is None:
            at += 1
            work += 1
            continue
        # Payloads repeat themselves. Where the text goes on as after the last copy, in step with
        # the source, that place is the better one.
        room = stop - at
        places = {place, max(at + shift, 0)}
        ahead, place = max((_common_head(source, here, target, at, room), here) for here in places)
        back = _common_tail(source, place, target, at, min(place, at - done))
        yield at - back, at + ahead, place - back
        at = done = at + ahead
        shift = place + ahead - done
        work += _MATCH_WORK


def _blocks(source: bytes) -> dict[bytes, int]:
    """Where in the source each block lies; of equal ones, the last."""
    stride = max(_BLOCK, -(-len(source) // _MAX_BLOCKS))
    places = range(0, len(source) - _BLOCK + 1, stride)
    return {source[place : place + _BLOCK]: place for place in places}


def _common_head(a: bytes, i: int, b: bytes, j: int, limit: int) -> int:
    """How many bytes agree from `a[i]` and `b[j]` on, at most `limit` and what is left of `a`."""
    limit = min(limit, len(a) - i)
    length, step = 0, _BLOCK
    while length < limit:
        step = min(step, limit - length)
        if a[i + length : i + length + step] == b[j + length : j + length + step]:
            length += step
            step *= 2
        elif step == 1:
            break
        else:
            step = (step + 1) // 2
    return length


def _common_tail(a: bytes, i: int, b: bytes, j: int, limit: int) -> int:
    """How many bytes agree right before `a[i]` and `b[j]`, at most `limit`."""
    length, step = 0, _BLOCK
    while length < limit:
        step = min(step, limit - length)
        if a[i - length - step : i - length] == b[j - length - step : j - length]:
            length += step
            step *= 2
        elif step == 1:
            break
        else:
            step = (step + 1) // 2
    return length


def _whole_characters(target: bytes, start: int, end: int, place: int) -> tuple[int, int, int]:
    """A copy without the characters that it has only a part of."""
    for _ in range(3):  # a character has at most three bytes after its first
        if start < end and target[start] & 0xC0 == 0x80:
            start, place = start + 1, place + 1
        if start < end < len(target) and target[end] & 0xC0 == 0x80:
            end -= 1
    return start, end, place


# -- parts -----------------------------------------------------------------------------------------


def _literal(part: bytes) -> tuple[bytes, ...]:
    return (_number(len(part)), b":", part) if part else ()


def _number(value: int) -> bytes:
    digits = bytearray()
    while True:
        digits.append(_DIGITS[value & 63])
        value >>= 6
        if not value:
            return bytes(digits[::-1])


def _read_number(delta: bytes, at: int, end: bytes = b"") -> tuple[int, int]:
    """The number at `at`, and where what follows `end` begins."""
    value, start = 0, at
    while at < len(delta) and delta[at] in _VALUES:
        value = value * 64 + _VALUES[delta[at]]
        at += 1
    if at == start or not delta.startswith(end, at):
        raise BadDelta("a number that does not end as it should")
    return value, at + len(end)


def _checksum(data: bytes) -> int:
    """The sum of the 32-bit big-endian words, with zeros after the last."""
    words = -(-len(data) // 4)
    total: int = sum(struct.unpack(f">{words}I", data.ljust(words * 4, b"\0")))
    return total & 0xFFFFFFFF
