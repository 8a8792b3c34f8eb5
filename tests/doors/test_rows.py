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


def test_a_row_that_is_too_long_or_holds_too_much_is_not_read_at_all() -> None:
    limits = Limits(server_payload_bytes=20, body_containers=3)
    for kind, body in ((LINES, b"1\n%b\n"), (JSON, b"1\n%b\n"), (JSON, b"[1,%b]")):
        for row in (b"[1,2,3]", b'"' + b"x" * 18 + b'"', b'["[","[",[[]]]'):
            assert payloads(kind, body % row, limits, NOW) == [b"1", row]
        too_long = (
            b'"%b"' % (b"x" * 19) if b"[" in body else b"{" * 21
        )  # which would be no JSON, were it read
        for row, reason in (
            (too_long, "above the limit of 20"),
            (b"[[],[],[]]", "more than 3 objects and arrays"),
        ):
            with pytest.raises(BadRow, match=f"row 2: .*{reason}"):
                payloads(kind, body % row, limits, NOW)


def test_of_several_faults_the_first_is_told() -> None:
    limits = Limits(server_payload_bytes=20)
    for body in (b'1\n\n{\n"%b"\n' % (b"x" * 30), b'1\n\n"%b"\n{\n' % (b"x" * 30)):
        with pytest.raises(BadRow, match="row 3"):
            payloads(LINES, body, limits, NOW)
    with pytest.raises(BadRow, match="row 2: nested"):
        payloads(JSON, b'[1,[[]],"%b"]' % (b"x" * 30), Limits(server_payload_bytes=20, json_depth=1), NOW)


@pytest.mark.parametrize("kind", [LINES, JSON])
def test_objects_and_arrays_make_a_body_long(kind: str) -> None:
    assert not is_long(kind, b"[" * 2000 + b"]" * 2000)
    assert is_long(kind, b"[" * 8000 + b"]" * 8000)
    assert not is_long(TEXT, b"[" * 200)
