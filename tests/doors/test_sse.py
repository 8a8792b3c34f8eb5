"""`/sse`: events and ids as EventSource reads them, where a stream resumes, and who may open one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from gapless import ChannelOptions, Hub, HubApp, Limits

from ..support.events import Event, sse, streaming
from ..support.serving import DIRECT_HTTP, doors, serve
from ..support.sockets import frozen
from ..support.until import until

pytestmark = pytest.mark.anyio

KEPT = ChannelOptions(history=1000)


# -- the format


async def test_each_publication_is_an_event_with_the_position_after_it(anyio_backend: str) -> None:
    async with doors({"logs": KEPT}) as opened:
        position = await opened.hub.publish("logs", {"n": 1}, tags={"a": "b"})
        assert position is not None
        epoch = position.epoch
        async with sse(opened, "channel=logs") as stream:
            assert await stream.next() == Event(
                f"{epoch}:1", "message", '{"channel":"logs","offset":1,"data":{"n":1},"tags":{"a":"b"}}'
            )
            for n in range(2, 202):
                opened.hub.publish("logs", n)
            for n in range(2, 202):
                event = await stream.next()
                assert event.id == f"{epoch}:{n}"
                assert event.data == {"channel": "logs", "offset": n, "data": n}


async def test_the_bytes_are_those_of_the_specification() -> None:
    async with doors({"logs": KEPT}) as opened:
        position = await opened.hub.publish("logs", "x")
        assert position is not None
        async with opened.http.stream("GET", "/sse?channel=logs") as response:
            seen = b""
            async for piece in response.aiter_raw():
                seen += piece
                if b"\n\n" in seen[3:]:
                    break
        event = b'id: %b:1\ndata: {"channel":"logs","offset":1,"data":"x"}\n\n' % position.epoch.encode()
        assert seen == b":\n\n" + event


async def test_the_stream_begins_at_once_also_when_there_is_nothing_to_say() -> None:
    async with doors({"logs": KEPT}) as opened, sse(opened, "channel=logs") as stream:
        headers = stream.response.headers
        assert stream.response.status_code == 200
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert headers["cache-control"] == "no-cache, no-store"
        assert headers["x-accel-buffering"] == "no"
        assert headers["vary"].lower() == "origin"
        await opened.hub.publish("logs", 1)
        await stream.next()
        assert stream.comments == 1


async def test_publications_without_an_offset_have_no_id() -> None:
    async with doors({"now": ChannelOptions(), "logs": KEPT}) as opened:
        async with sse(opened, "channel=now") as stream:
            await until(lambda: opened.hub.stats().subscriptions == 1)
            await opened.hub.publish("now", 1)
            assert await stream.next() == Event("", "message", '{"channel":"now","data":1}')
        async with sse(opened, "channel=logs") as stream:
            position = await opened.hub.publish("logs", "kept")
            await opened.hub.publish("logs", "passing", skip_history=True)
            kept, passing = await stream.take(2)
            assert kept.id == passing.id == str(position), "EventSource keeps the last one"


async def test_joins_and_leaves_come_where_asked_for() -> None:
    room = ChannelOptions(history=10, presence=True, join_leave=True)
    async with doors({"room": room}) as opened, sse(opened, "channel=room&joins=1") as stream:
        await until(lambda: opened.hub.stats().subscriptions == 1)
        async with opened.client("?channel=room") as client:
            await client.history("room")
            joined = await stream.next()
            assert set(joined.data["join"]) == {"user", "client"}
        left = await stream.next()
        assert left.data["leave"] == joined.data["join"]


async def test_pace_lets_events_travel_together_and_loses_nothing() -> None:
    clock = asyncio.get_running_loop().time
    async with doors({"logs": KEPT}) as opened, sse(opened, "channel=logs&pace=100") as stream:
        await until(lambda: opened.hub.stats().subscriptions == 1)
        began, writes = clock(), opened.hub.counters.writes
        for n in range(100):
            await opened.hub.publish("logs", n)
            await asyncio.sleep(0.002)
        assert [event.data["data"] for event in await stream.take(100)] == list(range(100))
        assert opened.hub.counters.writes - writes <= 2 + (clock() - began) / 0.1


# -- where it resumes


@pytest.mark.parametrize("how", ["header", "query"])
async def test_a_stream_goes_on_right_behind_the_last_event(how: str) -> None:
    async with doors({"logs": KEPT}) as opened:
        for n in range(1, 21):
            position = await opened.hub.publish("logs", n)
        assert position is not None
        for at in range(21):
            place = f"{position.epoch}:{at}"
            query = f"channel=logs&since=logs@{place}" if how == "query" else "channel=logs"
            async with sse(opened, query, place if how == "header" else None) as stream:
                events = await stream.take(20 - at)
                await opened.hub.publish("logs", "last", skip_history=True)
                assert (await stream.next()).data["data"] == "last"
            assert [event.data["offset"] for event in events] == list(range(at + 1, 21))


async def test_a_stream_broken_off_anywhere_misses_and_repeats_nothing() -> None:
    async with doors({"*": KEPT}) as opened:
        last: str | None = None
        seen: dict[str, list[int]] = {"a": [], "b": [], "c": []}
        going = True

        async def publish() -> None:
            n = 0
            while going:
                n += 1
                for name in seen:
                    opened.hub.publish(name, n)
                await asyncio.sleep(0.0005)

        publisher = asyncio.create_task(publish())
        try:
            for count in range(1, 40):
                async with sse(opened, "channel=a&channel=b&channel=c", last) as stream:
                    for event in await stream.take(count):
                        assert event.name == "message"
                        seen[event.data["channel"]].append(event.data["offset"])
                    last = stream.last_id
        finally:
            going = False
            await publisher
        for offsets in seen.values():
            assert offsets == list(range(1, len(offsets) + 1))


async def test_with_several_channels_the_id_holds_a_position_for_each_in_the_querys_order() -> None:
    async with doors({"*": KEPT}) as opened:
        epochs = {}
        for name in ("a", "b", "c"):
            position = await opened.hub.publish(name, 1)
            assert position is not None
            epochs[name] = position.epoch
        async with sse(opened, "channel=b&channel=a&channel=c") as stream:
            events = await stream.take(3)
            assert events[-1].id == f"{epochs['b']}:1,{epochs['a']}:1,{epochs['c']}:1"
        async with sse(opened, "channel=b&channel=a&channel=c", events[-1].id) as stream:
            await opened.hub.publish("a", 2)
            event = await stream.next()
            assert event.data == {"channel": "a", "offset": 2, "data": 2}
            assert event.id == f"{epochs['b']}:1,{epochs['a']}:2,{epochs['c']}:1"


async def test_an_id_never_forgets_a_channel_that_is_still_being_entered() -> None:
    hub = Hub(channels={"*": KEPT})
    asked, go_on = asyncio.Event(), asyncio.Event()

    @hub.on_subscribe("slow")
    async def wait(event: Any) -> None:
        if event.since is not None:
            asked.set()
            await go_on.wait()

    async with doors(hub=hub) as opened:
        for name in ("quick", "slow"):
            await hub.publish(name, 1)
        async with sse(opened, "channel=quick&channel=slow") as stream:
            await stream.take(2)
            last = stream.last_id
        async with sse(opened, "channel=quick&channel=slow", last) as stream:
            await asked.wait()
            await hub.publish("quick", 2)
            assert (await stream.next()).data["data"] == 2
            last = stream.last_id
        go_on.set()
        async with sse(opened, "channel=quick&channel=slow", last) as stream:
            await hub.publish("slow", 2)
            assert (await stream.next()).data == {"channel": "slow", "offset": 2, "data": 2}


async def test_an_id_never_runs_ahead_of_what_was_sent() -> None:
    """More than one write holds: the rest of a channel waits, while another has its turn."""
    limits = Limits(flush_bytes=3000)
    async with doors({"*": KEPT}, limits=limits) as opened:
        async with sse(opened, "channel=a&channel=b&pace=50") as stream:
            await until(lambda: opened.hub.stats().subscriptions == 2)
            for n in range(20):
                opened.hub.publish("a", [n, "x" * 900])
                opened.hub.publish("b", [n, "x" * 900])
            sent = {"a": 0, "b": 0}
            for event in await stream.take(40):
                sent[event.data["channel"]] = event.data["offset"]
                claimed = [int(place.rpartition(":")[2]) for place in event.id.split(",")]
                assert claimed == [sent["a"], sent["b"]]


@pytest.mark.parametrize("last", ["garbage", "", "a:1,b:2,c:3", "x:-1", "a b:1"])
async def test_an_id_that_is_not_ours_is_not_recovered_and_says_so(last: str) -> None:
    async with doors({"*": KEPT}) as opened:
        for n in range(1, 4):
            position = await opened.hub.publish("logs", n)
        assert position is not None
        async with sse(opened, "channel=logs", last) as stream:
            gap, *events = await stream.take(4)
            assert gap.name == "gap"
            assert gap.data["gap"]["reason"] == "epoch"
            assert gap.data["gap"]["epoch"] == position.epoch
            assert [event.data["offset"] for event in events] == [1, 2, 3]


@pytest.mark.parametrize(
    ("since", "gap", "offsets"),
    [
        ("EPOCH:2", {"from": 3, "to": 5, "reason": "trimmed", "epoch": "EPOCH"}, [6, 7, 8, 9, 10]),
        ("other:2", {"from": 3, "to": None, "reason": "epoch", "epoch": "EPOCH"}, [6, 7, 8, 9, 10]),
        ("EPOCH:99", {"from": 11, "to": None, "reason": "epoch", "epoch": "EPOCH"}, [6, 7, 8, 9, 10]),
    ],
)
async def test_a_resume_that_fails_is_a_gap_event_before_what_is_still_kept(
    since: str, gap: dict[str, Any], offsets: list[int]
) -> None:
    async with doors({"logs": ChannelOptions(history=5)}) as opened:
        for n in range(1, 11):
            position = await opened.hub.publish("logs", n)
        assert position is not None
        async with sse(opened, "channel=logs", since.replace("EPOCH", position.epoch)) as stream:
            first, *events = await stream.take(1 + len(offsets))
            assert first.name == "gap"
            expected = gap | {"epoch": position.epoch}
            assert first.data == {"channel": "logs", "gap": expected}
            assert [event.data["offset"] for event in events] == offsets


async def test_a_channel_that_disconnects_the_slow_still_lets_them_come_back() -> None:
    options = ChannelOptions(history=5, ring=4, on_gap="disconnect")
    async with doors({"logs": options}) as opened:
        async with sse(opened, "channel=logs") as stream:
            await until(lambda: opened.hub.stats().subscriptions == 1)
            for n in range(1, 1001):
                await opened.hub.publish("logs", [n, "x" * 10_000])
            events = []
            with pytest.raises(StopAsyncIteration):
                while True:
                    events.append(await stream.next())
            seen = len(events)
            assert [event.data["offset"] for event in events] == list(range(1, seen + 1))
            assert opened.hub.counters.slow_disconnects == 1
        async with sse(opened, "channel=logs", stream.last_id) as stream:
            gap, *events = await stream.take(6)
            assert (gap.data["gap"]["from"], gap.data["gap"]["to"]) == (seen + 1, 995)
            assert [event.data["offset"] for event in events] == list(range(996, 1001))


@pytest.mark.parametrize(("asked", "expected"), [("0", []), ("2", [4, 5]), ("9", [1, 2, 3, 4, 5])])
async def test_history_n_begins_with_the_newest_n(asked: str, expected: list[int]) -> None:
    async with doors({"logs": KEPT}) as opened:
        for n in range(1, 6):
            await opened.hub.publish("logs", n)
        async with sse(opened, f"channel=logs&history={asked}") as stream:
            await until(lambda: opened.hub.stats().subscriptions == 1)
            events = await stream.take(len(expected))
            await opened.hub.publish("logs", 6)
            events.append(await stream.next())
            assert [event.data["offset"] for event in events] == [*expected, 6]


async def test_a_long_history_comes_whole_and_live_follows() -> None:
    options = ChannelOptions(history=3000, history_bytes=None, ring=64)
    async with doors({"logs": options}) as opened:
        for n in range(1, 2001):
            await opened.hub.publish("logs", [n, "x" * 1000])
        async with sse(opened, "channel=logs") as stream:
            for n in range(2001, 2101):
                await opened.hub.publish("logs", [n, "x" * 1000])
            events = await stream.take(2100)
            assert [event.data["offset"] for event in events] == list(range(1, 2101))


# -- slow and gone


async def test_a_reader_that_stalls_past_what_is_kept_gets_a_gap_event() -> None:
    options = ChannelOptions(history=10, ring=8)
    async with doors({"logs": options}) as opened, sse(opened, "channel=logs") as stream:
        await until(lambda: opened.hub.stats().subscriptions == 1)
        # httpx does not read the socket before it is asked to.
        for n in range(1, 2001):
            await opened.hub.publish("logs", [n, "x" * 5000])
        expected, gaps = 1, 0
        while expected <= 2000:
            event = await stream.next()
            if event.name == "gap":
                gap = event.data["gap"]
                assert (gap["from"], gap["reason"]) == (expected, "trimmed")
                expected, gaps = gap["to"] + 1, gaps + 1
            else:
                assert event.data["offset"] == expected
                expected += 1
        assert gaps


async def test_a_stream_that_is_not_read_is_cut_off_and_leaves_nothing() -> None:
    options = ChannelOptions(history=2000, history_bytes=None, ring=64)
    async with doors({"logs": options}, limits=Limits(stall_timeout=0.3, housekeeping=0.1)) as opened:
        request = f"GET /sse?channel=logs HTTP/1.1\r\nHost: {opened.address.host}\r\n\r\n".encode()
        with frozen(opened.address.host, request):
            await until(lambda: opened.hub.stats().subscriptions == 1)
            for n in range(2000):
                await opened.hub.publish("logs", [n, "x" * 5000])
            await until(lambda: opened.hub.counters.stalled == 1)
            await opened.settled()
        assert opened.hub.stats().subscriptions == 0


async def test_leaving_frees_everything() -> None:
    async with doors({"*": KEPT}) as opened:
        for _ in range(20):
            async with sse(opened, "channel=a&channel=b&pace=1000") as stream:
                await until(lambda: opened.hub.stats().subscriptions == 2)
                await opened.hub.publish("a", 1)
                await stream.next()
            await opened.settled()
        assert opened.hub.stats().subscriptions == 0
        assert opened.hub.counters.connections == 20


async def test_an_idle_stream_gets_a_comment_now_and_then() -> None:
    async with doors({"logs": KEPT}, limits=Limits(heartbeat=0.1, housekeeping=0.1)) as opened:
        async with opened.http.stream("GET", "/sse?channel=logs") as response:
            seen = b""
            async for piece in response.aiter_raw():
                seen += piece
                if seen == b":\n\n" * 3:
                    break


async def test_draining_ends_the_stream_properly() -> None:
    async with doors({"logs": KEPT}) as opened, sse(opened, "channel=logs") as stream:
        await until(lambda: opened.hub.stats().subscriptions == 1)
        await opened.hub.publish("logs", "last words")
        opened.hub.drain()
        assert (await stream.next()).data["data"] == "last words"
        await stream.ended()
        answer = await opened.http.get("/sse?channel=logs")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.text == "the hub is shutting down"


async def test_behind_middleware_of_the_application_it_streams_and_is_freed_just_the_same() -> None:
    hub = Hub(channels={"logs": KEPT})
    app = FastAPI(lifespan=hub.lifespan)
    app.mount("/live", HubApp(hub))

    @app.middleware("http")
    async def pass_on(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    async with serve(app) as address, AsyncClient(base_url=address.http("/live"), trust_env=False) as browser:
        async with streaming(browser, "/sse?channel=logs") as stream:
            await until(lambda: hub.stats().subscriptions == 1)
            for n in range(100):
                await hub.publish("logs", n)
            assert [event.data["data"] for event in await stream.take(100)] == list(range(100))
        await until(lambda: hub.stats().clients == 0)


async def test_the_server_may_end_a_subscription_and_not_the_stream() -> None:
    hub = Hub(channels={"*": KEPT})

    @hub.on_connect
    async def who(event: Any) -> str:
        return "a"

    async with doors(hub=hub) as opened, sse(opened, "channel=logs&channel=events") as stream:
        await until(lambda: hub.stats().subscriptions == 2)
        hub.connections(user="a").unsubscribe("logs")
        event = await stream.next()
        assert event.name == "unsubscribed"
        assert (event.data["channel"], event.data["code"]) == ("logs", 2000)
        await hub.publish("logs", 1)
        await hub.publish("events", 2)
        assert (await stream.next()).data["channel"] == "events"


async def test_a_client_that_goes_with_a_request_behind_its_stream_leaves_no_session() -> None:
    async with doors({"logs": KEPT}, server={"http": DIRECT_HTTP}) as opened:
        host = opened.address.host
        stream, behind = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
            for path in ("/sse?channel=logs", "/health")
        )
        with frozen(host, stream + behind * 2):
            await until(lambda: len(opened.hub.node.roster) == 1)
        await opened.settled()
