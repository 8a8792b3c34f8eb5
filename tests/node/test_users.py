"""A user has so many connections and no more, on all nodes together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from gapless import BrokerError, ChannelOptions, ConnectEvent, Hub, Limits
from gapless.node.users import COMING_SECONDS
from gapless.protocol.centrifuge.codecs import JSON

from ..support.centrifuge.stage import Stage, stage, token_for
from ..support.serving import doors
from ..support.until import until

pytestmark = pytest.mark.anyio

TWO = Limits(user_connections=2)


@pytest.fixture
async def nodes(anyio_backend: str, url: str) -> AsyncIterator[list[Stage]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(stage(JSON, broker=url, limits=TWO)) for _ in range(2)]


async def refused(here: Stage, user: str) -> bool:
    """Is another connection of this user turned away? One that is not goes again."""
    peer = here.peer()
    await peer.tell("connect", token=token_for(user))
    if peer.closed is None:
        peer.leave()
    return peer.closed == 3504


async def test_connections_of_a_user_are_counted_on_all_nodes_together(nodes: list[Stage]) -> None:
    here, there = nodes
    first = await here.client("anna")
    await there.client("anna")
    assert await refused(here, "anna")
    assert await refused(there, "anna")
    assert not await refused(there, "bert")
    first.leave()
    await until(lambda: _is_let_in(there, "anna"))


async def _is_let_in(here: Stage, user: str) -> bool:
    return not await refused(here, user)


async def test_many_that_come_to_several_nodes_at_once_are_not_more_than_there_may_be(
    nodes: list[Stage],
) -> None:
    peers = [nodes[number % 2].peer() for number in range(10)]
    await asyncio.gather(*(peer.tell("connect", token=token_for("anna")) for peer in peers))
    assert sum(peer.closed is None for peer in peers) <= 2
    assert all(peer.closed in (None, 3504) for peer in peers)


async def test_what_a_node_said_ends_with_it(nodes: list[Stage]) -> None:
    here, _ = nodes
    others = here.hub.node.broker.nodes  # type: ignore[attr-defined]
    await others.meet("silent", b'{"uid":"silent"}', 10.0)
    assert await others.count("silent", "anna", 2, 2)
    assert await refused(here, "anna")
    await others.part("silent")
    assert not await refused(here, "anna")
    await others.meet("late", b'{"uid":"late"}', 0.2)
    assert await others.count("late", "anna", 2, 2)
    await until(lambda: _is_let_in(here, "anna"))


async def test_who_is_let_in_and_does_not_come_is_counted_no_more(nodes: list[Stage]) -> None:
    here, there = nodes
    for _ in range(2):
        await here.hub.node.users.admit("anna")
    assert await refused(here, "anna")
    assert await refused(there, "anna")
    users = here.hub.node.users
    users.expire(asyncio.get_running_loop().time() + COMING_SECONDS)
    assert not await refused(here, "anna")
    await until(lambda: _is_let_in(there, "anna"))


async def test_a_door_that_asks_once_counts_as_well(url: str) -> None:
    async with doors(hub=named(url)) as here, doors(hub=named(url)) as there:
        async with here.client("?channel=logs&user=anna") as first:
            await first.history("logs")
            async with there.client("?channel=logs&user=anna") as second:
                assert await second.closed() == (3504, "connection limit")


def named(url: str) -> Hub:
    """A hub that takes a client's word for who it is, and one connection of each."""
    hub = Hub(url, channels={"logs": ChannelOptions(history=10)}, limits=Limits(user_connections=1))

    @hub.on_connect
    async def who(event: ConnectEvent) -> str:
        return str(event.query["user"])

    return hub


async def test_a_broker_that_does_not_answer_keeps_nobody_out(
    nodes: list[Stage], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here, _ = nodes

    async def away(*said: object) -> bool:
        raise BrokerError("it is away")

    monkeypatch.setattr(here.hub.node.broker.nodes, "count", away)  # type: ignore[attr-defined]
    first = await here.client("anna")
    await here.client("anna")
    assert await refused(here, "anna")
    assert "counted on this node alone: it is away" in caplog.text
    first.leave()
    await here.client("anna")
