"""`/metrics`: who may see it, that all is there, that what bit is seen, and no name of anybody."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gapless import ChannelOptions, Limits
from gapless.core.bounds import BOUNDS

from ..support.serving import Doors, doors
from ..support.sockets import connected
from ..support.until import until

pytestmark = pytest.mark.anyio

TOKEN = "9f2c61d07be84a35c1d2"
KEY = {"X-API-Key": TOKEN}
CHANNELS = {"secret-room": ChannelOptions(history=10)}


async def read(opened: Doors) -> dict[str, float]:
    """Every sample by its name; none has a label."""
    answer = await opened.http.get("/metrics", headers=KEY)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            assert sample.labels == {}
            found[sample.name] = sample.value
    return found


async def test_it_is_for_who_may_call_the_api() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened:
        assert (await opened.http.get("/metrics")).status_code == 401
        assert (await opened.http.get("/metrics", headers=KEY)).status_code == 200


async def test_every_counter_is_there_and_no_channel() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened, opened.client("?channel=secret-room") as client:
        await client.history("secret-room")
        found = await read(opened)
        counted = {f"gapless_{name}_total" for name in opened.hub.counters.snapshot()}
        assert counted <= set(found)
        assert {f"gapless_{bound.counter.replace('.', '_')}_total" for bound in BOUNDS} <= set(found)
        assert (found["gapless_clients"], found["gapless_subscriptions"]) == (1, 1)
        assert "gapless_http_heads_refused_total" in found
        assert "secret" not in (await opened.http.get("/metrics", headers=KEY)).text


async def test_how_late_the_loop_is_stands_there_from_the_second_scrape_on() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened:
        assert not opened.hub.node.lag.is_measured
        assert (await read(opened))["gapless_loop_lag_longest_seconds"] == 0
        await until(lambda: opened.hub.node.lag.reading() is not None)
        found = await read(opened)
        assert found["gapless_loop_lag_longest_seconds"] >= found["gapless_loop_lag_p99_seconds"] > 0


async def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    async with doors(CHANNELS, token=TOKEN) as opened:
        answer = await opened.http.get("/metrics", headers=KEY)
        assert (answer.status_code, "gapless[metrics]" in answer.text) == (501, True)


async def test_calls_that_are_refused_are_counted() -> None:
    limits = Limits(body_bytes=100, body_seconds=0.05)

    json = KEY | {"Content-Type": "application/json"}
    async with doors(CHANNELS, token=TOKEN, limits=limits) as opened:

        async def slow() -> Any:
            yield b"{"
            await until(lambda: opened.hub.counters.api_refused == 2, "the hub has waited enough")

        body = b'{"channel":"secret-room","data":"%b"}'
        said = [
            await opened.http.post(
                "/api/publish", content=body % (b"x" * (100 - len(body) + 2)), headers=json
            ),
            await opened.http.post(
                "/api/publish", content=body % (b"x" * (101 - len(body) + 2)), headers=json
            ),
            await opened.http.post("/api/publish", content=slow(), headers=json),
            await opened.http.post("/api/publish", content=b"[]", headers=json),
            await opened.http.post("/api/publish", content=b"{}", headers=json),
        ]
        assert [answer.status_code for answer in said] == [200, 413, 408, 400, 200]
        assert (await read(opened))["gapless_api_refused_total"] == 4


async def test_ends_that_a_bound_brought_are_counted() -> None:
    limits = Limits(connect_timeout=0.02, ping_interval=0.1, pong_timeout=0.05, housekeeping=0.01)
    async with doors(CHANNELS, limits=limits, insecure=True) as opened:
        async with connected(opened.address.ws("/connection/websocket")) as silent:
            assert (await silent.closed())[0] == 3502
        async with connected(opened.address.ws("/connection/websocket")) as mute:
            await mute.say('{"id":1,"connect":{}}')
            assert (await mute.closed())[0] == 3012
        await until(lambda: opened.hub.counters.no_connect and opened.hub.counters.no_pong)
        assert (opened.hub.counters.no_connect, opened.hub.counters.no_pong) == (1, 1)
