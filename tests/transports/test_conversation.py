"""One accepted WebSocket on any ASGI server, from its first word to its last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gapless import Disconnect, Hub, Limits
from gapless.core.outbox import Outlet
from gapless.sessions.views import Framing
from gapless.transports.conversation import converse

from ..support.session import FakeSession
from ..support.until import turns, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with Hub(limits=Limits(message_bytes=100, close_timeout=0.01)) as running:
        yield running


class Peer:
    """The server's side of one ASGI call, after the accept."""

    def __init__(self, hub: Hub, *, binary: bool = False) -> None:
        self.sent: list[dict[str, Any]] = []
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.fails: Exception | None = None
        self.session: FakeSession
        self.begin = FakeSession().on_begin
        self.call = asyncio.create_task(
            converse(hub.node, {"type": "websocket"}, self.said.get, self._send, self._make, binary=binary)
        )

    async def _send(self, message: Any) -> None:
        if self.fails is not None:
            raise self.fails
        self.sent.append(message)

    def _make(self, outlet: Outlet, framing: Framing) -> FakeSession:
        self.session = FakeSession(outlet, framing)
        self.session.on_begin = self.begin
        return self.session

    def say(self, text: str) -> None:
        self.said.put_nowait({"type": "websocket.receive", "text": text})

    def leave(self, code: int = 1001) -> None:
        self.said.put_nowait({"type": "websocket.disconnect", "code": code})


@pytest.mark.parametrize("binary", [False, True])
async def test_it_hears_and_speaks_until_the_client_leaves(hub: Hub, binary: bool) -> None:
    peer = Peer(hub, binary=binary)
    peer.say("hello")
    peer.said.put_nowait({"type": "websocket.receive", "text": None, "bytes": b"raw"})
    await turns()
    peer.session.say("answer")
    await turns()
    assert peer.session.heard == ["hello", b"raw"]
    said = {"bytes": b"answer"} if binary else {"text": "answer"}
    assert peer.sent == [{"type": "websocket.send", **said}]
    peer.leave()
    await peer.call
    assert (peer.session.opened, peer.session.ended) == (1, [1001])


async def test_a_session_that_closes_says_so_and_the_call_ends_with_the_clients_answer(hub: Hub) -> None:
    peer = Peer(hub)
    await turns()
    peer.session.close(Disconnect(3001))
    await turns()
    assert peer.sent == [{"type": "websocket.close", "code": 3001, "reason": peer.session.flow.closed.reason}]  # type: ignore[union-attr]
    assert not peer.call.done()
    peer.say("late")
    peer.leave(3001)
    await peer.call
    assert peer.session.heard == [], "who was closed is not heard"
    assert peer.session.ended == [3001]


async def test_a_client_that_never_answers_the_close_does_not_keep_the_call(hub: Hub) -> None:
    peer = Peer(hub)
    await turns()
    peer.session.close(Disconnect(3001))
    await until(peer.call.done)
    assert not peer.call.cancelled()
    assert peer.call.exception() is None


async def test_what_cannot_be_sent_ends_the_session_and_the_call(hub: Hub) -> None:
    peer = Peer(hub)
    await turns()
    peer.fails = ConnectionResetError()
    peer.session.say("hello")
    await until(peer.call.done)
    assert peer.session.ended == [3000]
    assert hub.counters.session_errors == 0, "that a client left is everyday"


async def test_a_message_that_is_too_large_closes(hub: Hub) -> None:
    peer = Peer(hub)
    peer.say("x" * 101)
    peer.leave()
    await peer.call
    assert (peer.session.heard, peer.session.ended) == ([], [1009])
    assert peer.sent[-1]["code"] == 1009


async def test_a_failure_is_this_connections_end_counted_and_told_to_the_server(hub: Hub) -> None:
    peer = Peer(hub)
    await turns()

    async def fail(message: str | bytes) -> None:
        raise RuntimeError("as the test wants it")

    peer.session.on_message = fail
    peer.say("hello")
    with pytest.raises(RuntimeError):
        await peer.call
    assert peer.sent[-1]["code"] == 3004
    assert hub.counters.session_errors == 1


async def test_a_server_that_cancels_the_call_gets_its_cancellation(hub: Hub) -> None:
    peer = Peer(hub)
    await turns()
    peer.call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await peer.call
    assert peer.session.ended == [3000]
