"""What is wrong with a head, and what is not."""

from __future__ import annotations

import pytest

from gapless.server.heads import Head, fault

HOST = (b"host", b"a")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (Head(b"GET", "1.1", b"/", [HOST]), None),
        (Head(b"GET", "1.0", b"/", []), None),
        (Head(b"GET", "1.1", b"/", []), 400),
        (Head(b"GET", "1.1", b"/", [HOST, HOST]), 400),
        (Head(b"GET", "1.1", b"http://A/", [HOST]), None),
        (Head(b"GET", "1.1", b"http://b/", [HOST]), 400),
        (Head(b"GET", "1.1", b"/?to=http://b/", [HOST]), None),
        (Head(b"GET", "0.9", b"/", [HOST]), 505),
        (Head(b"GET", "2.0", b"/", [HOST]), 505),
        (Head(b"CONNECT", "1.1", b"a:80", [HOST]), 501),
        (Head(b"POST", "1.1", b"/", [HOST, (b"transfer-encoding", b" Chunked")]), None),
        (Head(b"POST", "1.1", b"/", [HOST, (b"transfer-encoding", b"gzip, chunked")]), 501),
        (Head(b"POST", "1.1", b"/", [HOST, *[(b"transfer-encoding", b"chunked")] * 2]), 501),
        (Head(b"POST", "1.0", b"/", [HOST, (b"transfer-encoding", b"chunked")]), 400),
    ],
)
def test_a_head_is_judged_as_the_standards_say(head: Head, status: int | None) -> None:
    found = fault(head, websocket=False)
    assert (found and found.status) == status


@pytest.mark.parametrize(
    ("version", "header", "status"),
    [
        ("1.1", (b"sec-websocket-version", b"13"), None),
        ("1.1", (b"content-length", b"0"), None),
        ("1.1", (b"sec-websocket-version", b"8"), 426),
        ("1.1", (b"content-length", b"5"), 400),
        ("1.1", (b"transfer-encoding", b"chunked"), 400),
        ("1.0", (b"sec-websocket-version", b"13"), 400),
    ],
)
def test_a_websocket_has_no_body_and_one_version(
    version: str, header: tuple[bytes, bytes], status: int | None
) -> None:
    found = fault(Head(b"GET", version, b"/", [HOST, header]), websocket=True)
    assert (found and found.status) == status
    if found is not None and status == 426:
        assert b"sec-websocket-version: 13" in found.phrase
