"""The usual handshake and the short frame: never read otherwise than the library reads them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol

from gapless.transports.upgrade import read_upgrade

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
USUAL = [
    ("host", "127.0.0.1:8000"),
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-key", KEY),
    ("sec-websocket-version", "13"),
]
OTHERWISE = {
    "upgrade": ["WebSocket", "h2c", "websocket, h2c", ""],
    "connection": ["keep-alive, Upgrade", "upgrade", "keep-alive", "Upgrade,", "up grade", "a,\tupgrade", ""],
    "sec-websocket-key": [KEY + "=", KEY[:-2], "x" * 24, "AAAA", KEY.replace("=", "A"), "", f" {KEY} "],
    "sec-websocket-version": ["8", "13, 8", "013", ""],
    "sec-websocket-protocol": ["", "centrifuge-protobuf", "a, b", "a,,b", "a b", "\xe9", ",", "a , b"],
    "sec-websocket-extensions": ["permessage-deflate", "nothing", ";"],
    "content-length": ["0", "5", "00", "x"],
    "transfer-encoding": ["chunked", "identity"],
    "origin": ["http://localhost", "\xe9"],
    "cookie": ["a=b; c=d", "x" * 5000],
}


def head(headers: list[tuple[str, str]], line: str = "GET /ws?channel=a HTTP/1.1") -> bytes:
    lines = [line, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def as_the_library_reads(data: bytes) -> tuple[Request, str] | None:
    """The request with the value of `Sec-WebSocket-Accept`, if the library would accept it."""
    protocol = ServerProtocol()
    # The one thing in which we are kinder: an empty list of subprotocols is none.
    protocol.receive_data(data.replace(b"sec-websocket-protocol: \r\n", b""))
    found = protocol.events_received()
    if not found:
        return None
    request = found[0]
    assert isinstance(request, Request)
    response = protocol.accept(request)
    return (request, response.headers["Sec-WebSocket-Accept"]) if response.status_code == 101 else None


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """Usual requests with a few things that are not, in any order."""
    headers = list(USUAL)
    for name in draw(st.lists(st.sampled_from(sorted(OTHERWISE)), max_size=3)):
        value = draw(st.sampled_from(OTHERWISE[name]))
        how = draw(st.sampled_from(["instead", "besides", "gone"]))
        if how != "besides":
            headers = [header for header in headers if header[0] != name]
        if how != "gone":
            headers.append((name, value))
    line = draw(
        st.sampled_from(
            [
                "GET /ws?channel=a HTTP/1.1",
                "GET / HTTP/1.1",
                "POST /ws HTTP/1.1",
                "GET /ws HTTP/1.0",
                "GET /\xe9 HTTP/1.1",
                "GET  /ws HTTP/1.1",
                f"GET /{'x' * 9000} HTTP/1.1",
            ]
        )
    )
    return head(draw(st.permutations(headers)), line)


@settings(max_examples=1500, deadline=None)
@given(heads())
def test_what_is_taken_for_usual_the_library_accepts_with_the_same_answer(data: bytes) -> None:
    ours = read_upgrade(data)
    if ours is None:
        return
    theirs = as_the_library_reads(data)
    assert theirs is not None
    request, accept = theirs
    assert ours.accept.decode() == accept
    assert ours.target.decode() == request.path
    assert [(n.decode(), v.decode("latin-1")) for n, v in ours.headers] == [
        (name.lower(), value) for name, value in request.headers.raw_items()
    ]
    offered = [
        part.strip()
        for value in request.headers.get_all("Sec-WebSocket-Protocol")
        for part in value.split(",")
    ]
    assert ours.subprotocols == offered


@pytest.mark.parametrize(
    "headers",
    [
        USUAL,
        [*USUAL[:2], ("connection", "keep-alive, Upgrade"), *USUAL[3:]],
        [*USUAL, ("origin", "http://localhost:8000"), ("cookie", "a=b")],
        [*USUAL, ("sec-websocket-protocol", "centrifuge-json, centrifuge-protobuf")],
        [*USUAL, ("sec-websocket-protocol", "")],
    ],
    ids=["bare", "firefox", "page", "subprotocols", "no subprotocol"],
)
def test_what_browsers_and_libraries_send_is_usual(headers: list[tuple[str, str]]) -> None:
    found = read_upgrade(head(headers))
    assert found is not None
    assert found.accept == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the example of RFC 6455, 1.3


@pytest.mark.parametrize("size", [0, 1, 120, 200])
def test_a_head_beyond_what_is_usual_is_left_to_the_library(size: int) -> None:
    many = head([*USUAL, *[(f"x-{n}", "1") for n in range(size)]])
    assert (read_upgrade(many) is None) is (size > 100)
    long = head([*USUAL, ("x", "y" * 50 * size)])
    assert (read_upgrade(long) is None) is (50 * size > 4096)


def test_the_answer_is_what_the_library_would_have_serialised() -> None:
    found = read_upgrade(head(USUAL))
    assert found is not None
    said = found.answer([(b"server", b"uvicorn"), (b"x", b"1"), (b"x", b"2")])
    protocol = ServerProtocol()
    protocol.receive_data(head(USUAL))
    (request,) = protocol.events_received()
    assert isinstance(request, Request)
    response = protocol.accept(request)
    del response.headers["Date"]
    response.headers["server"] = "uvicorn"
    response.headers["x"] = "1"
    response.headers["x"] = "2"
    assert said == response.serialize()


@pytest.mark.parametrize("key", [KEY, base64.b64encode(bytes(16)).decode()])
def test_every_cut_of_a_head_is_left_to_the_library(key: str) -> None:
    whole = head([(name, key if name == "sec-websocket-key" else value) for name, value in USUAL])
    assert read_upgrade(whole) is not None
    for end in range(len(whole)):
        assert read_upgrade(whole[:end]) is None
