"""Readings of the hub: what each second says, and the rates between two."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from gapless import BrokerError, ChannelOptions, Hub
from gapless.watch import stats

from ..support.broker import FakeBroker
from ..support.until import until

pytestmark = pytest.mark.anyio

CHANNELS = {"now": ChannelOptions(), "*": ChannelOptions(history=10)}


@pytest.fixture
async def hub(anyio_backend: str) -> AsyncIterator[Hub]:
    async with Hub(channels=CHANNELS) as hub:
        yield hub


async def test_a_reading_has_totals_counters_and_where_each_channel_stands(hub: Hub) -> None:
    readings = stats.Readings(hub, 1.0)
    await hub.publish("quiet", "x" * 100)
    async with hub.subscribe("busy"), hub.subscribe("now"):
        await hub.publish("busy", 1)
        said = await readings.next()
    assert said["rates"] is None, "there is nothing to compare with"
    assert said["counters"]["published"] == 2
    assert said["counters"]["published_bytes"] == 103
    assert [node["uid"] for node in said["nodes"]] == [hub.uid]
    assert said["totals"]["num_clients"] == 0
    assert list(said["channels"]) == ["busy", "now", "quiet"], "those with the most readers first"
    assert said["channels"]["busy"]["offset"] == 1
    assert said["channels"]["now"] == {"num_clients": 1, "gaps": 0}
    assert said["channels"]["busy"]["last"] == pytest.approx(time.time(), abs=60)
    assert (said["channels"]["quiet"]["offset"], said["num_channels"]) == (1, 3)


async def test_the_next_one_has_rates(hub: Hub) -> None:
    times = iter((1000.0, 1004.0))
    readings = stats.Readings(hub, 1.0, lambda: next(times))
    async with hub.subscribe("busy"), hub.subscribe("now"):
        await readings.next()
        for number in range(20):
            await hub.publish("busy", number)
        await hub.publish("now", 1)
        said = await readings.next()
    assert (said["rates"]["published"], said["rates"]["gaps"]) == (5.25, 0)
    assert (said["channels"]["busy"]["rate"], said["channels"]["now"]["rate"]) == (5.0, 0.25)


async def test_bytes_and_gaps_are_told_of_channels_that_somebody_reads(hub: Hub) -> None:
    times = iter((1000.0, 1004.0, 1008.0))
    readings = stats.Readings(hub, 1.0, lambda: next(times))
    lost: list[object] = []
    await hub.publish("quiet", 1)
    async with hub.subscribe("busy", on_gap=lost.append) as feed, hub.subscribe("now"):
        await readings.next()
        for _ in range(20):  # twice what is kept
            await hub.publish("busy", "x" * 98)
        said = (await readings.next())["channels"]
        assert (said["busy"]["bytes_rate"], said["now"]["bytes_rate"]) == (500.0, 0.0)
        assert said["busy"]["gaps"] == 0
        assert not {"bytes_rate", "gaps"} & said["quiet"].keys()
        for _ in range(2_000):
            await hub.publish("busy", 1)
        assert (await anext(feed)).offset > 1_000
        said = (await readings.next())["channels"]
    assert len(lost) == said["busy"]["gaps"] == 1


def test_a_node_of_an_older_version_says_less() -> None:
    place = stats.Place()
    place.merge(1, "e", 7, 9)
    assert (place.payload_bytes, place.gaps, place.last) == (None, 0, 0.0)
    place.merge(1, "e", 7, 9, 100, 2, 5.0)
    assert (place.clients, place.payload_bytes, place.gaps, place.last) == (2, 100, 2, 5.0)


async def test_a_reading_of_long_ago_tells_no_rate(hub: Hub) -> None:
    times = iter((1000.0, 1001.0, 1001.1 + stats.FORGET_SECONDS))
    readings = stats.Readings(hub, 1.0, lambda: next(times))
    said = [(await readings.next())["rates"] for _ in range(3)]
    assert [rates is None for rates in said] == [True, False, True]


async def test_each_node_says_how_late_its_loop_is_and_what_it_used(hub: Hub) -> None:
    readings = stats.Readings(hub, 1.0)
    assert (await readings.next())["nodes"][0]["loop_lag"] is None, "it is measured from now on"

    async def is_told() -> bool:
        return (await readings.next())["nodes"][0]["loop_lag"] is not None

    await until(is_told)
    time.sleep(0.2)  # noqa: ASYNC251 - the loop is held, which is what is measured
    await until(lambda: (hub.node.lag.reading() or [0])[0] > 0.1)
    (node,) = (await readings.next())["nodes"]
    assert node["loop_lag"]["longest"] >= node["loop_lag"]["p99"] >= node["loop_lag"]["p50"] >= 0
    assert node["loop_lag"]["longest"] > 0.1
    assert node["cpu_seconds"] > 0


async def test_a_channel_that_lost_its_reader_is_found_where_it_stands(hub: Hub) -> None:
    readings = stats.Readings(hub, 1.0)
    async with hub.subscribe("busy"):
        await hub.publish("busy", 1)
        await readings.next()
    hub.node.rings.close_idle(hub.node.tasks.loop.time() + 60)
    await hub.publish("busy", 2)
    assert (await readings.next())["channels"]["busy"]["offset"] == 2


async def test_of_many_channels_those_with_readers_are_told_and_the_others_counted(hub: Hub) -> None:
    readings = stats.Readings(hub, 1.0)
    for number in range(stats.CHANNELS + 50):
        await hub.publish(f"c{number:04}", number)
    async with hub.subscribe("z"):
        said = await readings.next()
    assert len(said["channels"]) == stats.CHANNELS
    assert "z" in said["channels"]
    assert said["num_channels"] == stats.CHANNELS + 51


async def test_what_the_hub_says_of_itself_is_no_channel_of_its_own(hub: Hub) -> None:
    async def say(anew: bool) -> list[bytes]:
        return [b"1"]

    hub.node.own.add("$stats", say, every=1.0)
    async with hub.subscribe("$stats"):
        assert (await stats.Readings(hub, 1.0).next())["channels"] == {}


async def test_a_broker_that_does_not_answer_is_no_reason_to_say_nothing() -> None:
    broker = FakeBroker()
    async with Hub(broker, channels=CHANNELS) as hub:
        await hub.publish("c", 1)
        broker.reads_fail = BrokerError("away")
        said = await stats.Readings(hub, 1.0).next()
    assert said["channels"] == {"c": {"num_clients": 0}}
