"""A connection that reads server-sent events: what each event says, and what a resume could not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gapless import BrokerError, ChannelOptions, Client, ClientError, Disconnect, Grant, Position
from gapless.sessions.sse import SseSession

from ..support.outlet import FakeOutlet
from ..support.world import World


@pytest.fixture
def world() -> Iterator[World]:
    world = World({"c": ChannelOptions(history=3, ring=8), "*": ChannelOptions(ring=8)})
    yield world
    world.close()


def open_stream(world: World, *channels: str, since: Position | None = None, **how: Any) -> SseSession:
    session = SseSession(
        world.hub.node,
        FakeOutlet(),
        client="me",
        grant=Grant(),
        about=Client("me"),
        channels=channels,
        since={} if since is None else dict.fromkeys(channels, since),
        **how,
    )
    session.open()
    for channel in channels:
        world.loop.run(session.subscribe(channel))
    world.loop.settle()
    return session


def events(session: SseSession) -> list[str]:
    outlet = session.flow.outlet
    assert isinstance(outlet, FakeOutlet)
    return [part.decode() for part in outlet.frames]


def test_each_publication_is_an_event_with_its_position(world: World) -> None:
    session = open_stream(world, "c")
    world.publish("c")
    world.loop.settle()
    epoch = world.broker.stream("c").epoch
    assert events(session) == [f'id: {epoch}:1\ndata: {{"channel":"c","offset":1,"data":1}}\n\n']
    session.end(Disconnect(3000))


def test_what_a_resume_cannot_bring_is_a_gap_event(world: World) -> None:
    for _ in range(6):
        world.publish("c")
    session = open_stream(world, "c", since=Position(1, world.broker.stream("c").epoch))
    first, *rest = events(session)
    assert first.startswith("event: gap\n")
    assert '"from":2,"to":3' in first
    assert "".join(rest).count("data: ") == 3
    session.end(Disconnect(3000))


def test_a_channel_that_is_refused_is_said_by_its_code_and_the_others_go_on(world: World) -> None:
    session = open_stream(world, "c")
    session.tell_refused("d", ClientError("not yours", code=103))
    session.tell_refused("e", BrokerError("password wrong at 10.0.0.1"))
    refused, failed = events(session)
    assert refused.startswith("event: refused\n")
    assert '"code":103' in refused
    assert '"code":100' in failed
    assert "10.0.0.1" not in failed, "nothing of the inside is told"
    assert session.flow.closed is None
    session.end(Disconnect(3000))


def test_a_subscription_that_the_server_ends_is_an_event_and_the_stream_goes_on(world: World) -> None:
    session = open_stream(world, "c", "d")
    session.unsubscribe_from_server("c")
    session.unsubscribe_from_server("never subscribed to")
    [event] = events(session)
    assert event.startswith("event: unsubscribed\n")
    world.publish("d")
    world.loop.settle()
    assert len(events(session)) == 2
    session.end(Disconnect(3000))
