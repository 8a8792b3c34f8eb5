"""A subscription that is read on another event loop than the hub's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import ChannelOptions, Hub, Lost, Missed

from ..support.abroad import abroad
from ..support.until import until

pytestmark = pytest.mark.anyio

CHANNELS = {"*": ChannelOptions(history=1000)}


class TestReading:
    async def test_history_then_live_and_the_position_of_what_was_handed_out(self) -> None:
        async with Hub(channels=CHANNELS) as hub:
            await hub.publish("c", 1)

            async def work() -> list[Any]:
                async with hub.subscribe("c", history=None) as feed:
                    found = [(await anext(feed)).data]
                    assert feed.position.offset == 1
                    await hub.publish("c", 2)
                    found.append((await anext(feed)).data)
                    return found

            assert await abroad(work) == [1, 2]
            await until(lambda: hub.stats().subscriptions == 0)

    async def test_giving_up_on_the_next_one_loses_nothing(self) -> None:
        async with Hub(channels=CHANNELS) as hub:

            async def work() -> list[Any]:
                async with hub.subscribe("c") as feed:
                    with pytest.raises(TimeoutError):
                        async with asyncio.timeout(0.01):
                            await anext(feed)
                    for number in range(3):
                        await hub.publish("c", number)
                    return [(await anext(feed)).data for _ in range(3)]

            assert await abroad(work) == [0, 1, 2]

    async def test_it_ends_with_the_hub(self) -> None:
        found: list[Any] = []
        async with Hub(channels=CHANNELS) as hub:

            async def work() -> None:
                async with hub.subscribe("c") as feed:
                    async for publication in feed:
                        found.append(publication.data)

            reading = asyncio.ensure_future(abroad(work))
            await until(lambda: hub.stats().subscriptions == 1)
            await hub.publish("c", 1)
            await until(lambda: found == [1])
        await reading

    @pytest.mark.parametrize("listened_to", [True, False])
    async def test_what_is_lost_is_said_in_its_place(self, listened_to: bool) -> None:
        async with Hub(channels={"c": ChannelOptions(history=2)}) as hub:
            first = await hub.publish("c", 1)
            for number in range(2, 7):
                await hub.publish("c", number)
            said: list[Any] = []

            async def work() -> None:
                on_gap = said.append if listened_to else None
                async with hub.subscribe("c", since=first, on_gap=on_gap) as feed:
                    while len(said) < 3:
                        try:
                            said.append((await anext(feed)).data)
                        except Missed as missed:
                            said.append(missed)

            await abroad(work)
            gap, *rest = said
            assert isinstance(gap, Lost if listened_to else Missed)
            assert (gap.first, gap.last) == (2, 4)
            assert rest == [5, 6]

    async def test_one_that_was_made_where_no_loop_runs_is_read_on_the_hubs(self) -> None:
        async with Hub(channels=CHANNELS) as hub:
            feed = await asyncio.to_thread(hub.subscribe, "c")
            async with feed:
                await hub.publish("c", 1)
                assert (await anext(feed)).data == 1

    async def test_entered_on_another_loop_it_says_what_to_do(self) -> None:
        async with Hub(channels=CHANNELS) as hub:
            feed = hub.subscribe("c")

            async def work() -> None:
                with pytest.raises(RuntimeError, match=r"hub\.subscribe on the loop"):
                    await feed.__aenter__()

            await abroad(work)
