"""`/ws`, live: each publication once, in order, at the pace and in the shape the client asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import ChannelOptions, Grant, Hub

from ..support.broker import FakeBroker
from ..support.until import until
from .conftest import OpenDoors

pytestmark = pytest.mark.anyio

KEPT = ChannelOptions(history=1000)


async def test_live_publications_are_a_frame_each_in_order(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors, doors.client("?channel=logs") as client:
        await client.history("logs")
        for n in range(1, 501):
            doors.hub.publish("logs", {"n": n})
        assert await client.take(500) == [
            {"channel": "logs", "offset": n, "data": {"n": n}} for n in range(1, 501)
        ]


async def test_a_batch_is_one_frame_for_what_comes_together(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors, doors.client("?channel=logs&batch=1") as client:
        await client.history("logs")
        doors.hub.publish("logs", "alone")
        assert await client.next() == {"channel": "logs", "offset": 1, "data": "alone"}
        for n in range(2, 52):
            doors.hub.publish("logs", n)
        assert await client.next() == {
            "channel": "logs",
            "batch": [{"offset": n, "data": n} for n in range(2, 52)],
        }


async def test_pace_keeps_live_frames_apart_and_loses_nothing(open_doors: OpenDoors) -> None:
    clock = asyncio.get_running_loop().time
    async with open_doors({"logs": KEPT}) as doors:
        began = clock()
        async with doors.client("?channel=logs&batch=1&pace=100") as client:
            await client.history("logs")
            for n in range(1, 201):
                await doors.hub.publish("logs", n)
                await asyncio.sleep(0.002)
            frames, seen = 0, 0
            while seen < 200:
                frame = await client.next()
                frames += 1
                for item in frame.get("batch") or [frame]:
                    seen += 1
                    assert item["offset"] == seen
            assert 2 <= frames <= 2 + (clock() - began) / 0.1


async def test_a_pace_is_no_bound_of_speed(open_doors: OpenDoors) -> None:
    async with (
        open_doors({"logs": ChannelOptions(history=1_000)}) as doors,
        doors.client("?channel=logs&batch=1&pace=60000") as client,
    ):
        await client.history("logs")
        for n in range(400):  # three times what one write holds
            doors.hub.publish("logs", f"{n} {'x' * 2_000}")
        seen: list[int] = []
        while len(seen) < 400:
            seen += [item["offset"] for item in (await client.next())["batch"]]
        assert seen == list(range(1, 401))


async def test_the_pace_of_one_connection_is_not_that_of_another(open_doors: OpenDoors) -> None:
    async with (
        open_doors({"logs": KEPT}) as doors,
        doors.client("?channel=logs&pace=60000") as paced,
        doors.client("?channel=logs") as prompt,
    ):
        await paced.history("logs")
        await prompt.history("logs")
        for n in range(1, 11):
            await doors.hub.publish("logs", n)
        assert [frame["offset"] for frame in await prompt.take(10)] == list(range(1, 11))
        assert (await paced.next())["offset"] == 1
        await paced.quiet()


async def test_publications_without_an_offset_have_none(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors, doors.client("?channel=logs") as client:
        await client.history("logs")
        await doors.hub.publish("logs", "kept")
        await doors.hub.publish("logs", "passing", skip_history=True)
        await doors.hub.publish("logs", "kept again")
        assert await client.take(3) == [
            {"channel": "logs", "offset": 1, "data": "kept"},
            {"channel": "logs", "data": "passing"},
            {"channel": "logs", "offset": 2, "data": "kept again"},
        ]


async def test_tags_stand_beside_the_data_live_in_batches_and_in_history(open_doors: OpenDoors) -> None:
    tags = {"level": "error", "where": "Köln"}
    async with open_doors({"logs": KEPT}) as doors, doors.client("?channel=logs&batch=1") as client:
        await client.history("logs")
        await doors.hub.publish("logs", 1, tags=tags)
        assert await client.next() == {"channel": "logs", "offset": 1, "data": 1, "tags": tags}
        doors.hub.publish("logs", 2, tags=tags)
        doors.hub.publish("logs", 3)
        assert (await client.next())["batch"] == [
            {"offset": 2, "data": 2, "tags": tags},
            {"offset": 3, "data": 3},
        ]
        async with doors.client("?channel=logs&history=2") as late:
            (frame,) = await late.history("logs")
            assert frame["history"] == [
                {"offset": 2, "data": 2, "tags": tags},
                {"offset": 3, "data": 3},
            ]


async def test_many_channels_on_one_connection_each_keep_their_order(open_doors: OpenDoors) -> None:
    names = [f"room:{n}" for n in range(20)]
    query = "&".join(f"channel={name}" for name in names)
    async with open_doors({"room:*": KEPT}) as doors, doors.client(f"?{query}") as client:
        await client.take(len(names))
        for n in range(1, 51):
            for name in names:
                doors.hub.publish(name, n)
        seen: dict[str, list[int]] = {name: [] for name in names}
        for frame in await client.take(50 * len(names)):
            seen[frame["channel"]].append(frame["offset"])
        assert all(offsets == list(range(1, 51)) for offsets in seen.values())


async def test_everybody_gets_the_same_in_the_same_order_from_several_publishers(
    open_doors: OpenDoors,
) -> None:
    async with (
        open_doors({"logs": KEPT}) as doors,
        doors.client("?channel=logs") as one,
        doors.client("?channel=logs&batch=1") as other,
    ):
        await one.history("logs")
        await other.history("logs")

        async def publish(name: str) -> None:
            for n in range(100):
                await doors.hub.publish("logs", [name, n])

        await asyncio.gather(*(publish(name) for name in "abcd"))
        seen = [item["data"] for item in await one.live(400)]
        assert [item["data"] for item in await other.live(400)] == seen
        for name in "abcd":
            assert [n for who, n in seen if who == name] == list(range(100))


async def test_publishing_from_a_thread_reaches_clients_in_order(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors, doors.client("?channel=logs") as client:
        await client.history("logs")

        def publish() -> None:
            for n in range(300):
                doors.hub.publish("logs", n)

        await asyncio.to_thread(publish)
        assert [item["data"] for item in await client.live(300)] == list(range(300))


# -- joins and leaves


async def test_joins_and_leaves_come_only_where_asked_for(open_doors: OpenDoors) -> None:
    hub = Hub(channels={"room": ChannelOptions(presence=True, join_leave=True)})

    @hub.on_connect
    async def who(event: Any) -> Grant:
        return Grant(user=event.query["user"], info=b'{"name":"N"}')

    async with open_doors(hub=hub) as doors:
        async with (
            doors.client("?channel=room&user=a&joins=1") as curious,
            doors.client("?channel=room&user=b") as plain,
        ):
            await curious.history("room")
            await plain.history("room")
            joined = await curious.next()
            member = joined["join"]
            assert joined == {
                "channel": "room",
                "join": {"user": "b", "client": member["client"], "conn_info": {"name": "N"}},
            }
            async with doors.client("?channel=room&user=c") as passing:
                await passing.history("room")
                third = await curious.next()
                assert third["join"]["user"] == "c"
            assert await curious.next() == {"channel": "room", "leave": third["join"]}
            await plain.quiet()


async def test_joins_of_a_batched_connection_keep_their_place(open_doors: OpenDoors) -> None:
    options = ChannelOptions(history=100, presence=True, join_leave=True)
    async with (
        open_doors({"room": options}) as doors,
        doors.client("?channel=room&batch=1&joins=1&pace=150") as client,
    ):
        await client.history("room")
        await doors.hub.publish("room", "first")
        assert (await client.next())["offset"] == 1
        # It rests now: what follows comes together.
        await doors.hub.publish("room", 1)
        await doors.hub.publish("room", 2)
        async with doors.client("?channel=room") as other:
            await other.history("room")
            await doors.hub.publish("room", 3)
            batch, joined, alone = await client.take(3)
        assert [item["data"] for item in batch["batch"]] == [1, 2]
        assert set(joined) == {"channel", "join"}
        assert alone == {"channel": "room", "offset": 4, "data": 3}
        assert "leave" in await client.next()


# -- what happens to a channel while it is read


@pytest.mark.parametrize("query", ["", "&batch=1"])
async def test_a_new_life_of_the_stream_is_announced_and_read_from_its_beginning(
    open_doors: OpenDoors, query: str
) -> None:
    broker = FakeBroker()
    hub = Hub(broker, channels={"logs": KEPT})
    async with open_doors(hub=hub) as doors, doors.client(f"?channel=logs{query}") as client:
        await client.history("logs")
        for n in range(1, 4):
            await hub.publish("logs", n)
        await client.live(3)
        broker.forget("logs")
        position = await hub.publish("logs", "new")
        assert position is not None
        gap = {"from": 4, "to": None, "reason": "epoch", "epoch": position.epoch}
        assert await client.next() == {"channel": "logs", "gap": gap}
        assert await client.next() == {"channel": "logs", "offset": 1, "data": "new"}
        await hub.publish("logs", "newer")
        assert await client.next() == {"channel": "logs", "offset": 2, "data": "newer"}


async def test_a_link_to_the_broker_that_broke_is_announced_where_nothing_is_kept(
    open_doors: OpenDoors,
) -> None:
    async with (
        open_doors({"now": ChannelOptions(), "logs": KEPT}) as doors,
        doors.client("?channel=now&channel=logs") as client,
    ):
        await client.take(2)
        await doors.hub.publish("now", 1)
        await client.live(1)
        doors.hub.node.rings.interrupted()
        frame = await client.next()
        assert (frame["channel"], frame["gap"]["reason"]) == ("now", "interrupted")
        assert (frame["gap"]["from"], frame["gap"]["to"]) == (None, None)
        await doors.hub.publish("now", 2)
        await doors.hub.publish("logs", 3)
        assert await client.take(2) == [
            {"channel": "now", "data": 2},
            {"channel": "logs", "offset": 1, "data": 3},
        ]


async def test_the_server_may_end_a_subscription_and_not_the_connection(open_doors: OpenDoors) -> None:
    hub = Hub(channels={"*": KEPT})

    @hub.on_connect
    async def who(event: Any) -> str:
        return "a"

    async with open_doors(hub=hub) as doors, doors.client("?channel=logs&channel=events") as client:
        await client.take(2)
        hub.connections(user="a").unsubscribe("logs")
        assert await client.next() == {
            "type": "unsubscribed",
            "channel": "logs",
            "code": 2000,
            "reason": "server unsubscribe",
        }
        await hub.publish("logs", 1)
        await hub.publish("events", 2)
        assert (await client.next())["channel"] == "events"
        await client.quiet()


async def test_what_was_published_just_before_a_client_came_is_in_its_history_or_live_never_both(
    open_doors: OpenDoors,
) -> None:
    async with open_doors({"logs": ChannelOptions(history=5000)}) as doors:
        done = False

        async def publish() -> None:
            n = 0
            while not done:
                n += 1
                await doors.hub.publish("logs", n)
                await asyncio.sleep(0)

        async def visit() -> None:
            async with doors.client("?channel=logs") as client:
                frames = await client.history("logs")
                seen = [item["offset"] for frame in frames for item in frame["history"]]
                seen += [item["offset"] for item in await client.live(20)]
                assert seen == list(range(seen[0], seen[0] + len(seen)))

        publisher = asyncio.create_task(publish())
        try:
            await asyncio.gather(*(visit() for _ in range(40)))
        finally:
            done = True
            await publisher
        await until(lambda: not doors.hub.node.roster)
