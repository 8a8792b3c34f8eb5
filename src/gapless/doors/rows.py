"""The body of an ingest request → the payloads of its publications.

A payload is JSON as it was sent, byte for byte: what is checked is that it is JSON, in UTF-8, not
nested deeper than `Limits.json_depth`. Integers of any length and keys that stand twice are the
publisher's own. Pure: no clock, no I/O.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime

import orjson

from ..errors import GaplessError
from ..feeds.lines import as_json, parse_rows
from ..options import Limits
from ..protocol.patient import elements
from ..protocol.strict import Malformed, TooMany, holds_more, is_deeper, one_line

JSON = "application/json"
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
TEXT = "text/plain"
KINDS = (JSON, *NDJSON, TEXT)

BLANK = b" \t\r\n"

PARTS = 20
"""Objects, arrays and elements for each row of `Limits.ingest_rows`: a hundred bytes each, once parsed."""

LONG = 128 * 1024
"""What a body costs to read that holds the loop for more than a millisecond or two, in bytes of NDJSON."""

_WEIGHTS = {JSON: (4, 64, b","), TEXT: (4, 512, b"\n")}
"""What a byte and what a row count as, and what parts rows."""
_OF_LINES = (1, 32, b"\n")
_CONTAINER = 16
"""What an object or an array counts as."""

MEMBERS = 100
"""Parts of a gzip body that were packed each by itself: for each of them the rest is copied."""


class BadRow(GaplessError):
    """One row of a body cannot be published; nothing of that body was. `row` counts from 1."""

    def __init__(self, row: int, reason: str) -> None:
        self.row = row
        self.reason = reason
        super().__init__(f"row {row}: {reason}")


class TooLarge(GaplessError):
    """A body that is larger than it may be once it is unpacked."""


def unpack(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """What a body with this Content-Encoding holds.

    Raises:
        TooLarge: more than `max_bytes`; it was not unpacked further.
        ValueError: it is not what it says, or is packed in another way than gzip or deflate.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ValueError("the body may be packed with gzip or deflate")
    # deflate is zlib's format (RFC 9110, section 8.4.1.2), but some send it without its frame.
    bare = encoding == "deflate" and not _has_zlib_frame(body)
    unpacked = bytearray()
    rest, members = body, 0
    while rest:
        members += 1
        if members > MEMBERS:
            raise TooLarge(f"the body has more than {MEMBERS} parts that were packed each by itself")
        unpacking = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS | 32)
        try:
            unpacked += unpacking.decompress(rest, max_bytes + 1 - len(unpacked))
        except zlib.error:
            raise ValueError(f"the body is not {encoding}") from None
        if len(unpacked) > max_bytes:
            raise TooLarge(f"the body is larger than {max_bytes} bytes")
        if not unpacking.eof:
            raise ValueError(f"the body ends in the middle of its {encoding}")
        rest = unpacking.unused_data  # gzip may stand one after the other (RFC 1952, section 2.2)
    return bytes(unpacked)


def _has_zlib_frame(body: bytes) -> bool:
    return len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0


def is_long(kind: str, body: bytes) -> bool:
    """Is a body of this kind, one of `KINDS`, better read beside the loop?"""
    by_byte, by_row, mark = _WEIGHTS.get(kind, _OF_LINES)
    cost = len(body) * by_byte
    if cost <= LONG:
        cost += body.count(mark) * by_row
    if cost <= LONG and kind != TEXT:
        cost += (body.count(b"{") + body.count(b"[")) * _CONTAINER
    return cost > LONG


def payloads(kind: str, body: bytes, limits: Limits, now: datetime) -> list[bytes]:
    """The payloads in a body of this kind, one of `KINDS`, in order. `now` (aware) is when it came.

    Raises:
        BadRow: the first row that cannot be published.
        TooLarge: more rows than there may be, or more in them.
    """
    if kind == TEXT:
        return checked(_of_text(body, limits, now), limits)
    return _of_json(body, limits) if kind == JSON else _of_lines(body, limits)


def checked(rows: list[bytes], limits: Limits) -> list[bytes]:
    """Rows that were made here of what was sent: none is more than a publication may be.

    Raises:
        BadRow: the first that is.
        TooLarge: there are more than there may be.
    """
    if len(rows) > limits.ingest_rows:
        raise _too_many(limits)
    _check_sizes(rows, limits)
    depth = limits.json_depth
    for number, row in enumerate(rows, 1):
        if len(row) > 2 * depth and _may_be_deeper(row, depth) and is_deeper(row.decode(), depth):
            raise BadRow(number, f"nested deeper than {depth}")
    return rows


