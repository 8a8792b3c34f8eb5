"""Requests that are answered without calling the application, among those that are not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from gapless.server.counters import counters
from gapless.server.direct import Answer, Answerer, DirectRequests, Headers, Place
from gapless.server.direct_http import PIPELINED, DirectHttpProtocol
from gapless.server.usual import UsualHead

from ..support.until import until

TEXT = Headers.of([(b"content-type", b"text/plain")])


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = self.paused = False

    def can_write_eof(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "written to a connection that was closed"
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_reading(self) -> bool:
        return not self.paused

    def get_write_buffer_size(self) -> int:
        return 0

    @property
    def bodies(self) -> list[bytes]:
        """Those of the answers so far; each says its length."""
        found, rest = [], self.written
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            found.append(rest[:length])
            rest = rest[length:]
        return found


class Application:
    """Answers every request with its body, or its path where it has none; `/direct…` without being called.

    A body that begins with `later` is answered directly when `done` is set, `fails` fails, and
    `not mine` is not answered directly after all.
    """

    def __init__(self) -> None:
        self.called: list[bytes] = []
        self.direct: list[bytes] = []
        self.done = asyncio.Event()
        self.direct_requests = DirectRequests(self._admit)

    def _admit(self, head: UsualHead, place: Place) -> Answerer | None:
        return Echo(self, head) if head.target.startswith(b"/direct") else None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        said = body or scope["path"].encode()
        self.called.append(said)
        headers = [(b"content-length", b"%d" % len(said)), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": said})


class Echo:
    seconds = 60.0

    def __init__(self, app: Application, head: UsualHead) -> None:
        self._app = app
        self.length = head.length
        if b"x-hurry" in head.headers:
            self.seconds = 0.01

    def answer(self, body: bytes) -> Answer | Awaitable[Answer] | None:
        if body == b"not mine":
            return None
        if body == b"fails":
            raise RuntimeError(body.decode())
        self._app.direct.append(body)
        answer = Answer(200, TEXT, body)
        return self._later(answer) if body.startswith(b"later") else answer

    async def _later(self, answer: Answer) -> Answer:
        await self._app.done.wait()
        if answer.body == b"later fails":
            raise RuntimeError(answer.body.decode())
        return answer

    def late(self) -> Answer:
        return Answer(408, TEXT, b"late")


class Stage:
    """One connection to one application."""

    def __init__(self, **config: Any) -> None:
        self.app = Application()
        self.config = uvicorn.Config(self.app, log_config=None, access_log=True, **config)
        self.config.load()
        self.state = ServerState()
        self.protocol = DirectHttpProtocol(self.config, self.state, {})
        self.wire = Wire()
        self.protocol.connection_made(self.wire)

    def say(self, data: bytes) -> None:
        self.protocol.data_received(data)

    async def answers(self, count: int) -> list[bytes]:
        await until(lambda: len(self.wire.bodies) >= count, f"{count} answers")
        return self.wire.bodies

    def leave(self) -> None:
        self.protocol.connection_lost(None)


def post(body: bytes, path: bytes = b"/direct", headers: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n%b" % (path, len(body), headers, body)


def chunked(body: bytes) -> bytes:
    head = b"POST /direct HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


pytestmark = pytest.mark.anyio


async def test_a_usual_request_is_answered_in_the_call_that_brings_it() -> None:
    stage = Stage()
    before = counters.direct
    stage.say(post(b"hello"))
    assert stage.wire.written == (
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-type: text/plain\r\n\r\nhello"
    )
    assert (stage.app.direct, stage.app.called) == ([b"hello"], [])
    assert (counters.direct, stage.state.total_requests) == (before + 1, 1)
    assert not stage.state.tasks
    stage.leave()


async def test_its_answer_has_the_servers_own_headers_of_the_moment() -> None:
    stage = Stage()
    for date in (b"today", b"tomorrow"):
        stage.state.default_headers = [(b"date", date), (b"server", b"x")]
        stage.say(post(b"a"))
        assert b"date: %b\r\nserver: x\r\n" % date in stage.wire.written
    stage.leave()


async def test_each_is_logged_as_others_are(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "uvicorn.access")
    stage = Stage()
    stage.say(post(b"a"))
    stage.say(post(b"b", b"/elsewhere"))
    await stage.answers(2)
    assert [record.getMessage() for record in caplog.records] == [
        ' - "POST /direct HTTP/1.1" 200',
        ' - "POST /elsewhere HTTP/1.1" 200',
    ]
    stage.leave()


@pytest.mark.parametrize("data", [post(b"hello"), post(b"hello") + post(b"world")], ids=["one", "two"])
async def test_it_may_come_in_pieces_wherever_they_are_cut(data: bytes) -> None:
    for at in range(1, len(data)):
        stage = Stage()
        stage.say(data[:at])
        stage.say(data[at:])
        bodies = await stage.answers(data.count(b"POST"))
        assert bodies == [b"hello", b"world"][: len(bodies)]
        stage.leave()


async def test_a_body_that_is_answered_directly_after_all_by_the_application_goes_there_whole() -> None:
    stage = Stage()
    stage.say(post(b"not mine"))
    stage.say(post(b"not mine")[:-3])
    stage.say(b"ine")
    assert await stage.answers(2) == [b"not mine"] * 2
    assert (stage.app.direct, stage.app.called) == ([], [b"not mine"] * 2)
    stage.leave()


async def test_what_only_looks_like_a_request_in_the_middle_of_another_is_none() -> None:
    stage = Stage()
    stage.say(b"POST /outer HTTP/1.1\r\nX: ")
    stage.say(post(b"hello"))
    assert await stage.answers(1) == [b"hello"]
    assert (stage.app.direct, stage.app.called) == ([], [b"hello"])
    stage.leave()

    stage = Stage()
    stage.say(b"POST /outer HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(post(b"inner")))
    stage.say(post(b"inner"))
    assert await stage.answers(1) == [post(b"inner")]
    assert stage.app.direct == []
    stage.leave()


async def test_many_in_one_read_are_answered_in_order_and_not_all_in_one_turn() -> None:
    stage = Stage()
    wanted = [b"%d" % number for number in range(PIPELINED + 3)]
    stage.say(b"".join(map(post, wanted)))
    assert stage.wire.bodies == wanted[:PIPELINED]
    assert await stage.answers(len(wanted)) == wanted
    stage.leave()


async def test_what_follows_one_that_is_answered_later_waits_for_it() -> None:
    stage = Stage()
    stage.say(post(b"later") + post(b"b"))
    stage.say(post(b"c"))
    assert not stage.wire.is_reading()
    assert stage.app.direct == [b"later"]
    stage.app.done.set()
    assert await stage.answers(3) == [b"later", b"b", b"c"]
    assert stage.wire.is_reading()
    stage.leave()


async def test_a_client_that_left_gets_nothing_and_its_request_comes_to_its_end() -> None:
    stage = Stage()
    stage.say(post(b"later"))
    stage.wire.close()
    stage.leave()
    stage.app.done.set()
    await until(lambda: not stage.state.tasks)
    assert stage.wire.written == b""


@pytest.mark.parametrize("body", [b"fails", b"later fails"])
async def test_one_that_fails_is_500_and_ends_its_connection(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage()
    stage.app.done.set()
    stage.say(post(body))
    await until(lambda: stage.wire.is_closing())
    assert stage.wire.written.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"connection: close\r\n" in stage.wire.written
    assert body.decode() in caplog.text
    stage.leave()


async def test_a_body_that_does_not_come_is_answered_and_the_connection_ended() -> None:
    stage = Stage()
    before = counters.bodies_unwanted
    stage.say(post(b"hello", headers=b"X-Hurry: 1\r\n")[:-1])
    await until(lambda: stage.wire.is_closing())
    assert stage.wire.written.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert counters.bodies_unwanted == before + 1
    assert stage.app.direct == []
    stage.leave()


async def test_a_server_that_stops_answers_what_it_was_asked_and_says_that_it_is_the_last() -> None:
    stage = Stage()
    stage.say(post(b"later"))
    assert not stage.protocol.is_idle
    stage.protocol.shutdown()
    assert not stage.wire.is_closing()
    stage.app.done.set()
    await until(lambda: stage.wire.is_closing())
    assert b"connection: close\r\n" in stage.wire.written
    assert stage.wire.bodies == [b"later"]
    stage.leave()

    idle = Stage()
    idle.say(post(b"a"))
    idle.protocol.shutdown()
    assert idle.wire.is_closing()
    idle.leave()


async def test_a_connection_is_closed_when_no_request_followed_in_time_and_not_before() -> None:
    stage = Stage()
    stage.say(post(b"a"))
    stage.protocol.timeout_keep_alive_handler()
    assert not stage.wire.is_closing(), "it was answered a moment ago"
    stage.protocol.idle_since -= 2 * stage.protocol.timeout_keep_alive
    stage.say(post(b"later"))
    stage.protocol.timeout_keep_alive_handler()
    assert not stage.wire.is_closing(), "it waits for us"
    stage.app.done.set()
    await stage.answers(2)
    stage.protocol.idle_since -= 2 * stage.protocol.timeout_keep_alive
    stage.protocol.timeout_keep_alive_handler()
    assert stage.wire.is_closing()
    stage.leave()


@pytest.mark.parametrize("config", [{"root_path": "/behind"}, {"limit_concurrency": 100}])
async def test_what_the_server_was_told_of_paths_and_loads_is_for_the_application(
    config: dict[str, Any],
) -> None:
    stage = Stage(**config)
    stage.say(post(b"hello"))
    await stage.answers(1)
    assert (stage.app.direct, stage.app.called) == ([], [b"hello"])
    stage.leave()


KINDS: dict[str, Callable[[bytes], bytes]] = {
    "direct": post,
    "later": lambda body: post(b"later " + body),
    "not mine": lambda body: post(b"not mine"),
    "elsewhere": lambda body: post(body, b"/elsewhere"),
    "chunked": chunked,
    "get": lambda body: b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % body,
}
SAID: dict[str, Callable[[bytes], bytes]] = {
    "later": lambda body: b"later " + body,
    "not mine": lambda body: b"not mine",
    "get": lambda body: b"/" + body,
}


@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=8), st.data())
@settings(max_examples=150, deadline=None)
def test_answers_are_in_the_order_of_the_requests_however_they_are_cut(
    kinds: list[str], data: st.DataObject
) -> None:
    requests = [KINDS[kind](b"%d" % number) for number, kind in enumerate(kinds)]
    wanted = [SAID.get(kind, bytes)(b"%d" % number) for number, kind in enumerate(kinds)]
    stream = b"".join(requests)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=6)))

    async def run() -> None:
        stage = Stage()
        asyncio.get_running_loop().call_later(0.001, stage.app.done.set)
        for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            while not stage.wire.is_reading():
                await asyncio.sleep(0)
            stage.say(stream[begin:end])
        assert await stage.answers(len(wanted)) == wanted
        stage.leave()

    asyncio.run(run())
