"""A session of the plain protocol: what its history frames say of the stream and of what is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from gapless import ChannelOptions, Limits
from gapless.errors import PermissionDenied
from gapless.hooks.events import SubscribeEvent
from gapless.model import History

from ..support.clients import PlainClient
from ..support.world import World

OPTIONS = {"c": ChannelOptions(history=20, ring=4)}


@pytest.fixture
def world() -> Iterator[World]:
    world = World(OPTIONS)
    yield world
    world.close()


def test_what_is_lost_while_the_first_page_is_read_again_is_said_with_it(world: World) -> None:
    """The broker's first page brings nothing; before the second one, history gives up five more."""
    client = world.plain("client", "c", history=None)
    for _ in range(2):
        world.publish("c")
    world.connect(client)
    world.loop.settle()
    client.drop()
    world.loop.advance(10)
    for _ in range(7):
        world.publish("c")
    real, pages = world.broker.page, list[History]()

    def page(channel: str, after: int | None, limit: int | None, *how: Any) -> History:
        found = real(channel, after, limit, *how)
        if limit != 0:
            if not pages:
                found = found._replace(publications=[])
                world.broker.trim("c", 5)
            pages.append(found)
        return found

    world.broker.page = page  # type: ignore[method-assign, assignment]
    world.connect(client)
    world.loop.settle()
    assert len(pages) == 2
    world.check()
    world.reaches("client", "c")


@pytest.mark.parametrize("may", [True, False])
def test_who_leaves_while_it_is_being_subscribed_has_made_no_error(world: World, may: bool) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    @world.hub.on_subscribe("c")
    async def wait(event: SubscribeEvent) -> None:
        asked.set()
        await answered.wait()
        if not may:
            raise PermissionDenied

    client = world.plain("client", "c")
    world.connect(client)
    world.loop.run(asked.wait())
    client.drop()
    answered.set()
    world.loop.settle()
    assert world.hub.stats().subscriptions == 0
    assert world.hub.counters.client_errors == 0


def test_the_last_history_frame_says_where_it_ends_however_far_the_stream_is_by_then() -> None:
    """A reader takes its `head` for read; what came while it was caught up with comes live."""
    world = World({"c": ChannelOptions(history=40, ring=20)}, limits=Limits(history_frame_bytes=3))
    try:
        for _ in range(12):
            world.publish("c")
        client = world.plain("client", "c", history=None)
        world.connect(client)
        frames = frames_of(client)
        while not frames:
            world.loop.turn(1)
        for _ in range(3):
            world.publish("c")
        world.loop.settle()
        world.check()
        world.reaches("client", "c")
    finally:
        world.close()
    last = next(frame for frame in frames if frame.get("more") is False)
    assert (last["head"], last["history"][-1]["offset"]) == (12, 12)
    assert [frame["offset"] for frame in frames if "data" in frame] == [13, 14, 15]


def frames_of(client: PlainClient) -> list[dict[str, Any]]:
    """Everything that it is told on this connection, from now on."""
    socket, frames = client.socket, list[dict[str, Any]]()
    assert socket is not None
    take = socket.on_frame

    def note(frame: str) -> None:
        frames.append(json.loads(frame))
        take(frame)

    socket.on_frame = note
    return frames
