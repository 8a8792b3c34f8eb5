"""One HTTP response that goes on as long as its session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gapless import Disconnect, Hub
from gapless.transports.stream import BYTES, EVENTS, LINES, HttpStream

from ..support.session import FakeSession
from ..support.until import turns

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with Hub() as running:
        yield running


class Peer:
    """The server's side of one response."""

    def __init__(self, hub: Hub, farewell: Any = None) -> None:
        self.head: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.over = False
        self.left = asyncio.Event()
        self.go_on = asyncio.Event()
        self.stream = HttpStream(hub.node, self._receive, self._send, farewell)
        self.session = FakeSession(self.stream.writer, LINES)
        self.opening: Any = self.go_on.wait

    async def _receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            self.head += message["headers"]
            return
        assert not self.over, "nothing follows the end of the body"
        self.over = not message.get("more_body")
        if message.get("body"):
            self.body.append(message["body"])

    def run(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.stream.run(self.session, self.opening()))


async def test_the_head_and_the_first_part_go_out_before_there_is_a_session(hub: Hub) -> None:
    peer = Peer(hub)
    assert await peer.stream.begin("GET", [(b"a", b"b")], b"\r\n")
    assert (peer.head, peer.body, peer.over) == ([(b"a", b"b")], [b"\r\n"], False)


async def test_who_asks_for_the_head_gets_nothing_else(hub: Hub) -> None:
    peer = Peer(hub)
    assert not await peer.stream.begin("HEAD", [(b"a", b"b")], b"\r\n")
    assert (peer.head, peer.body, peer.over) == ([(b"a", b"b")], [], True)


async def test_it_goes_on_until_the_client_has_left(hub: Hub) -> None:
    peer = Peer(hub)
    peer.go_on.set()
    call = peer.run()
    await turns()
    peer.session.say("hello")
    await turns()
    assert (peer.body, peer.session.opened) == ([b"hello\n"], 1)
    peer.left.set()
    await call
    assert peer.session.ended == [3000]
    assert not peer.over, "there is nobody to whom the body could end"


async def test_who_leaves_while_it_opens_ends_the_session_at_once(hub: Hub) -> None:
    peer = Peer(hub)
    call = peer.run()
    await turns()
    peer.left.set()
    await turns()
    assert peer.session.ended == [3000]
    assert not call.done(), "what was begun comes to its end"
    peer.go_on.set()
    await call


@pytest.mark.parametrize("words", [None, b"bye 3001"])
async def test_a_session_that_closes_ends_the_body_with_its_farewell(hub: Hub, words: bytes | None) -> None:
    peer = Peer(hub, None if words is None else lambda code, reason: b"bye %d" % code)
    peer.go_on.set()
    call = peer.run()
    await turns()
    peer.session.close(Disconnect(3001))
    await call
    assert peer.body == ([] if words is None else [words])
    assert peer.over


@pytest.mark.parametrize(
    ("error", "code", "counted"), [(Disconnect(3505), 3505, 0), (RuntimeError("as wanted"), 3004, 1)]
)
async def test_what_goes_wrong_while_it_opens_is_the_end(
    hub: Hub, error: Exception, code: int, counted: int
) -> None:
    peer = Peer(hub)

    async def fail() -> None:
        raise error

    peer.opening = fail
    if counted:
        with pytest.raises(RuntimeError):
            await peer.run()
    else:
        await peer.run()
    assert peer.session.ended == [code]
    assert peer.over
    assert hub.counters.session_errors == counted


def test_a_message_looks_as_the_medium_wants_it() -> None:
    assert LINES.wrap(b"{}") == b"{}\n"
    assert BYTES.wrap(b"{}") == b"{}"
    assert EVENTS.wrap(b"{}") == b"data: {}\n\n"
    assert LINES.concat([LINES.join([b"a\n", b"b\n"]), LINES.join([b"c\n"])]) == [b"a\nb\n", b"c\n"]
