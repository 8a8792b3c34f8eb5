"""What one address may have, on every door; and whose word on an address counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from gapless import ChannelOptions, Hub, Limits
from gapless.core.rate import Tally

from ..support.serving import FAST_PATH, PLAIN_ASGI, Doors, doors
from ..support.until import until
from ..support.visits import Come, Wish, ways

pytestmark = pytest.mark.anyio

KEY = "5b7e1f0c9a3d4826"
HERE, THERE = "192.0.2.1", "192.0.2.2"
PROTOCOLS = {"asgi": PLAIN_ASGI, "fast": FAST_PATH}

WAYS = ways()
DOORS = [
    (name, protocol)
    for name in WAYS
    for protocol in PROTOCOLS
    if name not in ("ws-query", "ws-subprotocol", "sse-query")
    and (protocol == "asgi" or "ws" in name or "websocket" in name or name.startswith("centrifuge"))
]


@pytest.fixture(params=DOORS, ids=["-".join(door) for door in DOORS])
def door(request: pytest.FixtureRequest) -> tuple[Come, str]:
    """Every door; those that are WebSockets with both protocols."""
    name, protocol = request.param
    return WAYS[name][1], PROTOCOLS[protocol]


def tallies(hub: Hub) -> list[Tally]:
    node = hub.node
    return [tally for tally in (node.addresses, node.subscribed) if tally is not None]


@asynccontextmanager
async def hubbed(ws: str, limits: Limits, **access: Any) -> AsyncIterator[Doors]:
    """A hub behind a proxy that it believes: the tests' own machine is one to uvicorn."""
    async with doors({"*": ChannelOptions()}, limits=limits, ws=ws, **access) as here:
        yield here
        await here.settled()
        assert [len(tally) for tally in tallies(here.hub)] == [0] * len(tallies(here.hub))


async def read(here: Doors, channel: str) -> None:
    await until(lambda: here.hub.channels().get(channel), f"a subscriber of {channel}")


def of(address: str, channel: str | None = None, **headers: str) -> Wish:
    return Wish(channel=channel, headers={"X-Forwarded-For": address, **headers})


async def test_an_address_has_so_many_connections_and_no_more(door: tuple[Come, str]) -> None:
    come, protocol = door
    async with hubbed(protocol, Limits(address_connections=2)) as here, AsyncExitStack() as stack:
        for _ in range(2):
            visit = await stack.enter_async_context(come(here, of(HERE)))
            assert visit.refusal is None
        async with come(here, of(HERE)) as third:
            assert third.refusal == "too many"
        assert here.hub.counters.crowded_addresses == 1
        async with come(here, of(THERE)) as other:
            assert other.refusal is None


async def test_who_left_makes_room_for_another(door: tuple[Come, str]) -> None:
    come, protocol = door
    async with hubbed(protocol, Limits(address_connections=1)) as here:
        for _ in range(3):
            async with come(here, of(HERE)) as visit:
                assert visit.refusal is None
            await here.settled()


async def test_all_connections_of_an_address_have_so_many_subscriptions_together(
    door: tuple[Come, str],
) -> None:
    come, protocol = door
    async with hubbed(protocol, Limits(address_subscriptions=2)) as here, AsyncExitStack() as stack:
        for name in ("a", "b"):
            await stack.enter_async_context(come(here, of(HERE, name)))
            await read(here, name)
        # The event that says so on /sse, the answer elsewhere; unidirectional clients are left out.
        third = await stack.enter_async_context(come(here, of(HERE, "c")))
        await until(lambda: here.hub.counters.crowded_addresses == 1, "the refusal")
        assert third.errors in ([106], []) or third.ended == 106
        await stack.enter_async_context(come(here, of(THERE, "d")))
        await read(here, "d")
        assert "c" not in here.hub.channels()


async def test_an_operator_comes_in_all_the_same(door: tuple[Come, str]) -> None:
    come, protocol = door
    limits = Limits(address_connections=0, address_subscriptions=0)
    async with hubbed(protocol, limits, token=KEY) as here:
        async with come(here, of(HERE, "a", **{"X-API-Key": KEY})) as visit:
            assert visit.refusal is None
            await read(here, "a")


@pytest.mark.parametrize("ws", PROTOCOLS.values(), ids=PROTOCOLS)
async def test_an_address_that_a_stranger_names_is_not_believed(ws: str) -> None:
    """With no proxy to trust, all of these are one address: that of the connection."""
    come = WAYS["ws-header"][1]
    limits = Limits(address_connections=1)
    async with doors(
        {"*": ChannelOptions()}, limits=limits, ws=ws, server={"forwarded_allow_ips": "192.0.2.9"}
    ) as here:
        async with come(here, of(HERE)) as first, come(here, of(THERE)) as second:
            assert (first.refusal, second.refusal) == (None, "too many")


async def test_without_these_limits_nothing_is_counted() -> None:
    assert tallies(Hub()) == []


async def test_an_event_stream_is_told_to_come_back(ws_protocol: str) -> None:
    async with hubbed(ws_protocol, Limits(address_connections=0)) as here:
        asked = {"X-Forwarded-For": HERE}
        plain = await here.http.get("/sse?channel=a", headers=asked)
        assert (plain.status_code, plain.headers["retry-after"]) == (429, "5")
        events = await here.http.get("/sse?channel=a", headers=asked | {"Accept": "text/event-stream"})
        assert events.status_code == 200
        assert events.text.startswith("retry: ")
