"""The hub's own channels: computed while somebody reads them, and not otherwise."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from gapless import BadRequest, ChannelOptions, Hub
from gapless.node import own

from ..support.until import turns, until

pytestmark = pytest.mark.anyio

OFTEN = 0.001
NEVER = 3600.0


class Teller:
    """What is said in a channel: whether each time somebody came, and how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[bool] = []
        self.silent = False
        self.broken = False

    async def say(self, anew: bool) -> list[bytes]:
        self.asked.append(anew)
        if self.broken:
            raise RuntimeError("cannot be computed")
        return [] if self.silent else [b"%d" % len(self.asked)]


@pytest.fixture
def teller() -> Teller:
    return Teller()


@pytest.fixture
async def hub(anyio_backend: str) -> AsyncIterator[Hub]:
    async with Hub(channels={"*": ChannelOptions(history=10)}) as hub:
        yield hub


async def test_nothing_is_computed_while_nobody_reads(hub: Hub, teller: Teller) -> None:
    hub.node.own.add("$x", teller.say, every=OFTEN)
    async with hub.subscribe("other"):
        await turns(200)
    assert teller.asked == []
    assert not hub.node.own.at_work


async def test_who_comes_is_told_at_once_and_again_until_the_last_has_left(hub: Hub, teller: Teller) -> None:
    hub.node.own.add("$x", teller.say, every=OFTEN)
    async with hub.subscribe("$x") as feed:
        assert [(await anext(feed)).data for _ in range(3)] == [1, 2, 3]
        assert hub.node.own.at_work == {"$x"}
    await until(lambda: not hub.node.own.at_work, "the end of it")
    asked = len(teller.asked)
    await turns(200)
    assert len(teller.asked) == asked
    assert teller.asked[:3] == [True, False, False]


async def test_the_next_one_to_come_is_told_everything_without_waiting_for_its_time(
    hub: Hub, teller: Teller
) -> None:
    hub.node.own.add("$x", teller.say, every=NEVER)
    async with hub.subscribe("$x") as first:
        assert (await anext(first)).data == 1
        async with hub.subscribe("$x") as second:
            assert (await anext(second)).data == 2
            assert (await anext(first)).data == 2
        assert teller.asked == [True, True]
    await until(lambda: not hub.node.own.at_work)


async def test_it_begins_again_for_who_comes_after_everybody_left(hub: Hub, teller: Teller) -> None:
    hub.node.own.add("$x", teller.say, every=NEVER)
    for number in (1, 2, 3):
        async with hub.subscribe("$x") as feed:
            assert (await anext(feed)).data == number
    assert teller.asked == [True, True, True]


async def test_it_begins_again_in_a_new_ring(hub: Hub, teller: Teller) -> None:
    hub.node.own.add("$x", teller.say, every=NEVER)
    async with hub.subscribe("$x") as feed:
        await anext(feed)
    hub.node.rings.close_idle(hub.node.tasks.loop.time() + 60)
    assert hub.node.rings.find("$x") is None
    async with hub.subscribe("$x") as feed:
        assert (await anext(feed)).data == 2


async def test_nothing_to_say_is_not_said(hub: Hub, teller: Teller) -> None:
    hub.node.own.add("$x", teller.say, every=OFTEN)
    teller.silent = True
    async with hub.subscribe("$x") as feed:
        await until(lambda: len(teller.asked) >= 3)
        ring = hub.node.rings.find("$x")
        assert ring is not None
        assert ring.ring.head == 0
        teller.silent = False
        assert (await anext(feed)).data == len(teller.asked)


async def test_what_cannot_be_computed_is_logged_once_and_tried_for_who_comes_next(
    hub: Hub, teller: Teller, caplog: pytest.LogCaptureFixture
) -> None:
    hub.node.own.add("$x", teller.say, every=OFTEN)
    teller.broken = True
    async with hub.subscribe("$x"):
        await until(lambda: teller.asked and not hub.node.own.at_work)
    teller.broken = False
    async with hub.subscribe("$x") as feed:
        assert (await anext(feed)).data == 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_no_broker_is_told_or_asked(hub: Hub, teller: Teller) -> None:
    hub.node.own.add("$x", teller.say, every=OFTEN)
    async with hub.subscribe("$x") as feed:
        await anext(feed)
        hub.node.rings.interrupted()
        assert "$x" not in hub.node.broker.known()
        assert not (await anext(feed)).offset


async def test_nobody_else_publishes_there(hub: Hub, teller: Teller) -> None:
    hub.node.own.add("$x", teller.say, every=NEVER)
    with pytest.raises(BadRequest, match="says of itself"):
        hub.publish("$x", 1)
    async with hub.subscribe("$x") as feed:
        await anext(feed)
        with pytest.raises(BadRequest, match="says of itself"):
            hub.publish("$x", 1)


async def test_a_hub_closes_while_somebody_reads(teller: Teller) -> None:
    async with Hub() as hub:
        hub.node.own.add("$x", teller.say, every=NEVER)
        feed = await hub.subscribe("$x").__aenter__()
        await anext(feed)
    assert not hub.node.own.at_work
    assert own.SOONEST_SECONDS < 1
