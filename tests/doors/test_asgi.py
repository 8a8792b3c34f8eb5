"""HubApp as servers hand it requests: with a slash too many, without a lifespan, when it is full."""

from __future__ import annotations

import asyncio
import re

import pytest

from gapless import ChannelOptions, Hub, HubApp, Limits
from gapless.errors import BrokerError

from ..support.broker import FakeBroker
from ..support.serving import Doors, doors, serve
from ..support.sockets import connected

pytestmark = pytest.mark.anyio

KEPT = {"logs": ChannelOptions(history=10)}


async def test_a_path_with_a_last_slash_is_the_same_door() -> None:
    async with doors(KEPT) as here:
        async with connected(here.address.ws("/ws/?channel=logs")) as client:
            await client.history("logs")
        async with connected(here.address.ws("/connection/websocket/")) as client:
            assert "connect" in await client.ask({"id": 1, "connect": {}})
        for path in ("/health", "/ready", "/client.js", "/connection/init"):
            plain, slashed = [await here.http.get(each) for each in (path, f"{path}/")]
            assert (slashed.status_code, slashed.content) == (200, plain.content)
        async with here.http.stream("GET", "/sse/?channel=logs") as events:
            assert events.status_code == 200
        assert (await here.http.post("/api/info/", json={})).status_code == 401
        assert (await here.http.get("/nothing/")).status_code == 404


async def test_mounted_it_is_so_too() -> None:
    hub = Hub(channels=KEPT)
    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = Starlette(routes=[Mount("/live", HubApp(hub))], lifespan=hub.lifespan)
    async with serve(app) as address, connected(address.ws("/live/ws/?channel=logs")) as client:
        await client.history("logs")


async def test_where_nobody_starts_the_hub_the_first_request_does(caplog: pytest.LogCaptureFixture) -> None:
    hub = Hub(channels=KEPT)
    async with serve(HubApp(hub), lifespan="off") as address:
        assert not hub.running
        async with (
            connected(address.ws("/ws?channel=logs")) as first,
            connected(address.ws("/ws?channel=logs")) as second,
        ):
            for client in (first, second):
                await client.history("logs")
            await hub.publish("logs", 1)
            assert [(await client.live(1))[0]["data"] for client in (first, second)] == [1, 1]
    assert caplog.text.count("starts with its first request") == 1
    await hub.close()
    assert not hub.running


def test_it_then_ends_with_the_loop() -> None:
    hub = Hub(channels=KEPT)

    async def serving() -> None:
        async with serve(HubApp(hub), lifespan="off") as address:
            async with connected(address.ws("/ws?channel=logs")) as client:
                await client.history("logs")
        assert hub.running

    asyncio.run(serving())
    assert not hub.running


async def test_what_was_closed_is_not_woken_up() -> None:
    hub = Hub(channels=KEPT)
    async with hub:
        pass
    async with serve(HubApp(hub), lifespan="off") as address:
        with pytest.raises(Exception, match="503"):
            async with connected(address.ws("/ws?channel=logs")):
                pass
        assert not hub.running


async def test_a_broker_that_cannot_be_reached_is_tried_again_with_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Away(FakeBroker):
        tries = 0

        async def start(self, sink: object) -> None:
            Away.tries += 1
            if Away.tries == 1:
                raise BrokerError("nobody there")
            await super().start(sink)  # type: ignore[arg-type]

    hub = Hub(Away(), channels=KEPT)
    async with serve(HubApp(hub), lifespan="off") as address:
        with pytest.raises(Exception, match="503"):
            async with connected(address.ws("/ws?channel=logs")):
                pass
        assert "nobody there" in caplog.text
        async with connected(address.ws("/ws?channel=logs")) as client:
            await client.next()
    await hub.close()


@pytest.mark.parametrize("path", ["/sse?channel=logs", "/connection/uni_sse?cf_connect={}"])
async def test_a_full_hub_tells_an_event_stream_when_to_come_back(path: str) -> None:
    async with doors(KEPT, limits=Limits(connections=0)) as here:
        events = await here.http.get(path, headers={"Accept": "text/event-stream"})
        assert events.status_code == 200
        assert events.headers["content-type"].startswith("text/event-stream")
        retry = re.match(r"retry: ([0-9]+)\n: the hub is full\n\n", events.text)
        assert retry is not None
        assert 5000 <= int(retry[1]) < 10_000
        await _elsewhere_it_is_a_status(here, path)


async def _elsewhere_it_is_a_status(here: Doors, path: str) -> None:
    others = await here.http.get(path, headers={"Accept": "*/*"})
    assert (others.status_code, others.headers["retry-after"]) == (503, "5")
