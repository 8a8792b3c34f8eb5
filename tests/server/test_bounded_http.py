"""What a request may say, and how long it may hold a socket, each at its bound and past it."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from gapless.server.bounded_http import (
    DISCARDED_BYTES,
    FIELD_BYTES,
    HEADER_BYTES,
    HEADERS_BYTES,
    RESERVED_DESCRIPTORS,
    BoundedHttpProtocol,
)
from gapless.server.counters import counters
from gapless.server.direct_http import DirectHttpProtocol

from ..support.serving import Address, serve
from ..support.sockets import masked
from ..support.until import DEADLINE, until

pytestmark = pytest.mark.anyio

UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


class Impatient(BoundedHttpProtocol):
    close_seconds = 0.2
    stall_seconds = 0.2


left: list[str] = []
"""Paths whose client has left, as the application was told."""
taken: list[bytes] = []
"""What came of bodies that are read until the client leaves."""


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers 200 at once, without a look at the body; `/much` says megabytes.

    `/echo` answers with the body, `/stay` not before the client leaves, `/stream` begins, and then stays.
    """
    if scope["type"] == "lifespan":
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    path = scope["path"]
    if path == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    if path in ("/stay", "/stream"):
        while (message := await receive())["type"] != "http.disconnect":
            taken.append(message["body"])
        left.append(path)
        return
    body = b"x" * (8 << 20 if path == "/much" else 2)
    if path == "/echo":
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served() -> AsyncIterator[Address]:
    left.clear()
    taken.clear()
    async with serve(app, http=Impatient, lifespan="off") as address:
        yield address


async def ask(address: Address, said: bytes, *, until: bytes | None = None) -> bytes:
    """What comes back, up to its end or these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
    try:
        writer.write(said)
        async with asyncio.timeout(DEADLINE):
            return await (reader.read() if until is None else reader.readuntil(until))
    finally:
        writer.close()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET http://a/ HTTP/1.1\r\nHost: A\r\n\r\n", 200),
        (b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n", 403),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"Content-Length: 0\r\n\r\n", 403),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"Content-Length: 5\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE.replace(b": 13", b": 8") + b"\r\n", 426),
        (b"GET / HTTP/1.0\r\nHost: a\r\n" + UPGRADE + b"\r\n", 400),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
    ],
    ids=[
        "usual",
        "an old one without a host",
        "no host",
        "two hosts",
        "absolute",
        "absolute, of another host",
        "an upgrade",
        "an upgrade with an empty body",
        "an upgrade with a body",
        "an upgrade with chunks",
        "another version",
        "an upgrade of HTTP/1.0",
        "a tunnel",
    ],
)
async def test_a_head_is_judged_as_the_standards_say(said: bytes, expected: int) -> None:
    async with served() as address:
        before = counters.heads_refused
        answer = await ask(address, said, until=b"\r\n\r\n")
        assert status(answer) == expected
        assert (b"sec-websocket-version: 13" in answer) == (expected == 426)
        assert counters.heads_refused - before == (expected in (400, 426, 501))


@pytest.mark.parametrize(("beyond", "expected"), [(0, 200), (1, 431)])
async def test_a_head_that_comes_in_one_read_is_counted_too(beyond: int, expected: int) -> None:
    lines, left = [b"Host: a\r\n"], HEADERS_BYTES - len(b"Hosta") - FIELD_BYTES + beyond
    while left:
        size = min(left, HEADER_BYTES)
        if 0 < left - size <= 10:
            size -= 20  # the last one needs a name
        lines.append(b"X: " + b"x" * (size - 1 - FIELD_BYTES) + b"\r\n")
        left -= size
    async with served() as address:
        answer = await ask(address, b"GET / HTTP/1.1\r\n" + b"".join(lines) + b"\r\n", until=b"\r\n\r\n")
        assert status(answer) == expected


async def test_a_body_that_nobody_wants_ends_with_the_answer() -> None:
    async with served() as address:
        before = counters.bodies_unwanted
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx")
        async with asyncio.timeout(DEADLINE):
            assert status(await reader.read()) == 200, "the answer, and the end"
        await until(lambda: counters.bodies_unwanted == before + 1)
        # It goes on, and never closes: it is cut off.
        await until(lambda: _refused(writer), pause=0.02)
        writer.close()
        await until(lambda: not address.server.server_state.connections)


async def test_who_goes_on_behind_an_answer_is_not_cut_off_while_it_may_read_it() -> None:
    was_reading: list[bool] = []

    class Watched(Impatient):
        def cut(self) -> None:
            was_reading.append(self.transport.is_reading())
            super().cut()

    async with serve(app, http=Watched, lifespan="off") as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
        writer.write(b"x" * (4 * DISCARDED_BYTES))
        async with asyncio.timeout(DEADLINE):
            assert status(await reader.readuntil(b"\r\n\r\nxx")) == 200
        await until(lambda: bool(was_reading))
        assert was_reading[0] is False, "it goes when its time is over, and not for what it sent"
        writer.close()


def _refused(writer: asyncio.StreamWriter) -> bool:
    writer.write(b"x")
    return writer.is_closing() or writer.transport.is_closing()


async def test_a_whole_request_leaves_the_connection_for_the_next() -> None:
    async with served() as address:
        said = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxx"
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        for _ in range(3):
            writer.write(said)
            async with asyncio.timeout(DEADLINE):
                assert status(await reader.readuntil(b"\r\n\r\nxx")) == 200
        writer.close()


async def test_who_does_not_read_an_answer_is_cut_off() -> None:
    async with served() as address:
        before = counters.answers_unread
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            peer.setblocking(False)
            await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", address.port))
            await asyncio.get_running_loop().sock_sendall(peer, b"GET /much HTTP/1.1\r\nHost: a\r\n\r\n")
            await until(lambda: counters.answers_unread == before + 1)
            await until(lambda: not address.server.server_state.connections)


@contextmanager
def few_files(count: int) -> Iterator[None]:
    """A process that may have so many open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_with_too_many_sockets_the_one_that_waits_longest_makes_room() -> None:
    async with served() as address:
        connections = address.server.server_state.connections
        first = [await asyncio.open_connection("127.0.0.1", address.port) for _ in range(3)]
        try:
            await until(lambda: len(connections) == 3)
            before = counters.sockets_cut
            highest = max(reader._transport.get_extra_info("socket").fileno() for reader, _ in first)  # type: ignore[attr-defined]
            # A limit that leaves room for three sockets, if it can be had with what is open already.
            if highest + 10 < RESERVED_DESCRIPTORS + 3:
                with few_files(RESERVED_DESCRIPTORS + 3):
                    assert (
                        status(await ask(address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", until=b"xx")) == 200
                    )
                async with asyncio.timeout(DEADLINE):
                    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                        await first[0][0].readexactly(1)
                assert counters.sockets_cut == before + 1
            else:
                pytest.skip("too many files are open already")
        finally:
            for _, writer in first:
                writer.close()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ],
)
async def test_other_versions_and_encodings_are_refused(said: bytes, expected: int) -> None:
    async with served() as address:
        assert status(await ask(address, said, until=b"\r\n\r\n")) == expected


