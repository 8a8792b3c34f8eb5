"""How much one client may hold up, and who is asked to pause."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import NeverWait

from .wire import Wire, open_one, text

pytestmark = pytest.mark.anyio


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


@pytest.mark.parametrize("name", ["queue_bytes", "stall_timeout", "thaw_timeout"])
def test_a_bound_of_nothing_is_refused_by_name(name: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    bounds: dict[str, Any] = {name: 0}
    with pytest.raises(ValueError, match=name):
        NeverWait(app, **bounds)
