"""Expiry and refresh of connections and subscriptions (Centrifuge client protocol, version 2)."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from gapless import ChannelOptions, ClientError, ConnectEvent, Disconnect, Grant, SubscribeEvent
from gapless.hooks.events import RefreshEvent, SubscriptionGrant
from gapless.model import ServerSubscription
from gapless.protocol.centrifuge.codecs import Codec

from ...support.centrifuge.stage import SECRET, Peer, Stage, stage, ticket_for, token_for
from ...support.clock import Clock
from ...support.until import turns

pytestmark = pytest.mark.anyio


async def expiring(here: Stage, clock: Clock, **claims: Any) -> Peer:
    """A client whose token lasts a minute."""
    peer = here.peer()
    reply = await peer.get("connect", token=token_for("anna", expires_in=60, now=clock.now, **claims))
    assert (reply["expires"], reply["ttl"]) == (True, 60)
    peer.forget()
    return peer


# -- connections


async def test_a_connection_that_is_not_refreshed_closes_with_3005_after_the_grace(
    codec: Codec, clock: Clock
) -> None:
    async with stage(codec) as here:
        peer = await expiring(here, clock)
        clock.move(60 + 24)
        peer.later(1)
        assert peer.closed is None
        clock.move(1)
        peer.later(1)
        assert peer.closed == 3005


async def test_an_idle_connection_expires_too(codec: Codec, clock: Clock) -> None:
    async with stage(codec) as here:
        peer = await expiring(here, clock)
        clock.move(85)
        for session in list(here.hub.node.roster):
            session.check(0.0)
        assert peer.closed == 3005
        assert peer.said == []


async def test_a_new_token_prolongs_it_and_its_info_is_what_others_see(codec: Codec, clock: Clock) -> None:
    async with stage(codec, {"*": ChannelOptions(presence=True)}) as here:
        peer = await expiring(here, clock, info={"mood": "old"})
        await peer.get("subscribe", channel="a")
        clock.move(50)
        token = token_for("anna", expires_in=100, now=clock.now, info={"mood": "new"}, meta={"a": 1})
        reply = await peer.get("refresh", token=token)
        assert (reply["client"], reply["expires"], reply["ttl"]) == (peer.id, True, 100)
        assert reply["version"]
        clock.move(100)
        peer.later(1)
        assert peer.closed is None
        assert here.hub.node.members["a", peer.id].conn_info == b'{"mood":"new"}'
        assert peer.session.about.meta == {"a": 1}


async def test_a_token_without_end_ends_the_expiry(codec: Codec, clock: Clock) -> None:
    async with stage(codec) as here:
        peer = await expiring(here, clock)
        reply = await peer.get("refresh", token=token_for("anna", now=clock.now))
        assert "expires" not in reply
        clock.move(10_000)
        peer.later(1)
        assert peer.closed is None


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", 3501),
        ("expired", 3005),
        ("its own expiry is over", 3005),
        ("no token", 3500),
        ("of another user", 3500),
        ("of another key", 3500),
        ("with other channels", 3010),
    ],
)
async def test_a_refresh_that_is_not_right_closes_the_connection(
    codec: Codec, clock: Clock, token: str, code: int
) -> None:
    tokens = {
        "expired": token_for("anna", expires_in=1, now=clock.now - 10),
        "its own expiry is over": jwt.encode({"sub": "anna", "expire_at": int(clock.now) - 1}, SECRET),
        "of another user": token_for("bert"),
        "of another key": jwt.encode({"sub": "anna"}, "another secret that is long enough"),
        "with other channels": token_for("anna", channels=["a", "b"]),
    }
    async with stage(codec) as here:
        peer = await expiring(here, clock, channels=["a"])
        await peer.tell("refresh", token=tokens.get(token, token))
        assert peer.closed == code


async def test_a_refresh_with_the_same_channels_is_taken_also_with_a_personal_one(
    codec: Codec, clock: Clock
) -> None:
    async with stage(codec, personal_namespace="") as here:
        peer = await expiring(here, clock, channels=["a"])
        assert set(peer.session.subscriptions) == {"a", "#anna"}
        await here.hub.connections(user="anna").subscribe("b")
        await peer.get("subscribe", channel="c")
        await peer.get("refresh", token=token_for("anna", channels=["a"], expires_in=60, now=clock.now))
        assert peer.closed is None


async def test_a_channel_that_the_server_took_away_makes_the_refresh_a_reconnect(
    codec: Codec, clock: Clock
) -> None:
    async with stage(codec) as here:
        peer = await expiring(here, clock, channels=["a"])
        here.hub.connections(user="anna").unsubscribe("a")
        await peer.tell("refresh", token=token_for("anna", channels=["a"], expires_in=60, now=clock.now))
        assert peer.closed == 3010


async def test_a_refresh_that_nobody_asked_for_closes_with_3501(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        await peer.tell("refresh", token=token_for("anna"))
        assert peer.closed == 3501


async def test_where_a_hook_refreshes_the_client_is_not_told_of_expiry(codec: Codec, clock: Clock) -> None:
    async with stage(codec) as here:
        until = [clock.now + 500, None]

        @here.hub.on_refresh
        async def refresh(event: RefreshEvent) -> float | None:
            assert (event.client.user, event.channel) == ("anna", "")
            return until.pop(0)

        peer = here.peer()
        reply = await peer.get("connect", token=token_for("anna", expires_in=60, now=clock.now))
        assert "expires" not in reply
        clock.move(61)
        peer.later(1)
        await turns()
        assert peer.session.grant.expires_at == clock.now + 500 - 61
        clock.move(500)
        peer.later(1)
        await turns()
        assert peer.closed == 3005, "at once: there is no grace for the server's own refreshing"


async def test_a_hook_may_prolong_with_a_grant_without_end(codec: Codec, clock: Clock) -> None:
    async with stage(codec, {"*": ChannelOptions(presence=True)}) as here:

        @here.hub.on_refresh
        async def refresh(event: RefreshEvent) -> Grant:
            return Grant(info=b'{"new":1}', meta={"b": 2})

        peer = here.peer()
        await peer.get("connect", token=token_for("anna", expires_in=60, now=clock.now))
        await peer.get("subscribe", channel="a")
        clock.move(61)
        peer.later(1)
        await turns()
        clock.move(10_000)
        peer.later(1)
        await turns()
        assert peer.closed is None
        assert here.hub.node.members["a", peer.id].conn_info == b'{"new":1}'
        assert peer.session.about.meta == {"b": 2}


@pytest.mark.parametrize(
    ("error", "code"), [(ClientError("no"), 3005), (Disconnect(4501, "enough"), 4501), (KeyError(), 3005)]
)
async def test_a_refresh_hook_that_refuses_closes_the_connection(
    codec: Codec, clock: Clock, error: Exception, code: int
) -> None:
    async with stage(codec) as here:

        @here.hub.on_refresh
        async def refresh(event: RefreshEvent) -> None:
            raise error

        peer = here.peer()
        await peer.get("connect", token=token_for("anna", expires_in=60, now=clock.now))
        clock.move(61)
        peer.later(1)
        await turns()
        assert peer.closed == code


async def test_a_hook_that_is_slow_is_asked_once(codec: Codec, clock: Clock) -> None:
    async with stage(codec) as here:
        asked = 0

        @here.hub.on_refresh
        async def refresh(event: RefreshEvent) -> float:
            nonlocal asked
            asked += 1
            await turns(100)
            return clock.now + 60

        peer = here.peer()
        await peer.get("connect", token=token_for("anna", expires_in=60, now=clock.now))
        clock.move(61)
        for second in range(5):
            peer.later(second)
            await turns(2)
        assert asked == 1
        await turns(200)
        peer.later(10)
        assert (asked, peer.closed) == (1, None)


async def test_who_a_hook_let_in_until_a_time_refreshes_by_token_where_tokens_are_taken(
    codec: Codec, clock: Clock
) -> None:
    async with stage(codec) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            return Grant("anna", expires_at=clock.now + 60, channels=("a",))

        peer = here.peer()
        reply = await peer.get("connect")
        assert (reply["expires"], reply["ttl"]) == (True, 60)
        await peer.get("refresh", token=token_for("anna", expires_in=90, now=clock.now))
        assert peer.closed is None, "a hook's channels are not those of a token"


async def test_who_a_hook_let_in_until_a_time_is_closed_then_where_nobody_refreshes(
    codec: Codec, clock: Clock
) -> None:
    async with stage(codec, tokens=False) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            return Grant("anna", expires_at=clock.now + 60)

        peer = here.peer()
        assert "expires" not in await peer.get("connect")
        clock.move(60)
        peer.later(1)
        await turns()
        assert peer.closed == 3005


# -- subscriptions


async def ticketed(here: Stage, clock: Clock, **claims: Any) -> Peer:
    """A client with a subscription to `a` whose token lasts a minute."""
    peer = await here.client("anna")
    ticket = ticket_for("anna", "a", expires_in=60, now=clock.now, **claims)
    reply = await peer.get("subscribe", channel="a", token=ticket)
    assert (reply["expires"], reply["ttl"]) == (True, 60)
    peer.forget()
    return peer


async def test_a_subscription_that_is_not_refreshed_ends_with_2501_after_the_grace(
    codec: Codec, clock: Clock
) -> None:
    async with stage(codec) as here:
        peer = await ticketed(here, clock)
        clock.move(84)
        peer.later(1)
        assert peer.said == []
        clock.move(1)
        peer.later(1)
        assert peer.of("a", "unsubscribe") == [{"code": 2501, "reason": "subscription expired"}]
        await here.publish("a", 1)
        assert peer.of("a") == []
        assert peer.closed is None


async def test_a_subscription_of_the_server_that_expires_closes_with_3006(codec: Codec, clock: Clock) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        await here.hub.connections(user="anna").subscribe("a", ServerSubscription(expires_at=clock.now + 60))
        clock.move(60)
        peer.later(1)
        await turns()
        assert peer.closed == 3006


async def test_a_new_ticket_prolongs_it(codec: Codec, clock: Clock) -> None:
    async with stage(codec, {"*": ChannelOptions(presence=True)}) as here:
        peer = await ticketed(here, clock, info="old")
        clock.move(50)
        ticket = ticket_for("anna", "a", expires_in=100, now=clock.now, info="new")
        reply = await peer.get("sub_refresh", channel="a", token=ticket)
        assert (reply["expires"], reply["ttl"]) == (True, 100)
        clock.move(100)
        peer.later(1)
        assert peer.said[1:] == []
        assert here.hub.node.members["a", peer.id].chan_info == b'"new"'


async def test_a_ticket_without_end_ends_the_expiry(codec: Codec, clock: Clock) -> None:
    async with stage(codec) as here:
        peer = await ticketed(here, clock)
        assert await peer.get("sub_refresh", channel="a", token=ticket_for("anna", "a", now=clock.now)) == {}
        clock.move(10_000)
        peer.later(1)
        assert len(peer.said) == 1


async def test_a_sub_refresh_that_is_not_right_is_refused(codec: Codec, clock: Clock) -> None:
    async with stage(codec) as here:
        peer = await ticketed(here, clock)
        ticket = ticket_for("anna", "a", expires_in=60, now=clock.now)
        assert await peer.refused("sub_refresh", channel="b", token=ticket) == 103
        assert await peer.refused("sub_refresh", channel="a") == 107
        expired = ticket_for("anna", "a", expires_in=1, now=clock.now - 10)
        assert await peer.refused("sub_refresh", channel="a", token=expired) == 110
        over = jwt.encode({"sub": "anna", "channel": "a", "expire_at": int(clock.now)}, SECRET)
        assert await peer.refused("sub_refresh", channel="a", token=over) == 110
        assert await peer.refused("sub_refresh", channel="a", token=ticket, type=1) == 103
        assert peer.closed is None


@pytest.mark.parametrize("of", ["nobody", "another user", "another channel", "another client"])
async def test_a_sub_refresh_with_somebody_elses_ticket_closes_with_3500(
    codec: Codec, clock: Clock, of: str
) -> None:
    async with stage(codec) as here:
        peer = await ticketed(here, clock)
        tickets = {
            "nobody": "no token",
            "another user": ticket_for("bert", "a"),
            "another channel": ticket_for("anna", "b"),
            "another client": ticket_for("anna", "a", client="somebody"),
        }
        await peer.tell("sub_refresh", channel="a", token=tickets[of])
        assert peer.closed == 3500


async def test_a_sub_refresh_without_a_channel_closes_with_3501(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        await peer.tell("sub_refresh", token="a")
        assert peer.closed == 3501


async def test_a_seat_that_a_hook_gave_until_a_time_is_asked_for_then(codec: Codec, clock: Clock) -> None:
    async with stage(codec, {"*": ChannelOptions(presence=True)}) as here:
        asked: list[str] = []
        answers: list[Any] = [
            clock.now + 200,
            SubscriptionGrant(info={"a": 1}, expires_at=clock.now + 300),
            None,
        ]

        @here.hub.on_subscribe
        async def subscribe(event: SubscribeEvent) -> SubscriptionGrant:
            return SubscriptionGrant(expires_at=clock.now + 60)

        @here.hub.on_refresh
        async def refresh(event: RefreshEvent) -> Any:
            asked.append(event.channel)
            return answers.pop(0)

        peer = await here.client()
        reply = await peer.get("subscribe", channel="a")
        assert "expires" not in reply, "the server refreshes"
        for moved in (60, 140):
            clock.move(moved)
            peer.later(1)
            peer.later(2)
            await turns()
        assert asked == ["a", "a"]
        assert here.hub.node.members["a", peer.id].chan_info == b'{"a":1}'
        assert peer.said[1:] == []
        clock.move(100)
        peer.later(1)
        await turns()
        assert peer.of("a", "unsubscribe") == [{"code": 2501, "reason": "subscription expired"}]


async def test_a_seat_that_a_hook_gave_until_the_past_is_error_110(codec: Codec, clock: Clock) -> None:
    async with stage(codec) as here:

        @here.hub.on_subscribe
        async def subscribe(event: SubscribeEvent) -> SubscriptionGrant:
            return SubscriptionGrant(expires_at=clock.now)

        peer = await here.client()
        assert await peer.refused("subscribe", channel="a") == 110
        assert not here.hub.node.rings.subscribers()


async def test_a_refresh_hook_that_disconnects_closes_the_connection_of_the_seat(
    codec: Codec, clock: Clock
) -> None:
    async with stage(codec) as here:

        @here.hub.on_subscribe
        async def subscribe(event: SubscribeEvent) -> SubscriptionGrant:
            return SubscriptionGrant(expires_at=clock.now + 60)

        @here.hub.on_refresh
        async def refresh(event: RefreshEvent) -> None:
            raise Disconnect(4502, "enough")

        peer = await here.client()
        await peer.get("subscribe", channel="a")
        clock.move(60)
        peer.later(1)
        await turns()
        assert peer.outlet.closing == (4502, "enough")
        here.nothing_left()
