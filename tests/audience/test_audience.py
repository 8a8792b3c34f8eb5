"""An audience: who stands under which keys, what they are told, and in which order on every loop."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.websockets import WebSocket

from gapless import Limits, Overloaded
from gapless.audience.audience import Audience
from gapless.audience.kept import Kept
from gapless.isolation.outgoing import Outgoing

from ..isolation.wire import Wire
from ..support.until import DEADLINE, until

pytestmark = pytest.mark.anyio


def websocket_on(wire: Wire) -> WebSocket:
    """One whose client wants to be let in."""
    wire.heard.put_nowait({"type": "websocket.connect"})
    return WebSocket({"type": "websocket"}, wire.receive, wire.send)


def audience_of(size: int = 10, **limits: Any) -> Audience:
    return Audience(Kept(size, 10_000, 10_000), Limits(**limits))


async def entered(audience: Audience, *keys: str) -> tuple[WebSocket, Wire]:
    wire = Wire()
    websocket = websocket_on(wire)
    await audience.enter(websocket, keys)
    return websocket, wire


async def heard(wire: Wire, *texts: str) -> None:
    """That is what goes out there, in the end."""
    await until(lambda: len(wire.texts) >= len(texts))
    assert wire.texts == list(texts)


async def test_each_is_told_what_is_meant_for_its_keys_and_nothing_else() -> None:
    audience = audience_of()
    (one, at_one), (two, at_two) = await entered(audience, "a"), await entered(audience, "a", "b")
    for key, text in (("a", "to a"), ("b", "to b"), ("c", "to nobody")):
        await audience.tell(key, Outgoing(text))
    await heard(at_two, "to a", "to b")
    await heard(at_one, "to a")
    assert audience.members("a") == [one, two]
    assert (audience.members("b"), audience.members("c")) == ([two], [])
    assert (audience.stats().clients, audience.stats().channels, audience.stats().subscriptions) == (2, 2, 3)


async def test_who_comes_is_told_what_is_kept_of_its_new_keys_once() -> None:
    audience = audience_of(size=2)
    for number in range(3):
        await audience.tell("a", Outgoing(f"a{number}"), keep=True)
    await audience.tell("a", Outgoing("not kept"))
    websocket, wire = await entered(audience, "a")
    await heard(wire, "a1", "a2")
    await audience.tell("b", Outgoing("b0"), keep=True)
    await audience.enter(websocket, ["a", "b"])
    await heard(wire, "a1", "a2", "b0")  # under a it stands already
    assert [message["type"] for message in wire.sent].count("websocket.accept") == 1


async def test_it_leaves_some_keys_or_all() -> None:
    audience = audience_of()
    websocket, wire = await entered(audience, "a", "b")
    audience.leave(websocket, ["a", "unknown"])
    await audience.tell("a", Outgoing("to a"))
    await audience.tell("b", Outgoing("to b"))
    audience.leave(websocket)
    audience.leave(websocket)
    await audience.tell("b", Outgoing("too late"))
    await heard(wire, "to b")
    assert audience.stats().clients == 0


async def test_an_endpoint_that_ends_without_a_word_is_forgotten() -> None:
    audience = audience_of()
    websocket, _ = await entered(audience, "a")
    del websocket
    gc.collect()
    await until(lambda: audience.stats().clients == 0)
    assert audience.members("a") == []


async def test_one_is_told_alone_behind_what_all_were_told_before_whether_it_entered_or_not() -> None:
    audience = audience_of()
    (one, at_one), (two, at_two) = await entered(audience, "a"), await entered(audience, "a")
    await audience.tell("a", Outgoing("all"))
    await audience.tell_one(one, Outgoing("alone"))
    await heard(at_one, "all", "alone")
    await heard(at_two, "all")
    wire = Wire()
    stranger = websocket_on(wire)
    await stranger.accept()
    await audience.tell_one(stranger, Outgoing("stranger"))
    await heard(wire, "stranger")
    assert audience.members("a") == [one, two]


async def test_what_threads_tell_arrives_in_the_order_of_the_calls() -> None:
    audience = audience_of()
    _, wire = await entered(audience, "a")

    def tell() -> None:
        for number in range(100):
            audience.tell("a", Outgoing(str(number)))

    await asyncio.to_thread(tell)
    await audience.tell("a", Outgoing("then"))
    await heard(wire, *map(str, range(100)), "then")


@pytest.fixture
def elsewhere() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs when the test lets it."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_a_loop_that_takes_nothing_is_a_bound_for_whoever_tells_it(
    elsewhere: asyncio.AbstractEventLoop,
) -> None:
    audience = audience_of(in_flight_bytes=1000)
    websocket, wire = elsewhere.run_until_complete(entered(audience, "a"))
    first, large = Outgoing("x" * 600), Outgoing("y" * 600)
    audience.tell("a", first)
    with pytest.raises(Overloaded) as caught:
        audience.tell("a", large, keep=True)
    assert (caught.value.in_flight_bytes, caught.value.max_bytes) == (first.size, 1000)
    assert audience.kept.of("a") == [], "nobody has it"
    elsewhere.run_until_complete(heard(wire, str(first.data)))
    assert audience.stats().in_flight_bytes == 0
    audience.tell("a", large)
    elsewhere.run_until_complete(heard(wire, str(first.data), str(large.data)))
    assert audience.members("a") == [websocket]


async def test_awaiting_waits_until_the_other_loops_have_taken_it() -> None:
    audience = audience_of()
    here, at_here = await entered(audience, "a")
    found: list[tuple[asyncio.AbstractEventLoop, WebSocket, Wire]] = []
    ready, held, go_on, end = (threading.Event() for _ in range(4))

    def hold() -> None:
        held.set()
        go_on.wait(DEADLINE)

    async def stand() -> None:
        found.append((asyncio.get_running_loop(), *await entered(audience, "a")))
        ready.set()
        await asyncio.to_thread(end.wait, DEADLINE)

    async def tell() -> None:
        await audience.tell("a", Outgoing("to both loops"))

    running = threading.Thread(target=lambda: asyncio.run(stand()))
    running.start()
    try:
        assert await asyncio.to_thread(ready.wait, DEADLINE)
        loop, there, at_there = found[0]
        loop.call_soon_threadsafe(hold)
        assert await asyncio.to_thread(held.wait, DEADLINE)
        telling = asyncio.create_task(tell())
        await heard(at_here, "to both loops")
        assert not telling.done()
        go_on.set()
        await telling
        await heard(at_there, "to both loops")
        assert audience.members("a") == [here, there]
    finally:
        go_on.set()
        end.set()
        await asyncio.to_thread(running.join)


async def test_a_loop_that_was_closed_is_forgotten_with_all_that_stood_there(
    elsewhere: asyncio.AbstractEventLoop,
) -> None:
    audience = audience_of()
    there, _ = await asyncio.to_thread(elsewhere.run_until_complete, entered(audience, "a"))
    elsewhere.close()
    _, wire = await entered(audience, "a")
    await audience.tell("a", Outgoing("goes on"))
    await heard(wire, "goes on")
    assert (audience.stats().clients, there in audience.members("a")) == (1, False)
