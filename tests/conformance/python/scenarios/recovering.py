"""What a client that was away gets; deltas and filters."""

from __future__ import annotations

import asyncio
from typing import Any

import centrifuge  # type: ignore[import-not-found]

from ..stage import Seat, Stage, scenario, scenario_since


async def _missing(stage: Stage, namespace: str, count: int) -> tuple[Seat, str, Any]:
    wire = await stage.wire()
    channel = stage.channel(namespace)
    seat = await stage.subscribed(await stage.connected(wire=wire), channel)
    await stage.backend.publish_numbers(channel, 1, 2)
    await seat.numbers(2)
    async with wire.down():
        await stage.backend.publish_numbers(channel, 3, count)
    again = (await seat.log.next("subscribed", 2))[1]
    return seat, channel, again


async def _recovers(stage: Stage, count: int) -> None:
    seat, channel, again = await _missing(stage, "stream", count)
    assert (again.was_recovering, again.recovered) == (True, True)
    await stage.backend.publish_numbers(channel, 3 + count, 2)
    assert await seat.numbers(4 + count) == list(range(1, 5 + count))
    assert [context.pub.offset for context in seat.log.all("publication")] == list(range(1, 5 + count))


@scenario
async def recovers_when_it_missed_nothing(stage: Stage) -> None:
    await _recovers(stage, 0)


@scenario
async def recovers_one_publication_after_its_connection_was_cut(stage: Stage) -> None:
    await _recovers(stage, 1)


@scenario
async def recovers_fifty_publications_after_its_connection_was_cut(stage: Stage) -> None:
    await _recovers(stage, 50)


# Versions up to 0.6 refuse frames above 1 MiB.
@scenario
async def recovers_more_than_a_megabyte_after_its_connection_was_cut(stage: Stage) -> None:
    wire = await stage.wire()
    channel = stage.channel("log")
    seat = await stage.subscribed(await stage.connected(wire=wire), channel)
    async with wire.down():
        await stage.backend.publish_numbers(channel, 1, 300, pad=4_000)
    assert (await seat.log.next("subscribed", 2))[1].recovered
    await stage.backend.publish_numbers(channel, 301, 1)
    assert await seat.numbers(301) == list(range(1, 302))


@scenario
async def is_told_when_it_missed_more_than_the_history_holds_and_goes_on(stage: Stage) -> None:
    seat, channel, again = await _missing(stage, "tiny", 25)
    assert (again.was_recovering, again.recovered) == (True, False)
    assert again.stream_position.offset == 27
    await stage.backend.publish_numbers(channel, 28, 1)
    assert await seat.numbers(3) == [1, 2, 28]


@scenario
async def gets_the_newest_publication_of_a_cached_channel(stage: Stage) -> None:
    wire = await stage.wire()
    channel = stage.channel("cache")
    seat = await stage.subscribed(await stage.connected(wire=wire), channel)
    async with wire.down():
        await stage.backend.publish_numbers(channel, 1, 5)
    assert (await seat.log.next("subscribed", 2))[1].recovered
    assert await seat.numbers(1) == [5]
    await stage.backend.publish_numbers(channel, 6, 1)
    assert await seat.numbers(2) == [5, 6]


@scenario
async def gets_the_newest_publication_without_asking_where_the_channel_says_so(stage: Stage) -> None:
    channel = stage.channel("autocache")
    await stage.backend.publish_numbers(channel, 1, 3)
    seat = await stage.subscribed(await stage.connected(), channel)
    assert await seat.numbers(1) == [3]


@scenario
async def subscribes_again_by_itself_when_the_stream_begins_anew(stage: Stage) -> None:
    ada = await stage.connected()
    channel = stage.channel("stream")
    seat = await stage.subscribed(ada, channel)
    await stage.backend.publish_numbers(channel, 1, 3)
    await seat.numbers(3)
    await stage.backend.control("new-epoch", channel=channel, first=1, count=1)
    assert await seat.log.gone(2500) == "insufficient state"
    before, after = await seat.log.next("subscribed", 2)
    assert (after.was_recovering, after.recovered) == (True, False)
    assert after.stream_position.epoch != before.stream_position.epoch
    await stage.backend.publish_numbers(channel, 2, 2)
    assert await seat.numbers(5) == [1, 2, 3, 2, 3]
    assert len(ada.log.all("connected")) == 1