TRAILER = b"Host: evil\r\nAuthorization: apikey of-somebody\r\nX-Forwarded-For: 1.2.3.4\r\nCookie: a=b\r\n"


async def test_a_trailer_is_no_header() -> None:
    """In one read with its head it is there before the application is called."""
    seen: list[list[tuple[bytes, bytes]]] = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            while (await receive())["more_body"]:
                pass
            seen.append(list(scope["headers"]))
        await app(scope, receive, send)

    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    behind = b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nConnection: close\r\n\r\n"
    async with serve(noting, http=Impatient, lifespan="off") as address:
        answers = await ask(address, head + b"1\r\nx\r\n0\r\n" + TRAILER + b"\r\n" + behind)
    assert answers.count(b"HTTP/1.1 200") == 2
    assert [[name for name, _ in headers] for headers in seen] == [
        [b"host", b"transfer-encoding"],
        [b"host", b"x", b"connection"],
    ]


async def test_trailers_without_end_are_refused() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "
    async with served() as address:
        answer = await ask(address, head + b"x" * (HEADERS_BYTES + 1), until=b"\r\n\r\n")
        assert status(answer) == 400


async def test_many_requests_in_one_read_are_all_answered() -> None:
    async with served() as address:
        said = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2000
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(said)
        async with asyncio.timeout(DEADLINE):
            for _ in range(2000):
                assert status(await reader.readuntil(b"\r\n\r\nxx")) == 200
        writer.close()


H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
LENGTH = b"POST /echo HTTP/1.1\r\nHost: a\r\n" + H2C + b"Content-Length: 11\r\n\r\nhello\r\n\r\nyo"
CHUNKS = (
    b"POST /echo HTTP/1.1\r\nHost: a\r\n"
    + H2C
    + b"Transfer-Encoding: chunked\r\n\r\nb\r\nhello\r\n\r\nyo\r\n0\r\n\r\n"
)


