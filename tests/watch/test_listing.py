"""Channels in pages: what is known of each, and by what they are sorted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gapless import ChannelOptions, Hub
from gapless.watch.channels import watch
from gapless.watch.listing import SORTS, Listing, listing
from gapless.watch.order import Order

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub(anyio_backend: str) -> AsyncIterator[Hub]:
    async with Hub(channels={"kept": ChannelOptions(history=2), "*": ChannelOptions()}) as hub:
        watch(hub)
        yield hub


async def page(hub: Hub, by: str = "num_clients", limit: int = 10, **more: Any) -> Listing:
    order = Order.read(SORTS, by, more.pop("descending", None), more.pop("cursor", ""))
    said = {"idle": True, "fits": None, "counters": False} | more
    return await listing(hub, order, limit, **said)


async def test_a_row_says_more_only_when_it_is_asked_to(hub: Hub) -> None:
    async with hub.subscribe("kept"):
        for number in range(3):
            await hub.publish("kept", number)
        plain, counted = await page(hub), await page(hub, counters=True)
    assert plain == ({"kept": {"num_clients": 1}}, 1, None)
    row = counted.rows["kept"]
    assert (row["offset"], row["oldest"], row["kept"], row["gaps"]) == (3, 2, 2, 0)
    assert row["retention"] == {"publications": 2, "bytes": ChannelOptions().history_bytes, "seconds": None}


async def test_what_nobody_reads_has_no_measures_and_comes_last_either_way(hub: Hub) -> None:
    async with hub.subscribe("a"), hub.subscribe("b"):
        for channel in ("a", "kept", "b"):
            await hub.publish(channel, 1)
        newest, oldest = await page(hub, "last"), await page(hub, "last", descending=False)
        counted = await page(hub, "last", counters=True)
    assert list(newest.rows) == ["b", "a", "kept"]
    assert list(oldest.rows) == ["a", "b", "kept"]
    assert "last" in counted.rows["a"]
    assert counted.rows["kept"].keys().isdisjoint(("last", "rate", "bytes_rate", "gaps"))


@pytest.mark.parametrize("by", SORTS)
async def test_in_every_order_each_is_on_one_page(hub: Hub, by: str) -> None:
    names = {f"c{number}" for number in range(5)}
    async with hub.subscribe("c1"), hub.subscribe("c3"):
        for name in names:
            await hub.publish(name, 1, skip_history=name == "c3")
        known = set((await page(hub, by)).rows)
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None and len(found) <= len(known):
            one = await page(hub, by, 1, cursor=cursor)
            found += one.rows
            assert one.total == len(known)
            cursor = one.cursor
    assert sorted(found) == sorted(known)


async def test_what_the_hub_says_of_itself_is_no_channel_among_others(hub: Hub) -> None:
    async with hub.subscribe("a"), hub.subscribe("$stats"):
        for by in SORTS:
            found = await page(hub, by)
            assert (list(found.rows), found.total) == (["a"], 1)
