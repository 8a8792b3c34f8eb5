"""Rows of clients: how far each is behind, since when, and what its socket did not take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from gapless import ChannelOptions, Client, Hub
from gapless.model import ANONYMOUS
from gapless.protocol import plain
from gapless.sessions.plain import PlainSession
from gapless.transports.stream import LINES
from gapless.watch import clients

from ..support.outlet import FakeOutlet
from ..support.until import until

pytestmark = pytest.mark.anyio

KEPT = 1000


@pytest.fixture
async def hub(anyio_backend: str) -> AsyncIterator[Hub]:
    async with Hub(channels={"*": ChannelOptions(history=KEPT, ring=10)}) as hub:
        yield hub


async def come(hub: Hub, name: str, *channels: str) -> FakeOutlet:
    """A client of these channels, and what reads for it."""
    outlet = FakeOutlet(asyncio.get_running_loop())
    query = [plain.Subscribe(channel, history=0) for channel in channels]
    about = Client(name, address="10.0.0.1", name=f"page of {name}")
    session = PlainSession(hub.node, outlet, LINES, client=name, grant=ANONYMOUS, about=about, query=query)
    outlet.on_room = session.flow.on_room
    session.open()
    await session.begin()
    await until(lambda: not outlet.waiting, "it has read what it was told")
    return outlet


async def test_who_reads_everything_is_at_the_head(hub: Hub) -> None:
    await come(hub, "quick", "logs")
    for number in range(5):
        await hub.publish("logs", number)

    async def has_all() -> bool:
        row = (await clients.here(hub, 10)).rows[0]
        return row["behind"] == 0 and not row["waiting"]

    await until(has_all)
    (row,) = (await clients.here(hub, 10)).rows
    assert (row["state"], row["late"], row["unsent"]) == ("ok", 0.0, 0)
    assert (row["node"], row["num_subs"]) == (hub.name, 1)


async def test_who_takes_nothing_is_behind_and_the_oldest_it_has_not_read_says_since_when(hub: Hub) -> None:
    await come(hub, "quick", "logs")
    slow = await come(hub, "slow", "logs", "events")
    slow.stall()
    begun = time.time()
    for number in range(8):
        await hub.publish("logs", number)

    async def lags() -> bool:
        return bool((await clients.here(hub, 10)).rows[0]["state"] == "behind")

    await until(lags)
    first, second = (await clients.here(hub, 10)).rows
    assert (first["client"], second["client"]) == ("slow", "quick")
    assert first["state"] == "behind"
    assert first["waiting"]
    assert first["unsent"] > 0
    assert 0 < first["behind"] < 8, "some wait in the outlet"
    assert first["behind"] == first["subscriptions"][0]["behind"]
    assert 0 <= first["late"] <= time.time() - begun + 0.001, "in whole milliseconds"
    assert [one["channel"] for one in first["subscriptions"]] == ["logs", "events"]
    slow.drain()


async def test_who_fell_off_the_ring_is_late_by_what_the_ring_still_knows(hub: Hub) -> None:
    slow = await come(hub, "slow", "logs")
    slow.stall()
    for number in range(100):
        await hub.publish("logs", number)

    async def has_fallen() -> bool:
        return bool((await clients.here(hub, 10)).rows[0]["behind"] > 50)

    await until(has_fallen)
    (row,) = (await clients.here(hub, 10)).rows
    assert row["late"] >= 0
    slow.drain()


async def test_only_those_that_are_asked_for_and_all_are_counted(hub: Hub) -> None:
    for name in ("anna", "bert", "carl"):
        await come(hub, name)
    found = await clients.here(hub, 10, "BER")
    assert ([row["client"] for row in found.rows], found.total) == (["bert"], 3)
    assert found.rows[0]["name"] == "page of bert"
    assert len((await clients.here(hub, 10, "Page of")).rows) == 3
    assert len((await clients.here(hub, 2)).rows) == 2
    assert len((await clients.here(hub, 10, "10.0.0")).rows) == 3
