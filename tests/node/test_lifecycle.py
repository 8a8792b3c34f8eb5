"""The life of a hub: from its first start to its last close, on one event loop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest

from gapless import (
    BrokerError,
    ChannelOptions,
    Hub,
    Limits,
    NotRunning,
)
from gapless.core.fanout import SLICE

from ..core.making import Reader
from ..support.broker import FakeBroker
from ..support.until import until
from ..support.virtual import VirtualLoop
from ..support.world import World

pytestmark = pytest.mark.anyio


CHANNELS = {"*": ChannelOptions(history=1000), "plain": ChannelOptions()}


def hub_with(broker: Any = "memory://", **limits: Any) -> Hub:
    return Hub(broker, channels=CHANNELS, limits=Limits(**limits))


@pytest.fixture
def world() -> Iterator[World]:
    world = World(CHANNELS)
    yield world
    world.close()


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def slow_to_start() -> FakeBroker:
    """A broker that takes its time to start and to close."""
    broker = FakeBroker()
    broker.delays = itertools.repeat(3)
    return broker


@pytest.mark.parametrize("closed", [False, True])
async def test_not_running_it_names_the_line_to_add(closed: bool) -> None:
    hub = hub_with()
    if closed:
        await hub.start()
        await hub.close()
    for use in (
        lambda: hub.publish("c", 1),
        lambda: hub.subscribe("c"),
        lambda: hub.channels(),
        lambda: hub.disconnect(user="x"),
    ):
        with pytest.raises(NotRunning, match=r"FastAPI\(lifespan=hub.lifespan\)"):
            use()
    with pytest.raises(NotRunning):
        await hub.history("c")
    assert hub.lifecycle.unready() == "the hub is not running"


async def test_it_runs_until_it_was_closed_as_often_as_it_was_started() -> None:
    hub = hub_with()
    async with hub:
        async with hub.lifespan():
            assert hub.running
        assert hub.running
        await hub.publish("c", 1)
    assert not hub.running


async def test_closing_more_often_than_it_was_started_is_harmless() -> None:
    hub = hub_with()
    await hub.close()
    await hub.start()
    await hub.close()
    await hub.close()
    await hub.start()
    assert hub.running
    await hub.close()
    assert not hub.running


async def test_started_by_several_at_once_it_starts_once() -> None:
    broker = slow_to_start()
    hub = hub_with(broker)
    await asyncio.gather(*(hub.start() for _ in range(3)))
    assert broker.starts == 1
    for _ in range(2):
        await hub.close()
    assert hub.running
    await hub.close()
    assert not hub.running


async def test_started_while_it_closes_it_runs_afterwards() -> None:
    broker = slow_to_start()
    hub = hub_with(broker)
    await hub.start()
    closing = asyncio.ensure_future(hub.close())
    await asyncio.sleep(0)
    await hub.start()
    assert closing.done()
    assert hub.running
    assert broker.starts == 2
    await hub.close()


async def test_one_that_could_not_start_can_be_started_again() -> None:
    broker = slow_to_start()
    broker.down = True
    hub = hub_with(broker)
    with pytest.raises(BrokerError):
        await hub.start()
    assert not hub.running
    broker.down = False
    async with hub:
        assert hub.running


async def test_closing_that_is_cancelled_closes_all_the_same() -> None:
    hub = hub_with()
    await hub.start()
    hub.node.tasks.spawn(_for_ever())
    closing = asyncio.ensure_future(hub.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    assert not hub.running
    with pytest.raises(NotRunning):
        hub.publish("c", 1)


def test_it_may_run_on_one_loop_after_another_and_keeps_what_the_broker_keeps() -> None:
    hub = hub_with()
    for number in (1, 2):
        loop = VirtualLoop()

        async def use(number: int = number) -> int:
            async with hub, hub.subscribe("c") as feed:
                await hub.publish("c", number)
                return (await anext(feed)).offset

        try:
            assert loop.run(use()) == number
        finally:
            loop.end()


def test_closed_in_the_middle_of_a_flush_it_delivers_on_the_next_loop() -> None:
    hub, first, second = hub_with(slice_seconds=0.0), VirtualLoop(), VirtualLoop()

    async def leave_in_the_middle() -> None:
        await hub.start()
        channel = await hub.node.rings.join("c")
        for _ in range(50 * SLICE):
            channel.add(Reader())
        hub.publish("c", 1)
        await asyncio.sleep(0)
        await hub.close()

    async def use() -> Any:
        async with hub, hub.subscribe("c") as feed, asyncio.timeout(5):
            reading = asyncio.ensure_future(anext(feed))
            await asyncio.sleep(0.1)
            await hub.publish("c", 2)
            return (await reading).data

    try:
        first.run(leave_in_the_middle())
        first.end()
        assert second.run(use()) == 2
    finally:
        second.end()


def test_but_not_on_two_at_once() -> None:
    hub, first, second = hub_with(), VirtualLoop(), VirtualLoop()
    try:
        first.run(hub.start())
        with pytest.raises(NotRunning, match="one hub per loop"):
            second.run(hub.start())
        first.run(hub.close())
        second.run(hub.start())
        second.run(hub.close())
    finally:
        first.end()
        second.end()


async def test_draining_it_is_not_ready() -> None:
    async with hub_with() as hub:
        assert hub.lifecycle.unready() is None
        elsewhere = Thread(target=hub.drain)
        elsewhere.start()
        elsewhere.join()
        assert hub.lifecycle.unready() is None, "in the loop's next turn, and not in a thread beside it"
        await until(lambda: hub.lifecycle.unready() is not None)
        assert hub.lifecycle.unready() == "the hub is shutting down"
        await hub.publish("c", "still taken")


def test_what_follows_a_drain_finds_everybody_told(world: World) -> None:
    client = world.plain("a", "c")
    world.connect(client)
    world.loop.settle()
    found: list[object] = []

    async def asked_to_end() -> None:
        world.hub.lifecycle.drain_soon(lambda: found.append(client.closed_with))
        assert not found, "not within a signal handler"

    world.loop.run(asked_to_end())
    world.loop.settle()
    assert found == [client.closed_with]
    assert client.closed_with is not None


def test_what_follows_a_drain_comes_at_once_where_no_loop_runs() -> None:
    order: list[str] = []
    hub_with().lifecycle.drain_soon(lambda: order.append("then"))
    assert order == ["then"]


def test_draining_closes_every_connection_with_3001(world: World) -> None:
    clients = [world.plain(name, "c") for name in "ab"]
    for client in clients:
        world.connect(client)
    world.loop.settle()
    world.loop.call(world.hub.drain)
    world.loop.settle()
    assert [client.closed_with and client.closed_with[0] for client in clients] == [3001, 3001]
