"""`NeverWait` over a server whose socket has room when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gapless import IsolationCounters, NeverWait
from gapless.isolation.pressure import Bounds, pressure_here
from gapless.isolation.sender import TOLD_AFTER, Sender
from gapless.isolation.server import Server, find_server

from ..support.until import DEADLINE, until

pytestmark = pytest.mark.anyio


class Wire:
    """One connection as a server has it: a socket with or without room, and what has gone out."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.room.set()
        self.sent: list[Any] = []
        self.gone: Exception | None = None
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.held = 0
        self.aborted = False

    async def receive(self) -> Any:
        return await self.heard.get()

    async def send(self, message: Any) -> None:
        await self.room.wait()
        if self.gone is not None:
            raise self.gone
        if message["type"] == "websocket.send" and "text" not in message and "bytes" not in message:
            raise KeyError("text")
        self.sent.append(message)

    # -- as a transport

    def buffered(self) -> int:
        return self.held

    def abort(self) -> None:
        self.aborted = True

    def descriptor(self) -> int:
        return -1

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.sent if message["type"] == "websocket.send"]

    @property
    def closes(self) -> list[int]:
        return [message["code"] for message in self.sent if message["type"] == "websocket.close"]


def text(said: object) -> dict[str, Any]:
    return {"type": "websocket.send", "text": str(said)}


ACCEPT = {"type": "websocket.accept"}


class Served:
    """An endpoint behind `NeverWait`; the test sends for it, as another task would."""

    def __init__(self, wire: Wire, **bounds: Any) -> None:
        self.wire = wire
        self.counters = IsolationCounters()
        self.end = asyncio.Event()
        self.ready = asyncio.Event()
        self.send: Callable[[Any], Any]
        self.receive: Callable[[], Any]
        self.app = NeverWait(self.endpoint, counters=self.counters, **bounds)
        self.task = asyncio.create_task(self.app({"type": "websocket"}, wire.receive, wire.send))

    async def endpoint(self, scope: Any, receive: Any, send: Any) -> None:
        self.send, self.receive = send, receive
        await send(ACCEPT)
        self.ready.set()
        await self.end.wait()

    async def finish(self) -> None:
        self.end.set()
        async with asyncio.timeout(DEADLINE):
            await self.task


async def open_one(wire: Wire, **bounds: Any) -> Served:
    served = Served(wire, **bounds)
    await served.ready.wait()
    return served


async def test_a_send_returns_while_the_socket_is_full_and_order_is_kept() -> None:
    wire = Wire()
    served = await open_one(wire)
    await served.send(text(0))
    await until(lambda: wire.texts == ["0"])
    wire.room.clear()
    for n in range(1, 100):
        await served.send(text(n))
    assert wire.texts == ["0"]
    wire.room.set()
    await until(lambda: len(wire.texts) == 100)
    assert wire.texts == [str(n) for n in range(100)]
    await served.finish()


async def test_what_was_sent_goes_out_before_the_application_returns_to_the_server() -> None:
    wire = Wire()
    served = await open_one(wire)
    wire.room.clear()
    for n in range(10):
        await served.send(text(n))
    served.end.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not served.task.done(), "the server would close the socket now"
    wire.room.set()
    await served.finish()
    assert wire.texts == [str(n) for n in range(10)]


async def test_a_close_is_the_last_and_the_server_is_told_what_the_application_said() -> None:
    wire = Wire()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        for n in range(10):
            await send(text(n))
        await send({"type": "websocket.close", "code": 4001, "reason": "enough"})
        with pytest.raises(RuntimeError, match="after sending"):
            await send(text("more"))

    await NeverWait(app)({"type": "websocket"}, wire.receive, wire.send)
    assert wire.texts == [str(n) for n in range(10)]
    assert wire.sent[-1] == {"type": "websocket.close", "code": 4001, "reason": "enough"}


async def test_one_for_whom_too_much_waits_is_closed_with_3008_and_the_rest_is_dropped() -> None:
    wire = Wire()
    served = await open_one(wire, queue_bytes=100_000)
    wire.room.clear()
    for _ in range(300):
        await served.send(text("x" * 1000))
    assert served.counters.overflowed == 1
    assert served.counters.dropped > 200
    wire.room.set()
    await until(lambda: wire.closes == [3008])
    assert len(wire.texts) <= 1, "at most what was under way"
    wire.heard.put_nowait({"type": "websocket.disconnect", "code": 1006})
    assert (await served.receive())["code"] == 3008
    await served.send(text("and on"))
    await served.finish()
    assert wire.closes == [3008]


async def test_one_that_takes_nothing_is_closed_with_3008_when_it_does() -> None:
    wire = Wire()
    served = await open_one(wire, stall_timeout=0.05)
    wire.room.clear()
    for n in range(5):
        await served.send(text(n))
    await until(lambda: served.counters.stalled == 1)
    await served.send(text("later"))
    assert wire.closes == []
    wire.room.set()
    await until(lambda: wire.closes == [3008])
    assert wire.texts == ["0"], "what was under way"
    await served.finish()


async def test_one_that_moves_is_slow_and_does_not_stall() -> None:
    """A message under way for many times the time-out, of which the kernel takes a byte now and then."""
    wire = Wire()
    wire.held = 1000
    server = Server(wire.send, eager=True, transport=wire)
    counters = IsolationCounters()
    sender = Sender(wire.receive, server, Bounds(stall_timeout=0.04), counters, pressure_here())
    sender.open()
    wire.room.clear()
    await sender.send(text("large"))
    for _ in range(20):
        await asyncio.sleep(0.01)  # on the same clock as the look-out for stalls, and due before it
        wire.held -= 1
    assert counters.stalled == 0
    await until(lambda: counters.stalled == 1)
    wire.room.set()
    await until(lambda: wire.closes == [3008])


