"""How much a body may hold, and what is long to read; what it holds is in test_ingest.py."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gapless import Limits
from gapless.doors.rows import (
    JSON,
    NDJSON,
    PARTS,
    TEXT,
    BadRow,
    TooLarge,
    check_parts,
    checked,
    is_long,
    payloads,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LINES = NDJSON[0]


@pytest.mark.parametrize(
    ("kind", "at", "past"),
    [
        (LINES, b"1\n2\n3", b"1\n2\n3\n4"),
        (LINES, b"1\n2\n3\n", b"1\n2\n3\n4\n"),
        (LINES, b"\n\n3", b"\n\n\n4"),
        (TEXT, b"a\nb\nc\n", b"a\nb\nc\nd"),
        (TEXT, b"\n\nc\n", b"\n\n\n\n"),
        (JSON, b"[1,2,[3]]", b"[1,2,3,4]"),
        (JSON, b"1\n2\n3", b"1\n2\n3\n4"),
    ],
)
def test_a_body_has_so_many_rows_and_no_more(kind: str, at: bytes, past: bytes) -> None:
    limits = Limits(ingest_rows=3)
    assert 0 < len(payloads(kind, at, limits, NOW)) <= 3
    with pytest.raises(TooLarge, match="more than 3 rows"):
        payloads(kind, past, limits, NOW)


@pytest.mark.parametrize("part", [b"[],", b"{},", b"1,"])
def test_a_document_has_so_many_parts_and_no_more(part: bytes) -> None:
    limits = Limits(ingest_rows=1)
    each = 1 + (part != b"1,")
    most = (PARTS - 1) // each  # the array itself is one
    check_parts(b"[" + part * most, limits)
    with pytest.raises(TooLarge, match="more than 20 objects"):
        check_parts(b"[" + part * (most + 1) + b"," * each, limits)
    with pytest.raises(TooLarge, match="more than 20 objects"):
        payloads(JSON, b"[[" + part * (most + 2) + b"1]]", limits, NOW)


def test_rows_that_were_made_here_are_no_more_than_a_publication_may_be() -> None:
    limits = Limits(ingest_rows=2, server_payload_bytes=10, json_depth=3)
    rows = [b"[[[1]]]", b'"12345678"']
    assert checked(rows, limits) == rows
    for found, error in (([b"1"] * 3, TooLarge), ([b"1", b'"123456789"'], BadRow), ([b"[[[[1]]]]"], BadRow)):
        with pytest.raises(error):
            checked(found, limits)


@pytest.mark.parametrize(
    ("kind", "row", "most"),
    [
        (LINES, b'{"level":"info","message":"' + b"x" * 100 + b'"}\n', 700),
        (LINES, b"1\n", 3800),
        (TEXT, b"a\n", 250),
        (JSON, b"1,", 1800),
    ],
)
def test_a_body_is_long_by_what_it_costs_to_read(kind: str, row: bytes, most: int) -> None:
    assert not is_long(kind, row * most)
    assert is_long(kind, row * most * 2)
