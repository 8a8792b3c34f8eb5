"""A hub under a uvicorn that was not told what it needs says so, once."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from gapless import ChannelOptions, Hub, HubApp
from gapless.doors.serverflags import HTTP, WS

from ..support.serving import FAST_PATH, PLAIN_ASGI, doors, serve
from ..support.sockets import connected

pytestmark = pytest.mark.anyio

CHANNELS = {"logs": ChannelOptions()}


Lines = Callable[[], list[str]]


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Lines:
    """What was said of flags so far."""
    caplog.set_level(logging.WARNING, logger="gapless.flags")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "gapless.flags"]


async def test_at_the_start_where_the_server_starts_the_hub(said: Lines) -> None:
    async with doors(CHANNELS):
        (line,) = said()
        assert f"--ws {WS} --http {HTTP}" in line


async def test_once_however_many_come(said: Lines) -> None:
    async with doors(CHANNELS) as here:
        for _ in range(3):
            assert (await here.http.get("/health")).status_code == 200
            async with here.client("?channel=logs") as client:
                await client.history("logs")
    assert len(said()) == 1


@pytest.mark.parametrize("ws", [PLAIN_ASGI, "wsproto", FAST_PATH])
async def test_at_the_first_request_where_another_application_stands_between(ws: str, said: Lines) -> None:
    hub = Hub(channels=CHANNELS)
    app = Starlette(routes=[Mount("/live", HubApp(hub))], lifespan=hub.lifespan)
    async with serve(app, ws=ws) as address:
        assert said() == []
        async with connected(address.ws("/live/ws?channel=logs")) as client:
            await client.history("logs")
    (line,) = said()
    assert (f"--ws {WS}" in line, f"--http {HTTP}" in line) == (ws != FAST_PATH, True)


async def test_nothing_is_said_where_all_is_well(said: Lines) -> None:
    async with doors(CHANNELS, ws=FAST_PATH, server={"http": HTTP}) as here:
        assert (await here.http.get("/health")).status_code == 200
    assert said() == []
