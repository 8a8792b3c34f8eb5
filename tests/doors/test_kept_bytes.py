"""What is kept takes the memory that it is counted with, whichever way it came."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gapless import ChannelOptions

from ..support.serving import Doors
from ..support.sockets import Client, connected
from .conftest import OpenDoors

pytestmark = pytest.mark.anyio

COUNT = 300
MOST = 1500
"""Bytes for each. A few characters are counted with some two hundred; what orjson writes into has 4 KiB."""

CHANNELS = {"c": ChannelOptions(history=COUNT, client_publish=True)}

JSON = {"content-type": "application/json"}

Way = Callable[[Doors], Awaitable[None]]


def dense(said: Any) -> str:
    """As browsers write it."""
    return json.dumps(said, separators=(",", ":"))


async def in_the_process(doors: Doors) -> None:
    for number in range(COUNT):
        await doors.hub.publish("c", {"n": number})


async def through_the_api(doors: Doors) -> None:
    for number in range(COUNT):
        body = dense({"channel": "c", "data": {"n": number}})
        answer = await doors.http.post("/api/publish", content=body, headers=JSON)
        assert "offset" in answer.json()["result"]


async def to_ingest(doors: Doors) -> None:
    rows = [{"message": str(number)} for number in range(COUNT)]
    answer = await doors.http.post("/ingest/c", content=dense(rows), headers=JSON)
    assert answer.status_code == 202


async def by_a_client(doors: Doors) -> None:
    async with doors.client("?channel=c&history=0") as client:
        for number in range(COUNT):
            said = {"type": "publish", "channel": "c", "data": {"n": number}, "id": number}
            await published(client, dense(said))


async def by_an_sdk(doors: Doors) -> None:
    async with connected(doors.address.ws("/connection/websocket")) as client:
        assert "connect" in await client.ask({"id": 1, "connect": {}})
        assert "subscribe" in await client.ask({"id": 2, "subscribe": {"channel": "c"}})
        for number in range(COUNT):
            publish = {"channel": "c", "data": {"n": number}}
            await published(client, dense({"id": number + 3, "publish": publish}))


async def published(client: Client, command: str) -> None:
    """Says it, and reads up to the answer; its own publication comes as well."""
    await client.say(command)
    while "id" not in (frame := await client.next()):
        pass
    assert "publish" in frame or frame["type"] == "published"


@pytest.mark.parametrize("way", [in_the_process, through_the_api, to_ingest, by_a_client, by_an_sdk])
async def test_a_publication_takes_what_it_is_counted_with(open_doors: OpenDoors, way: Way) -> None:
    async with open_doors(CHANNELS, open_api=True) as doors:
        await way(doors)  # what is made once is there afterwards
        tracemalloc.start()
        try:
            await way(doors)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert held < MOST * COUNT
