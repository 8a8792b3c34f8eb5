"""The subscriptions of one connection: reserved, joined, dropped, and looked at again after every await."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gapless import ChannelOptions, Disconnect, Limits, PermissionDenied
from gapless.auth.permission import Admission
from gapless.errors import AlreadySubscribed, LimitExceeded, TooManyRequests, UnknownChannel
from gapless.sessions.subscription import GivenUp, Subscription

from ..core.making import BytesView
from ..support.sitting import Sitter
from ..support.world import World

OPTIONS = {
    "c:*": ChannelOptions(history=20, presence=True),
    "closed": ChannelOptions(client_subscribe=False),
}


@pytest.fixture
def world() -> Iterator[World]:
    world = World(OPTIONS, limits=Limits(subscriptions=2, subscribe_rate=0.001, subscribe_burst=4))
    yield world
    world.close()


@pytest.fixture
def session(world: World) -> Sitter:
    session = Sitter(world)
    session.open()
    return session


def entered(world: World, session: Sitter, name: str = "c:1") -> Subscription:
    return world.loop.run(session.subscriptions.enter(name, BytesView(), None))


def present(world: World, name: str = "c:1") -> list[str]:
    return sorted(world.loop.run(world.hub.presence(name)))


def test_who_enters_is_in_the_channel_and_present(world: World, session: Sitter) -> None:
    subscription = entered(world, session)
    assert list(session.subscriptions) == ["c:1"]
    assert session.subscriptions["c:1"] is subscription
    assert session.subscriptions.is_current(subscription)
    assert present(world) == ["me"]


def test_what_is_dropped_leaves_nothing_behind(world: World, session: Sitter) -> None:
    subscription = entered(world, session)
    for _ in range(2):
        session.subscriptions.drop(subscription)
    world.loop.settle()
    assert len(session.subscriptions) == 0
    assert not session.subscriptions.is_current(subscription)
    assert present(world) == []
    assert world.hub.stats().subscriptions == 0


def test_a_subscription_that_took_its_name_again_is_not_dropped_with_the_first(
    world: World, session: Sitter
) -> None:
    first = entered(world, session)
    session.subscriptions.drop(first)
    second = entered(world, session)
    session.subscriptions.drop(first)
    assert session.subscriptions.is_current(second)
    assert not session.subscriptions.is_current(first)


@pytest.mark.parametrize(
    ("name", "refusal"),
    [("c:1", AlreadySubscribed), ("undeclared", UnknownChannel), ("closed", PermissionDenied)],
)
def test_a_refusal_leaves_the_name_free(
    world: World, session: Sitter, name: str, refusal: type[Exception]
) -> None:
    entered(world, session)
    with pytest.raises(refusal):
        entered(world, session, name)
    assert list(session.subscriptions) == ["c:1"]


def test_the_subscriptions_of_a_connection_are_bounded(world: World, session: Sitter) -> None:
    entered(world, session, "c:1")
    entered(world, session, "c:2")
    with pytest.raises(LimitExceeded):
        entered(world, session, "c:3")


def test_only_what_is_counted_uses_the_rate_up(world: World, session: Sitter) -> None:
    for n in range(4):
        session.subscriptions.drop(entered(world, session, f"c:{n}"))
    with pytest.raises(TooManyRequests):
        session.subscriptions.reserve("c:5", BytesView())
    session.subscriptions.reserve("c:5", BytesView(), counted=False)


def test_who_was_dropped_while_it_joined_is_told_so(world: World, session: Sitter) -> None:
    subscription, options = session.subscriptions.reserve("c:1", BytesView())
    session.subscriptions.drop(subscription)
    with pytest.raises(GivenUp):
        world.loop.run(session.subscriptions.join(subscription, Admission(options)))
    world.loop.settle()
    assert world.hub.stats().subscriptions == 0
    assert present(world) == []


def test_whose_connection_ended_while_it_joined_is_told_so(world: World, session: Sitter) -> None:
    subscription, options = session.subscriptions.reserve("c:1", BytesView())
    session.flow.end(Disconnect(3000))
    with pytest.raises(GivenUp):
        world.loop.run(session.subscriptions.join(subscription, Admission(options)))


def test_hooks_hear_of_the_first_who_comes_and_the_last_who_goes(world: World, session: Sitter) -> None:
    said: list[tuple[str, Any]] = []

    @world.hub.on_occupied
    async def occupied(event: Any) -> None:
        said.append(("occupied", event.channel))

    @world.hub.on_vacated
    async def vacated(event: Any) -> None:
        said.append(("vacated", event.channel))

    @world.hub.on_unsubscribe
    async def gone(event: Any) -> None:
        said.append(("unsubscribe", event.client.id))
        raise PermissionDenied  # it has happened already: nobody is refused

    other = Sitter(world, "other")
    for one in (session, other):
        entered(world, one)
    for one in (session, other):
        one.subscriptions.drop_all()
    world.loop.settle()
    assert said == [
        ("occupied", "c:1"),
        ("unsubscribe", "me"),
        ("unsubscribe", "other"),
        ("vacated", "c:1"),
    ]
    assert world.troubles == []
