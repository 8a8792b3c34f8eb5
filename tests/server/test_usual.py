"""Which heads are usual, and what is read of them."""

from __future__ import annotations

import pytest

from gapless.server.usual import HEAD_BYTES, is_handshake, read_usual

USUAL = b"Host: a\r\nContent-Type: application/json\r\nContent-Length: 12\r\n"


def head(lines: bytes = USUAL, first: bytes = b"POST /api/publish HTTP/1.1") -> bytes:
    return first + b"\r\n" + lines + b"\r\n"


def test_a_usual_head_is_read() -> None:
    found = read_usual(head(USUAL + b"X-API-Key:  secret\t\r\nconnection: Keep-Alive\r\nEmpty:\r\n"))
    assert found is not None
    assert (found.target, found.length) == (b"/api/publish", 12)
    assert found.headers[b"x-api-key"] == b"secret"
    assert found.headers[b"empty"] == b""


@pytest.mark.parametrize(
    "first",
    [
        b"GET /api/publish HTTP/1.1",
        b"POST /api/publish HTTP/1.0",
        b"POST http://a/api/publish HTTP/1.1",
        b"POST /api/publish?x=1 HTTP/1.1",
        b"POST /api/pub%6cish HTTP/1.1",
        b"POST  /api/publish HTTP/1.1",
        b"POST /api/\xc3\xbc HTTP/1.1",
        b"post /api/publish HTTP/1.1",
    ],
)
def test_another_first_line_is_not_usual(first: bytes) -> None:
    assert read_usual(head(first=first)) is None


@pytest.mark.parametrize(
    "more",
    [
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: websocket\r\n",
        b"Proxy-Connection: close\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive, x\r\n",
        b"X-Forwarded-For: 1.2.3.4\r\n",
        b"Content-Length: 12\r\n",
        b"Host: b\r\n",
        b"X-A: 1\r\nx-a: 2\r\n",
        b"X-A: 1\r\n folded\r\n",
        b"X A: 1\r\n",
        b"X-A : 1\r\n",
        b": 1\r\n",
        b"X-A: \xff\r\n",
        b"X-A: a\x00b\r\n",
        b"X-A: a\rb\r\n",
        b"X-A: a\nX-B: b\r\n",
        b"X-A\r\n",
        b"X-A: " + b"x" * HEAD_BYTES + b"\r\n",
    ],
)
def test_a_header_that_is_special_or_wrong_makes_it_unusual(more: bytes) -> None:
    assert read_usual(head()) is not None
    assert read_usual(head(USUAL + more)) is None


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"Host: a\r\n",
        b"Host:\r\nContent-Length: 1\r\n",
        b"Content-Length: 1\r\n",
        b"Host: a\r\nContent-Length: +1\r\n",
        b"Host: a\r\nContent-Length: 1, 1\r\n",
        b"Host: a\r\nContent-Length:\r\n",
        b"Host: a\r\nContent-Length: 0x1\r\n",
        b"Host: a\r\nContent-Length: 1_0\r\n",
        b"Host: a\r\nContent-Length: \xd9\xa1\r\n",
        b"Host: a\r\nContent-Length: 100000000\r\n",
    ],
)
def test_without_a_host_and_a_plain_length_it_is_not_usual(lines: bytes) -> None:
    assert read_usual(head(lines)) is None


def test_it_ends_with_its_blank_line_and_nothing_behind() -> None:
    assert read_usual(head()[:-2]) is None
    assert read_usual(head() + b"x") is None


HANDSHAKE = (
    b"Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)


def handshake(lines: bytes = HANDSHAKE, first: bytes = b"GET /ws HTTP/1.1") -> bytes:
    return first + b"\r\n" + lines + b"\r\n"


@pytest.mark.parametrize(
    "head",
    [
        handshake(),
        handshake(first=b"GET /ws?channel=a%20b&x HTTP/1.1"),
        handshake(HANDSHAKE.lower()),
        handshake(HANDSHAKE.replace(b": Upgrade", b": keep-alive, Upgrade")),
        handshake(HANDSHAKE + b"Origin: https://a\r\nSec-WebSocket-Protocol:\r\nCookie: a=b; c=d\r\n"),
    ],
)
def test_a_handshake_as_browsers_and_sdks_send_it_is_usual(head: bytes) -> None:
    assert is_handshake(head)


@pytest.mark.parametrize(
    "head",
    [
        handshake(first=b"GET http://b/ws HTTP/1.1"),
        handshake(first=b"GET /ws HTTP/1.0"),
        handshake(first=b"POST /ws HTTP/1.1"),
        handshake(first=b"GET /w s HTTP/1.1"),
        handshake(first=b"GET /\xc3\xbc HTTP/1.1"),
        handshake()[:-2],
        handshake() + b"\x81\x80abcd",
        handshake(HANDSHAKE.replace(b"Host: a\r\n", b"")),
        handshake(HANDSHAKE + b"Host: b\r\n"),
        handshake(HANDSHAKE.replace(b"websocket", b"h2c")),
        handshake(HANDSHAKE.replace(b": Upgrade", b": close")),
        handshake(HANDSHAKE.replace(b": 13", b": 8")),
        handshake(HANDSHAKE + b"Sec-WebSocket-Version: 8\r\n"),
        handshake(HANDSHAKE + b"Content-Length: 5\r\n"),
        handshake(HANDSHAKE + b"Transfer-Encoding: chunked\r\n"),
        handshake(HANDSHAKE + b" folded\r\n"),
        handshake(HANDSHAKE + b"X A: 1\r\n"),
        handshake(HANDSHAKE + b"X-A: a\nX-B: b\r\n"),
        handshake(HANDSHAKE + b"X-A: a\x00b\r\n"),
        handshake(HANDSHAKE + b"X-A: \xff\r\n"),
        handshake(HANDSHAKE + b"X-A: 1\r\n" * 100),
        handshake(HANDSHAKE + b"X-A: " + b"x" * HEAD_BYTES + b"\r\n"),
    ],
)
def test_any_other_is_left_to_the_parser(head: bytes) -> None:
    assert not is_handshake(head)
