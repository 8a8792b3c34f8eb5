"""Whether a client may be in a channel: what every way in asks, in this order."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gapless import ChannelOptions, Client, Grant, Hub, PermissionDenied
from gapless.errors import UnknownChannel
from gapless.hooks.events import SubscribeEvent
from gapless.model import ANONYMOUS, ServerSubscription
from gapless.sessions import subscriptions
from gapless.watch.channels import watch

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub(anyio_backend: str) -> AsyncIterator[Hub]:
    hub = Hub(channels={"logs": ChannelOptions(), "closed": ChannelOptions(client_subscribe=False)})
    watch(hub)
    async with hub:
        yield hub


async def enter(hub: Hub, grant: Grant, name: str, *granted: str) -> ChannelOptions:
    """The options with which it is let in."""
    options = subscriptions.known(hub.node, grant, name)
    event = SubscribeEvent(Client("me"), name)
    named = {each: ServerSubscription() for each in granted}
    return (await subscriptions.admit(hub.node, grant, named, options, event)).options


async def test_what_is_declared_may_be_entered(hub: Hub) -> None:
    assert await enter(hub, ANONYMOUS, "logs") == ChannelOptions()


async def test_what_no_pattern_declares_may_not(hub: Hub) -> None:
    with pytest.raises(UnknownChannel):
        await enter(hub, Grant(operator=True), "nope")


async def test_what_a_grant_names_is_let_in_whatever_the_options_say(hub: Hub) -> None:
    with pytest.raises(PermissionDenied):
        await enter(hub, ANONYMOUS, "closed")
    await enter(hub, ANONYMOUS, "closed", "closed")


async def test_of_the_hubs_own_channels_nothing_but_the_right_to_the_api_decides(hub: Hub) -> None:
    asked: list[str] = []

    @hub.on_subscribe
    async def refuse(event: SubscribeEvent) -> bool:
        asked.append(event.channel)
        return False

    for nobody in (ANONYMOUS, Grant("ada"), Grant(channels=("$stats",))):
        with pytest.raises(PermissionDenied, match="may call the API"):
            await enter(hub, nobody, "$stats", "$stats")
    for watcher in (Grant(operator=True), Grant("ada", watches=True)):
        await enter(hub, watcher, "$stats")
    assert asked == []
    with pytest.raises(PermissionDenied):
        await enter(hub, Grant("ada", watches=True), "logs")
    assert asked == ["logs"]
