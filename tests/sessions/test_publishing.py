"""What a client publishes: options, hooks and bounds decide, on behalf of whichever door it came through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gapless import ChannelOptions, Limits, PermissionDenied, Replace
from gapless.errors import Internal, LimitExceeded, UnknownChannel
from gapless.sessions.publishing import publish

from ..core.making import BytesView
from ..support.sitting import Sitter
from ..support.world import World

OPTIONS = {
    "open": ChannelOptions(history=20, client_publish=True, outside_publish=True),
    "inside": ChannelOptions(history=20, client_publish=True),
    "shut": ChannelOptions(history=20),
    "asked": ChannelOptions(history=20),
}


@pytest.fixture
def world() -> Iterator[World]:
    world = World(OPTIONS, limits=Limits(client_payload_bytes=10, server_payload_bytes=20))
    yield world
    world.close()


@pytest.fixture
def session(world: World) -> Sitter:
    session = Sitter(world)
    session.open()
    return session


def published(world: World, session: Sitter, name: str, payload: bytes = b"1", data: Any = 1) -> int:
    position = world.loop.run(publish(session, name, payload, data))
    assert position is not None
    return position.offset


def kept(world: World, name: str) -> list[Any]:
    return [one.data for one in world.loop.run(world.hub.history(name)).publications]


def test_a_client_publishes_as_the_options_allow(world: World, session: Sitter) -> None:
    assert published(world, session, "open") == 1
    for name, refusal in (("inside", PermissionDenied), ("shut", PermissionDenied), ("none", UnknownChannel)):
        with pytest.raises(refusal):
            published(world, session, name)
    world.loop.run(session.subscriptions.enter("inside", BytesView(), None))
    assert published(world, session, "inside") == 1


def test_a_payload_above_the_bound_is_refused_and_one_at_it_is_not(world: World, session: Sitter) -> None:
    published(world, session, "open", b'"12345678"', "12345678")
    with pytest.raises(LimitExceeded) as refused:
        published(world, session, "open", b'"123456789"', "123456789")
    assert refused.value.code == 107


def test_a_hook_decides_and_its_replacement_has_the_bound_of_the_server(
    world: World, session: Sitter
) -> None:
    @world.hub.on_publish("asked")
    async def replace(event: Any) -> Replace:
        return Replace(event.data * 9)

    published(world, session, "asked", b'"a"', "a")
    assert kept(world, "asked") == ["a" * 9]
    with pytest.raises(LimitExceeded):
        published(world, session, "asked", b'"abc"', "abc")


def test_what_the_hook_did_not_touch_stays_byte_for_byte(world: World, session: Sitter) -> None:
    @world.hub.on_publish("asked")
    async def pass_on(event: Any) -> Replace:
        return Replace(event.data)

    published(world, session, "asked", b"1.50", 1.5)
    (one,) = world.loop.run(world.hub.history("asked")).publications
    assert one.payload == b"1.50"


def test_a_broker_that_fails_is_an_internal_error(world: World, session: Sitter) -> None:
    world.broker.down = True
    with pytest.raises(Internal):
        published(world, session, "open")