@pytest.mark.parametrize("said", [LENGTH, CHUNKS], ids=["a length", "chunks"])
@pytest.mark.parametrize("at_once", [1 << 20, 1, 150])
@pytest.mark.parametrize("http", [Impatient, DirectHttpProtocol])
async def test_an_upgrade_to_what_nobody_speaks_is_a_request_like_any_other(
    said: bytes, at_once: int, http: type[BoundedHttpProtocol]
) -> None:
    async with serve(app, http=http, lifespan="off") as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        all_ = said * 2 + b"GET / HTTP/1.1\r\nHost: a\r\n" + H2C + b"\r\n"
        for at in range(0, len(all_), at_once):
            writer.write(all_[at : at + at_once])
            await asyncio.sleep(0)
        async with asyncio.timeout(DEADLINE):
            for body in (b"hello\r\n\r\nyo", b"hello\r\n\r\nyo", b"xx"):
                head = await reader.readuntil(b"\r\n\r\n")
                assert status(head) == 200
                assert await reader.readexactly(len(body)) == body
        writer.close()


@pytest.mark.parametrize("path", ["/stay", "/stream"])
async def test_who_leaves_with_a_request_behind_it_is_gone(path: str) -> None:
    behind = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    async with served() as address:
        _, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() + behind * 3)
        await until(lambda: address.server.busy == 1)
        writer.close()
        await until(lambda: left == [path])
        await until(lambda: not address.server.busy)


@pytest.mark.parametrize("before", [b"", b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxx"])
async def test_frames_may_come_in_one_read_with_the_head_of_an_upgrade(before: bytes) -> None:
    heard: list[Any] = []

    async def hearing(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            heard.append(await receive())
            await send({"type": "websocket.close"})
        else:
            await app(scope, receive, send)

    async with serve(hearing, http=Impatient, lifespan="off") as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        if before:
            # All but its last byte, so that what follows is read as a body first.
            writer.write(before[:-1])
            await until(lambda: bool(address.server.busy))
            before = before[-1:]
            writer.write(before)
            async with asyncio.timeout(DEADLINE):
                await reader.readuntil(b"\r\n\r\nxx")
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n" + masked(1, b"early"))
        await until(lambda: bool(heard))
        assert heard[0]["text"] == "early"
        writer.close()


class Noting(Impatient):
    parsed = 0

    def on_message_begin(self) -> None:
        Noting.parsed += 1
        super().on_message_begin()


@pytest.mark.parametrize("more", [b"", b"Content-Length: 0\r\n"], ids=["usual", "unusual"])
async def test_no_parser_reads_the_head_of_a_usual_handshake(more: bytes) -> None:
    Noting.parsed = 0
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    async with serve(app, http=Noting, lifespan="off") as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(request)  # a connection may have served requests before
        async with asyncio.timeout(DEADLINE):
            await reader.readuntil(b"\r\n\r\nxx")
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + more + b"\r\n")
            assert status(await reader.read()) == 403
        writer.close()
    assert Noting.parsed == (2 if more else 1)


async def test_an_upgrade_behind_an_unanswered_request_is_refused() -> None:
    async with served() as address:
        upgrade = b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n"
        body = b"POST /stay HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(body + b"x")
        await until(lambda: address.server.busy == 1)
        writer.write(b"x" + upgrade)  # in one read with the end of a body
        async with asyncio.timeout(DEADLINE):
            assert status(await reader.read()) == 400
        await until(lambda: left == ["/stay"])
        writer.close()


@pytest.mark.parametrize("beyond", [0, 1])
async def test_a_body_of_a_get_has_its_bound(beyond: int) -> None:
    size = DISCARDED_BYTES + beyond
    async with served() as address:
        before = counters.heads_refused
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(b"GET /stay HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (size + 5))
        writer.write(b"x" * size)
        if beyond:
            async with asyncio.timeout(DEADLINE):
                assert status(await reader.read()) == 400
            assert counters.heads_refused == before + 1
        else:
            await until(lambda: sum(map(len, taken)) == size)
            assert counters.heads_refused == before
            assert not left
        writer.close()
        await until(lambda: left == ["/stay"])


@pytest.mark.parametrize(("extension", "expected"), [(b"", 200), (b";" + b"x" * 20, 400)])
async def test_what_stands_around_a_body_has_its_bound(extension: bytes, expected: int) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"1" + extension + b"\r\nx\r\n"
    count = HEADERS_BYTES // len(chunk) * 3
    async with served() as address:
        end = b"0\r\n\r\n" if expected == 200 else b""  # what is whole in one read is bounded by that
        answer = await ask(address, head + chunk * count + end, until=b"\r\n\r\n")
        assert status(answer) == expected


@pytest.mark.parametrize("path", ["/", "/stay", "/stream", "/much"])
async def test_garbage_behind_a_request_is_an_end_and_no_traceback(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    failed: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failed.append(context))
    async with served() as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await asyncio.sleep(0)
        writer.write(b"\0\xff garbage\r\n\r\n" * 3)
        async with asyncio.timeout(DEADLINE):
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
        writer.close()
        await until(lambda: not address.server.server_state.connections and not address.server.busy)
    assert not failed
    assert not [record for record in caplog.records if record.exc_info]
