"""What was granted for a while: it ends in time, unless the client or a hook makes it longer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from gapless import ChannelOptions, Client, ClientError, Disconnect, Grant, Hub, Limits
from gapless.hooks.events import SubscriptionGrant
from gapless.model import ServerSubscription
from gapless.sessions.plain import PlainSession
from gapless.transports.conversation import TEXT

from ..support.centrifuge.fixtures import clock
from ..support.clock import Clock
from ..support.outlet import FakeOutlet
from ..support.until import turns

__all__ = ["clock"]

pytestmark = pytest.mark.anyio


@dataclass
class Here:
    """A hub, and a client of it whose grant lasts for a minute."""

    hub: Hub
    clock: Clock
    outlet: FakeOutlet = field(default_factory=FakeOutlet)

    async def client(self, expires_in: float | None = 60, **subs: ServerSubscription) -> PlainSession:
        grant = Grant("ada", expires_at=None if expires_in is None else self.clock.now + expires_in)
        session = PlainSession(
            self.hub.node, self.outlet, TEXT, client="c", grant=grant, about=Client("c", "ada"), subs=subs
        )
        session.open()
        await session.begin()
        await session.handle('{"type":"subscribe","channel":"a"}')
        return session

    async def later(self, session: PlainSession, seconds: float) -> int | None:
        """The code that it is closed with by then."""
        self.clock.move(seconds)
        session.check(session.node.tasks.loop.time())
        await turns()
        return None if self.outlet.closing is None else self.outlet.closing[0]


@pytest.fixture
async def here(clock: Clock) -> AsyncIterator[Here]:
    async with Hub(channels={"*": ChannelOptions()}, limits=Limits(housekeeping=1000)) as hub:
        yield Here(hub, clock)


async def test_nothing_is_held_for_a_client_of_whom_nothing_expires(here: Here) -> None:
    session = await here.client(None)
    assert session.lease is None
    session.refresh_from_server(here.clock.now + 60)
    assert await here.later(session, 59) is None
    assert await here.later(session, 1) == 3005
    assert session.lease is None


async def test_a_grant_ends_to_the_second(here: Here) -> None:
    session = await here.client()
    assert await here.later(session, 59.75) is None
    assert await here.later(session, 0.25) == 3005
    assert not here.hub.node.roster


@pytest.mark.parametrize("answer", [30, 30.0, "grant"])
async def test_a_hook_prolongs_it_and_is_asked_again(here: Here, answer: Any) -> None:
    asked: list[float] = []

    @here.hub.on_refresh
    async def refresh(event: Any) -> Any:
        asked.append(here.clock.now)
        until = here.clock.now + 30
        return Grant(expires_at=until, meta={"n": len(asked)}) if answer == "grant" else type(answer)(until)

    session = await here.client()
    assert await here.later(session, 60) is None
    assert await here.later(session, 29) is None
    assert len(asked) == 1
    assert await here.later(session, 1) is None
    assert len(asked) == 2
    if answer == "grant":
        assert session.about.meta == {"n": 2}


@pytest.mark.parametrize(
    ("answer", "code"),
    [(None, 3005), (ClientError("no"), 3005), (Disconnect(4500), 4500), ("nonsense", 3005), (1.0, 3005)],
)
async def test_whatever_else_a_hook_says_ends_it(here: Here, answer: Any, code: int) -> None:
    @here.hub.on_refresh
    async def refresh(event: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await here.later(await here.client(), 60) == code


async def test_a_subscription_of_the_clients_ends_alone_and_one_of_the_servers_with_all(here: Here) -> None:
    @here.hub.on_subscribe
    async def subscribe(event: Any) -> SubscriptionGrant:
        return SubscriptionGrant(expires_at=here.clock.now + 10)

    session = await here.client(None)
    assert await here.later(session, 9) is None
    assert await here.later(session, 1) is None
    assert not session.subscriptions
    assert '"code":2501' in here.outlet.frames[-1]

    granted = await here.client(None, b=ServerSubscription(expires_at=here.clock.now + 5))
    await granted.handle('{"type":"subscribe","channel":"b"}')
    assert await here.later(granted, 5) == 3006