def check_parts(body: bytes, limits: Limits) -> None:
    """Raises TooLarge: a JSON document has more parts than the rows that there may be would have."""
    if sum(map(body.count, (b"{", b"[", b","))) > PARTS * limits.ingest_rows:
        raise TooLarge(f"the body has more than {PARTS * limits.ingest_rows} objects, arrays and elements")


def _check_sizes(rows: Sequence[bytes], limits: Limits) -> None:
    most = limits.server_payload_bytes
    if max(map(len, rows), default=0) > most:
        number, size = next((at, len(one)) for at, one in enumerate(rows, 1) if len(one) > most)
        raise BadRow(number, f"{size} bytes, above the limit of {most}")


def _too_many(limits: Limits) -> TooLarge:
    return TooLarge(f"the body has more than {limits.ingest_rows} rows")


def _check_count(body: bytes, limits: Limits) -> None:
    """Raises TooLarge for more lines than there may be rows: blank ones cost as well."""
    if body.count(b"\n") - body.endswith(b"\n") >= limits.ingest_rows:
        raise _too_many(limits)


def _of_lines(body: bytes, limits: Limits) -> list[bytes]:
    """One JSON document a line; blank lines are none."""
    _check_count(body, limits)
    lines = body.split(b"\n")
    found = [document for line in lines if (document := line.strip(BLANK))]
    try:
        _check_documents(found, limits)
    except BadRow:
        numbered = [(number, line.strip(BLANK)) for number, line in enumerate(lines, 1)]
        _blame([(number, document) for number, document in numbered if document], limits)
        raise
    return [one.replace(b"\r", b"") for one in found] if b"\r" in body else found


def _check_documents(found: Sequence[bytes], limits: Limits) -> None:
    """Raises BadRow: one of them is no JSON that may be published.

    How long they are comes first: what is too long is not read at all.
    """
    _check_sizes(found, limits)
    most, depth, loads = limits.body_containers, limits.json_depth, orjson.loads
    if max(map(len, found), default=0) > most:
        for number, one in enumerate(found, 1):
            _check_containers(number, one, most)
    try:
        for one in found:  # by itself, and not by `map`: between two of them others have their turns
            loads(one)
    except orjson.JSONDecodeError as error:
        raise BadRow(1, f"not valid JSON: {error}") from None
    for number, one in enumerate(found, 1):
        # Nesting needs two brackets for each level: most rows are too short for it.
        if len(one) > 2 * depth and _may_be_deeper(one, depth) and is_deeper(one.decode(), depth):
            raise BadRow(number, f"nested deeper than {depth}")


def _check_containers(number: int, document: bytes, most: int) -> None:
    if holds_more(document, most):
        raise BadRow(number, f"more than {most} objects and arrays")


def _blame(numbered: Sequence[tuple[int, bytes]], limits: Limits) -> None:
    """Raises BadRow for the first that is at fault, by its number."""
    for number, document in numbered:
        try:
            _check_documents([document], limits)
        except BadRow as bad:
            raise BadRow(number, bad.reason) from None


def _may_be_deeper(document: bytes, depth: int) -> bool:
    return document.count(b"{") + document.count(b"[") > depth


def _of_json(body: bytes, limits: Limits) -> list[bytes]:
    """One document; of an array each element. Or a document a line, which some shippers call JSON too."""
    check_parts(body, limits)
    if not body.lstrip(BLANK).startswith(b"["):
        return _of_lines(body, limits) if _begins_with_a_document(body, limits) else _of_one(body, limits)
    try:
        found = elements(body, most=limits.ingest_rows)
    except TooMany:
        raise _too_many(limits) from None
    except Malformed as error:
        if _begins_with_a_document(body, limits):
            return _of_lines(body, limits)
        raise BadRow(1, str(error)) from None
    try:
        _check_documents(found, limits)
    except BadRow:
        _blame(list(enumerate(found, 1)), limits)
        raise
    return found


def _of_one(body: bytes, limits: Limits) -> list[bytes]:
    document = one_line(body).strip()
    _check_documents([document], limits)
    return [document]


def _begins_with_a_document(body: bytes, limits: Limits) -> bool:
    """Does one end with the first line that is not blank, and not the body with it?"""
    first, _, rest = body.lstrip(BLANK).partition(b"\n")
    if not rest:
        return False
    try:
        _check_documents([first.strip(BLANK)], limits)
    except BadRow:
        return False
    return True


def _of_text(body: bytes, limits: Limits, now: datetime) -> list[bytes]:
    """Lines as `gapless pipe` reads them."""
    _check_count(body, limits)
    text = body.decode("utf-8-sig", errors="replace")
    stamp = now.isoformat(timespec="milliseconds")
    return [
        as_json(row)
        for line in text.split("\n")
        if line.strip()
        for row in parse_rows(line.removesuffix("\r"), now, stamp)
    ]