@scenario
async def gets_a_thousand_publications_in_order_while_it_is_cut_off_again_and_again(stage: Stage) -> None:
    wire = await stage.wire()
    channel = stage.channel("log")
    seat = await stage.subscribed(await stage.connected(wire=wire), channel)

    async def publish() -> None:
        for first in range(1, 1001, 20):
            await stage.backend.publish_numbers(channel, first, 20)
            await asyncio.sleep(0.01)

    publishing = asyncio.create_task(publish())
    for cuts in range(1, 6):
        await seat.numbers(cuts * 120)
        async with wire.down():
            await asyncio.sleep(0.03)
        await seat.log.next("subscribed", cuts + 1)
    await publishing
    assert await seat.numbers(1000) == list(range(1, 1001))
    assert all(again.recovered for again in seat.log.all("subscribed")[1:])


# The last letters differ in one byte of a two-byte character: a patch between them is no text.
LETTERS = ("é", "è", "ê", "ë", "漢", "字", "🌍", "🌎")


def _page(n: int) -> dict[str, Any]:
    text = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. " * 8
    return {"n": n, "text": text, "letter": LETTERS[n % len(LETTERS)], "more": "x" * 200}


async def _publish_pages(stage: Stage, channel: str, first: int, last: int) -> None:
    for n in range(first, last + 1):
        await stage.backend.publish(channel, _page(n))


@scenario
async def gets_deltas_and_makes_whole_publications_of_them_also_when_it_comes_back(stage: Stage) -> None:
    wire = await stage.wire()
    channel = stage.channel("delta")
    plain = await stage.subscribed(await stage.connected(), channel)
    await _publish_pages(stage, channel, 1, 2)
    ada = await stage.connected(wire=wire)
    seat = await stage.subscribed(ada, channel, delta=centrifuge.DeltaType.FOSSIL)
    await _publish_pages(stage, channel, 3, 12)
    await seat.numbers(10)
    async with wire.down():
        await _publish_pages(stage, channel, 13, 18)
    assert (await seat.log.next("subscribed", 2))[1].recovered
    await _publish_pages(stage, channel, 19, 22)
    await seat.numbers(20)
    await plain.numbers(22)
    assert seat.data() == [_page(n) for n in range(3, 23)]
    assert plain.data() == [_page(n) for n in range(1, 23)]
    deltas = [context.pub.delta for context in seat.log.all("publication")]
    assert not deltas[0]
    assert sum(deltas) >= 8


@scenario_since(0, 5)
async def gets_only_publications_with_the_tags_it_asked_for_also_when_it_comes_back(stage: Stage) -> None:
    wire = await stage.wire()
    channel = stage.channel("tags")
    ada = await stage.connected(wire=wire)
    wanted = centrifuge.Filter.all(
        centrifuge.Filter.is_in("level", ["warning", "error"]),
        centrifuge.Filter.negate(centrifuge.Filter.lt("count", "10")),
    )
    seat = await stage.subscribed(ada, channel, tags_filter=wanted)

    async def publish(n: int, **tags: str) -> None:
        await stage.backend.publish(channel, {"n": n}, tags=tags)

    await publish(1, level="debug", count="20")
    await publish(2, level="error", count="20")
    await publish(3, level="error", count="9.5")
    await publish(4, level="warning", count="100")
    assert await seat.numbers(2) == [2, 4]
    async with wire.down():
        await publish(5, level="error", count="30")
        await publish(6, level="debug")
    assert (await seat.log.next("subscribed", 2))[1].recovered
    await publish(7, level="error", count="11")
    assert await seat.numbers(4) == [2, 4, 5, 7]


@scenario_since(0, 5)
async def loads_its_state_anew_when_its_position_is_lost(stage: Stage) -> None:
    wire = await stage.wire()
    channel = stage.channel("tiny")
    ada = await stage.connected(wire=wire)
    await stage.backend.publish_numbers(channel, 1, 3)
    loads = 0

    async def get_state(of: str) -> Any:
        nonlocal loads
        loads += 1
        top = await stage.backend.api("history", channel=of)
        return centrifuge.StreamPosition(top["offset"], top["epoch"])

    seat = await stage.subscribed(ada, channel, get_state=get_state)
    async with wire.down():
        await stage.backend.publish_numbers(channel, 4, 25)
    await seat.log.next("subscribed", 2)
    assert loads == 2
    await stage.backend.publish_numbers(channel, 29, 1)
    assert await seat.numbers(1) == [29]
