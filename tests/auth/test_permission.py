"""What a client may do in a channel."""

from __future__ import annotations

import time

import pytest

from gapless import ChannelOptions, Grant
from gapless.auth.permission import admit, may
from gapless.core.counters import Counters
from gapless.errors import Expired, PermissionDenied
from gapless.hooks.events import Client, SubscribeEvent, SubscriptionGrant
from gapless.hooks.registry import Hooks

pytestmark = pytest.mark.anyio

OPEN = ChannelOptions()
ANNA, NOBODY, OPERATOR = Grant("anna"), Grant(), Grant(operator=True)


@pytest.mark.parametrize(
    ("grant", "anonymous_in_general", "allowed", "anonymous", "result"),
    [
        (ANNA, False, True, None, True),
        (ANNA, True, False, None, False),
        (NOBODY, True, True, None, True),
        (NOBODY, False, True, None, False),
        (NOBODY, False, True, True, True),
        (NOBODY, True, True, False, False),
        (NOBODY, True, False, True, False),
        (OPERATOR, False, False, False, True),
    ],
)
def test_who_may(
    grant: Grant, anonymous_in_general: bool, allowed: bool, anonymous: bool | None, result: bool
) -> None:
    assert may(grant, ChannelOptions(anonymous=anonymous_in_general), allowed, anonymous) is result


def event(channel: str, user: str = "anna") -> SubscribeEvent:
    return SubscribeEvent(client=Client("client", user), channel=channel)


async def ask(
    channel: str, grant: Grant = ANNA, options: ChannelOptions = OPEN, hooks: Hooks | None = None
) -> object:
    return await admit(hooks or Hooks(Counters()), grant, options, event(channel, grant.user))


@pytest.mark.parametrize(
    ("channel", "grant", "options", "why"),
    [
        ("$secret", ANNA, OPEN, "subscription token"),
        ("room#ben", ANNA, OPEN, "other users: .* after #, unless its options say user_limited=False"),
        ("room", ANNA, ChannelOptions(client_subscribe=False), "may not subscribe"),
        ("room", NOBODY, ChannelOptions(anonymous=False), "may not subscribe"),
    ],
)
async def test_who_is_refused_is_told_why(
    channel: str, grant: Grant, options: ChannelOptions, why: str
) -> None:
    with pytest.raises(PermissionDenied, match=why):
        await ask(channel, grant, options)
    assert await ask(channel, OPERATOR, options), "an operator passes every check"


async def test_whoever_a_name_lists_is_let_in() -> None:
    assert await ask("room#ben,anna")
    assert await ask("room#ben", ANNA, ChannelOptions(user_limited=False))


async def test_a_hook_may_say_more_or_refuse() -> None:
    hooks, special = Hooks(Counters()), ChannelOptions(history=7)
    answers: list[object] = [
        None,
        SubscriptionGrant(info={"a": 1}, data=[2], options=special, expires_at=time.time() + 60),
        False,
        SubscriptionGrant(expires_at=time.time() - 1),
    ]

    async def hook(event: SubscribeEvent) -> object:
        return answers.pop(0)

    hooks.add("subscribe", None, hook)
    silent = await admit(hooks, ANNA, OPEN, event("room"))
    assert (silent.options, silent.info, silent.data, silent.expires_at) == (OPEN, None, b"", None)
    said = await admit(hooks, ANNA, OPEN, event("room"))
    assert (said.options, said.info, said.data) == (special, b'{"a":1}', b"[2]")
    with pytest.raises(PermissionDenied):
        await admit(hooks, ANNA, OPEN, event("room"))
    with pytest.raises(Expired):
        await admit(hooks, ANNA, OPEN, event("room"))