async def test_one_that_never_takes_anything_again_is_cut_off() -> None:
    wire = Wire()
    server = Server(wire.send, eager=True, transport=wire)
    counters = IsolationCounters()
    bounds = Bounds(stall_timeout=0.02, thaw_timeout=0.02)
    sender = Sender(wire.receive, server, bounds, counters, pressure_here())
    sender.open()
    wire.room.clear()
    await sender.send(text("large"))
    await until(lambda: wire.aborted)
    assert counters.cut == 1
    await sender.finish()


async def test_who_left_raises_nothing_in_the_task_of_whoever_sends_to_many() -> None:
    wire = Wire()
    served = await open_one(wire)
    wire.gone = ConnectionResetError("the client left")
    for n in range(100):
        await served.send(text(n))
        await asyncio.sleep(0)
    assert served.counters.dropped > 90
    assert served.counters.errors == 0
    await served.finish()


async def test_an_endpoint_that_sends_without_listening_is_told_that_its_client_is_gone() -> None:
    wire = Wire()
    sent = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await send(ACCEPT)
        wire.gone = ConnectionResetError("the client left")
        while True:
            await send(text(sent))
            await asyncio.sleep(0)
            sent += 1

    with pytest.raises(OSError, match="the client is gone"):
        await NeverWait(app)({"type": "websocket"}, wire.receive, wire.send)
    assert sent <= TOLD_AFTER + 2


async def test_an_endpoint_that_sends_its_own_client_more_than_may_wait_goes_at_its_pace() -> None:
    wire = Wire()
    counters = IsolationCounters()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        wire.room.clear()
        asyncio.get_running_loop().call_later(0.2, wire.room.set)
        for n in range(300):
            await send(text(f"{n}:" + "x" * 1000))

    await NeverWait(app, queue_bytes=50_000, counters=counters)(
        {"type": "websocket"}, wire.receive, wire.send
    )
    assert [int(said.partition(":")[0]) for said in wire.texts] == list(range(300))
    assert counters.overflowed == 0


async def test_a_producer_in_a_tight_loop_goes_at_the_pace_of_clients_that_keep_up() -> None:
    """Ten times what may wait, to a client that takes one message in each turn of the loop."""
    wire = Wire()

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        wire.sent.append(message)

    wire.send = send  # type: ignore[method-assign]
    served = await open_one(wire, queue_bytes=100_000)
    for n in range(1000):
        await served.send(text(f"{n}:" + "x" * 1000))
    await served.finish()
    assert served.counters.overflowed == 0
    assert [int(said.partition(":")[0]) for said in wire.texts] == list(range(1000))


async def test_many_that_freeze_are_waited_for_once_and_not_one_after_the_other() -> None:
    wires = [Wire() for _ in range(20)]
    served = [await open_one(wire, queue_bytes=100_000) for wire in wires]
    for wire in wires:
        wire.room.clear()
    pauses: list[int] = []
    for n in range(300):
        for one in served:
            turn = asyncio.get_running_loop().call_soon(pauses.append, n)
            await one.send(text(f"{n}:" + "x" * 1000))
            turn.cancel()  # too late, when this send has given the loop a turn
    assert all(one.counters.overflowed == 1 for one in served)
    assert len(pauses) == 1
    for wire in wires:
        wire.room.set()
    for one in served:
        await one.finish()


async def test_a_message_that_is_wrong_is_the_senders_error() -> None:
    wire = Wire()
    server = Server(wire.send, eager=True)
    sender = Sender(wire.receive, server, Bounds(), IsolationCounters(), pressure_here())
    sender.open()
    with pytest.raises(KeyError):
        await sender.send({"type": "websocket.send"})
    await sender.send(text("fine"))
    assert wire.texts == ["fine"]


async def test_everything_but_websockets_is_passed_as_it_is() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    wire = Wire()
    for kind in ("http", "lifespan"):
        scope = {"type": kind}
        await NeverWait(app)(scope, wire.receive, wire.send)
        assert seen.pop() == (scope, wire.receive, wire.send)
        assert scope == {"type": kind}


async def test_a_refusal_is_the_servers_business_message_by_message() -> None:
    wire = Wire()
    refusal = [
        {"type": "websocket.http.response.start", "status": 403, "headers": [(b"x", b"y")]},
        {"type": "websocket.http.response.body", "body": b"no"},
    ]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in refusal:
            await send(message)

    await NeverWait(app)({"type": "websocket"}, wire.receive, wire.send)
    assert wire.sent == refusal


async def test_accept_is_passed_with_all_it_says_and_what_the_server_offers_stays() -> None:
    wire = Wire()
    accept = {"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"a", b"b")]}
    offered: dict[str, Any] = {"websocket.http.response": {}}
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope["extensions"])
        await send(accept)

    await NeverWait(app)({"type": "websocket", "extensions": offered}, wire.receive, wire.send)
    assert wire.sent == [accept]
    assert seen.items() >= offered.items()


@pytest.mark.parametrize("name", ["queue_bytes", "stall_timeout", "thaw_timeout"])
def test_a_bound_of_nothing_is_refused_by_name(name: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    bounds: dict[str, Any] = {name: 0}
    with pytest.raises(ValueError, match=name):
        NeverWait(app, **bounds)


def test_wrappers_of_starlette_alone_are_looked_through() -> None:
    async def send(message: Any) -> None: ...

    def wrap(send: Any) -> Any:
        async def sender(message: Any) -> None:
            await send(message)

        return sender

    ours = wrap(send)
    assert find_server(ours).send is ours
    starlettes = wrap(send)
    starlettes.__module__ = "starlette._exception_handler"
    assert not find_server(starlettes).eager, "what is under it is nobody we know"
