"""A sender: what waits in it, who is closed, and what an endpoint is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import IsolationCounters, NeverWait
from gapless.isolation.pressure import Bounds, pressure_here
from gapless.isolation.sender import TOLD_AFTER, Sender
from gapless.isolation.server import Server

from ..support.until import until
from .wire import ACCEPT, Wire, open_one, text

pytestmark = pytest.mark.anyio


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


async def test_a_message_that_is_wrong_is_the_senders_error() -> None:
    wire = Wire()
    server = Server(wire.send, eager=True)
    sender = Sender(wire.receive, server, Bounds(), IsolationCounters(), pressure_here())
    sender.open()
    with pytest.raises(KeyError):
        await sender.send({"type": "websocket.send"})
    await sender.send(text("fine"))
    assert wire.texts == ["fine"]
