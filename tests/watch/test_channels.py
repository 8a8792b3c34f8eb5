"""`$stats`, `$clients`, `$sources` and `$notices` as whoever may watch reads them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gapless import ChannelOptions, Hub, Listener
from gapless.doors.guard import AGENT_CHARACTERS
from gapless.watch.channels import watch

from ..support.serving import FAST_PATH, PLAIN_ASGI, Doors, doors
from ..support.until import DEADLINE, until

pytestmark = pytest.mark.anyio

CHANNELS = {"*": ChannelOptions(history=100)}
OWN = {"$stats", "$clients", "$sources", "$notices"}


@pytest.fixture
async def here(anyio_backend: str) -> AsyncIterator[Doors]:
    async with doors(CHANNELS, open_api=True) as opened:
        yield opened


@pytest.fixture
async def both(anyio_backend: str, tmp_path: Path) -> AsyncIterator[list[Doors]]:
    """Two nodes of one store."""
    async with AsyncExitStack() as stack:
        made = [
            doors(hub=Hub(f"sqlite:///{tmp_path}/a.db", channels=CHANNELS), open_api=True) for _ in range(2)
        ]
        yield [await stack.enter_async_context(one) for one in made]


async def read(hub: Hub, channel: str, count: int = 1) -> list[Any]:
    async with hub.subscribe(channel) as feed:
        return [(await anext(feed)).data for _ in range(count)]


async def test_nothing_is_computed_while_nobody_watches(here: Doors) -> None:
    async with here.client("?channel=logs"):
        await here.hub.publish("logs", 1)
        assert not here.hub.node.own.at_work
        async with here.client("?channel=$stats&channel=$clients&channel=$sources&channel=$notices") as page:
            await page.next()
            await until(lambda: here.hub.node.own.at_work == OWN)
        await until(lambda: not here.hub.node.own.at_work, "the end of it")


async def test_stats_say_how_the_hub_stands(here: Doors) -> None:
    async with here.client("?channel=logs") as client:
        await client.history("logs")
        await here.hub.publish("logs", 1)
        first, second = await read(here.hub, "$stats", 2)
    assert first["totals"]["num_clients"] == 1
    assert (first["channels"]["logs"]["num_clients"], first["channels"]["logs"]["offset"]) == (1, 1)
    assert second["channels"]["logs"]["rate"] == 0
    assert first["rates"] is None
    assert second["rates"]["published"] == 0
    assert not [name for name in first["channels"] if name.startswith("$")]


async def test_gaps_are_of_their_channel_whatever_door_they_were_told_at() -> None:
    async with doors({"*": ChannelOptions(history=3)}, open_api=True) as here:
        for channel in ("logs", "others"):
            for number in range(10):
                await here.hub.publish(channel, number)
        epoch = (await here.hub.history("logs")).top.epoch
        since = f"logs@{epoch}:1"
        async with here.client("?channel=others"), here.client(f"?channel=logs&since={since}") as plain:
            assert (await plain.next())["recovered"] is False
            said = (await read(here.hub, "$stats"))[0]["channels"]
            assert (said["logs"]["gaps"], said["others"]["gaps"]) == (1, 0)
            async with here.http.stream("GET", f"/sse?channel=logs&since={since}") as events:
                async for line in events.aiter_lines():
                    if line.startswith("event: gap"):
                        break
                said = (await read(here.hub, "$stats"))[0]["channels"]
            assert (said["logs"]["gaps"], said["others"]["gaps"]) == (2, 0)
            assert here.hub.counters.gaps == 2


async def first(feed: Listener, wanted: Callable[[Any], object]) -> Any:
    """The first that is said and wanted; what a moment in between looked like is let go."""
    while not wanted(said := (await anext(feed)).data):
        pass
    return said


async def test_clients_are_told_whole_to_who_comes_and_then_what_changes(here: Doors) -> None:
    async with here.hub.subscribe("$clients") as feed:
        assert (await anext(feed)).data == {"all": True, "clients": [], "total": 0}
        async with here.client("?channel=logs") as client:
            await client.history("logs")
            said = await first(feed, lambda said: any(row["num_subs"] for row in said["clients"]))
            assert "all" not in said
            (row,) = said["clients"]
            assert (row["address"], row["subscriptions"][0]["channel"]) == ("127.0.0.1", "logs")
            assert (said["gone"], said["total"]) == ([], 1)
            again = (await read(here.hub, "$clients"))[0]
            assert again["all"]
            assert [one["client"] for one in again["clients"]] == [row["client"]]
            # The others are told it as well: they read the same.
            assert len((await first(feed, lambda said: said.get("all")))["clients"]) == 1
        gone = await first(feed, lambda said: said.get("gone"))
        assert (gone["clients"], gone["gone"], gone["total"]) == ([], [row["client"]], 0)


async def test_sources_are_told_when_something_came(here: Doors) -> None:
    async with here.hub.subscribe("$sources") as feed:
        assert (await anext(feed)).data == {"sources": [], "total": 0}
        body = '{"message":"a","source":"web-1"}\n{"kind":"feeder_gap","count":3,"source":"web-1"}'
        headers = {"Content-Type": "application/x-ndjson"}
        await here.http.post("/ingest/logs", content=body, headers=headers)
        (row,) = (await anext(feed)).data["sources"]
        assert (row["source"], row["channel"], row["state"]) == ("web-1", "logs", "up")
        assert (row["rows"], row["dropped"]) == (2, 3)


async def test_notices_are_records_each_by_itself(here: Doors) -> None:
    async with here.hub.subscribe("$notices") as feed:
        await until(lambda: "$notices" in here.hub.node.own.at_work)
        for _ in range(3):
            await here.http.post(
                "/api/publish", json={"channel": ""}, headers={"X-Centrifugo-Error-Mode": "x"}
            )
        said = await first(feed, lambda said: said["logger"] == "gapless.api_refused")
        assert (said["level"], said["source"]) == ("warning", here.hub.name)
        assert said["message"].startswith("calls of the HTTP API refused: ")


async def test_what_is_sent_again_is_counted_once(here: Doors) -> None:
    headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": "once"}
    for _ in range(3):
        assert (await here.http.post("/ingest/logs", content="1\n2", headers=headers)).status_code == 202
    (source,) = here.hub.node.sources.heard
    assert source.rows == 2


async def test_all_nodes_are_in_it(both: list[Doors]) -> None:
    here, there = both
    headers = {"Content-Type": "application/x-ndjson"}
    for one in both:
        await one.http.post("/ingest/logs", content='{"source":"web-1"}', headers=headers)
    async with there.client("?channel=far") as far, here.client("?channel=near") as near:
        await far.history("far")
        await near.history("near")

        async def are_told() -> bool:
            said = (await read(here.hub, "$stats"))[0]
            return (
                len(said["nodes"]) == 2 and said["totals"]["num_clients"] == 2 and "far" in said["channels"]
            )

        await until(are_told)
        (told,) = await read(here.hub, "$clients")
        assert (len(told["clients"]), told["total"]) == (2, 2)
        asked = (await here.http.post("/api/clients", json={})).json()["result"]
        assert asked["total"] == 2
        assert {row["subscriptions"][0]["channel"] for row in asked["clients"]} == {"far", "near"}
        sources = (await here.http.post("/api/sources", json={})).json()["result"]
        assert [(row["source"], row["rows"]) for row in sources["sources"]] == [("web-1", 2)]


async def test_pages_are_of_all_nodes_together(both: list[Doors]) -> None:
    here, there = both
    async with here.client("?channel=b&channel=c"), there.client("?channel=a&channel=c") as far:
        await far.history("a")
        await far.history("c")
        await here.hub.publish("idle", 1)

        async def page(method: str, **said: Any) -> Any:
            return (await here.http.post(f"/api/{method}", json=said)).json()["result"]

        async def are_known() -> bool:
            found = await page("channels", all=True, limit=2)
            return list(found["channels"]) == ["c", "a"] and found["total"] == 4

        await until(are_known)
        first = await page("channels", all=True, limit=2)
        assert first["channels"]["c"]["num_clients"] == 2
        second = await page("channels", all=True, limit=2, cursor=first["cursor"])
        assert (list(second["channels"]), "cursor" in second) == (["b", "idle"], False)

        for number in range(3):
            await there.hub.publish("a", number)
        newest = await page("channels", all=True, sort="last", counters=True)
        assert next(iter(newest["channels"])) == "a", "which only the other node reads"
        assert "last" not in newest["channels"]["idle"]

        known = {row["client"] for row in (await page("clients"))["clients"]}
        one = await page("clients", limit=1, sort="client")
        other = await page("clients", limit=1, sort="client", cursor=one["cursor"])
        assert (one["total"], "cursor" in other) == (2, False)
        assert [one["clients"][0]["client"], other["clients"][0]["client"]] == sorted(known)


@pytest.mark.parametrize("ws", [PLAIN_ASGI, FAST_PATH])
async def test_a_client_says_since_when_with_what_and_how_quickly_it_answers(ws: str) -> None:
    """Only our server's own way of writing knows bytes and pings; elsewhere both are the server's secret."""
    before = time.time()
    async with (
        doors(CHANNELS, open_api=True, ws=ws, server={"ws_ping_interval": 0.05}) as here,
        here.client("?channel=logs", user_agent_header="Tester/1.0 " + "x" * AGENT_CHARACTERS) as client,
    ):
        await client.history("logs")

        async def row() -> Any:
            return (await here.http.post("/api/clients", json={})).json()["result"]["clients"][0]

        said = await row()
        assert before <= said["since"] <= time.time()
        assert said["agent"] == ("Tester/1.0 " + "x" * AGENT_CHARACTERS)[:AGENT_CHARACTERS]
        assert (said["rate"], said["gaps"]) == (None, 0)
        if ws == FAST_PATH:

            async def is_measured() -> bool:
                return (await row())["round_trip"] is not None and (await row())["rate"] is not None

            await until(is_measured)
            assert 0 <= (await row())["round_trip"] < DEADLINE
        else:
            assert said["round_trip"] is None


async def test_a_client_that_was_told_of_a_gap_has_it_counted() -> None:
    async with doors({"*": ChannelOptions(history=3)}, open_api=True) as here:
        for number in range(10):
            await here.hub.publish("logs", number)
        epoch = (await here.hub.history("logs")).top.epoch
        async with here.client(f"?channel=logs&since=logs@{epoch}:1") as behind, here.client("?channel=logs"):
            assert (await behind.next())["recovered"] is False
            said = (await here.http.post("/api/clients", json={"sort": "gaps"})).json()["result"]
            assert [row["gaps"] for row in said["clients"]] == [1, 0]


async def test_a_hub_without_doors_has_none() -> None:
    async with Hub(channels=CHANNELS) as hub:
        assert "$stats" not in hub.node.registry.own
        watch(hub)
        assert "$stats" in hub.node.registry.own
