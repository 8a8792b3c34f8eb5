"""The access matrix: whatever decides who may do what, on every door.

A row is one thing that a token, a grant, a hook, an option or a limit can say; a column is a way in. A
new door fails the first test until there is a way in for it, and then runs through all rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest

from gapless import (
    ChannelOptions,
    ClientError,
    ConnectEvent,
    Disconnect,
    Grant,
    Hub,
    HubApp,
    Limits,
    StaticKeys,
    SubscribeEvent,
    SubscriptionGrant,
    TokenRules,
    TokenVerifier,
)
from gapless.errors import PermissionDenied
from gapless.model import NO_SUBSCRIPTION

from ..support.clock import Clock
from ..support.serving import Doors, doors
from ..support.until import until
from ..support.visits import Come, Visit, Wish, ways

pytestmark = pytest.mark.anyio

SECRET = "5d0c1b8e7f3a4926b1d8c07e2f9a6354"
KEY = "9a1e4c7d3b5f2806e8d7c6b5a4f30211"

KEPT = ChannelOptions(history=100)
SOON = Limits(housekeeping=0.02, expiry_grace=0.0)

WAYS = ways()

NO_CLIENTS = {
    "/emulation": "commands of a connection that came in by a stream door",
    "/connection/init": "answers {} to everybody",
    "/api/{method}": "of operators: tests/api, tests/doors/test_http_api.py",
    "/api/export": "of operators: tests/doors/test_export.py",
    "/api/session": "tells the page what it may do",
    "/ingest/{channel:path}": "of publishers: tests/doors/test_ingest.py",
    "/v1/logs": "of publishers: tests/doors/test_otlp.py",
    "/loki/api/v1/push": "of publishers: tests/doors/test_loki.py",
    "/health": "whether the process lives",
    "/ready": "whether the hub takes anything",
    "/signin": "makes the cookie of the credential",
    "/signout": "takes it away",
    "/metrics": "of operators: tests/doors/test_metrics.py",
    "/client.js": "a file",
    "/client/{part}": "what that file consists of",
    "/static/{path:path}": "files",
    "/": "the page, which then comes in by /ws",
}
"""Doors that no client comes in by, each with what it is."""


def test_every_door_has_its_way_in() -> None:
    clients = {path for path, _ in WAYS.values()}
    assert clients.isdisjoint(NO_CLIENTS)
    assert set(HubApp(Hub()).paths) == clients | set(NO_CLIENTS), "a door without a column, or none with one"


@pytest.fixture(params=WAYS, ids=list(WAYS))
def present(request: pytest.FixtureRequest) -> Come:
    """Every way to present a token."""
    _, way = WAYS[request.param]
    return way


@pytest.fixture(params=[name for name in WAYS if name not in ("ws-query", "ws-subprotocol", "sse-query")])
def come(request: pytest.FixtureRequest) -> Come:
    """Every door, in every encoding: for what does not depend on how a token is presented."""
    _, way = WAYS[request.param]
    return way


def verifying(**rules: Any) -> TokenVerifier:
    return TokenVerifier(TokenRules(StaticKeys(SECRET)), **rules)


def token(user: str | None = "ada", **claims: Any) -> str:
    said = claims if user is None else {"sub": user, **claims}
    return jwt.encode(said, SECRET, "HS256")


@asynccontextmanager
async def hubbed(
    options: ChannelOptions = KEPT, *, limits: Limits | None = None, **access: Any
) -> AsyncIterator[Doors]:
    async with doors({"*": options}, limits=limits, **access) as here:
        yield here


async def refused(come: Come, here: Doors, wish: Wish) -> str | None:
    async with come(here, wish) as visit:
        return visit.refusal


async def users(here: Doors) -> set[str]:
    return {session.grant.user for session in here.hub.node.roster}


async def entered(visit: Visit, channel: str) -> None:
    """In the channel, or known not to be."""
    await until(lambda: channel in visit.entered or visit.errors or visit.ended is not None, channel)


async def marked(here: Doors, visit: Visit, channel: str) -> list[Any]:
    """What the client has seen of a channel once it reads what is published now; without that."""
    await until(lambda: here.hub.channels().get(channel), f"a subscriber of {channel}")
    await here.hub.publish(channel, "mark")
    await until(lambda: "mark" in visit.seen.get(channel, ()), "the mark")
    return visit.seen[channel][:-1]


# -- what a token says


async def test_a_token_says_who_it_is(present: Come) -> None:
    async with hubbed(tokens=verifying()) as here, present(here, Wish(token())) as visit:
        assert visit.refusal is None
        assert await users(here) == {"ada"}


async def test_nobody_comes_without_a_token_where_tokens_are_verified(present: Come) -> None:
    async with hubbed(tokens=verifying()) as here:
        assert await refused(present, here, Wish()) == "unauthorized"


async def test_who_presents_nothing_comes_where_everybody_may(present: Come) -> None:
    async with hubbed(tokens=verifying(), anonymous=True) as here:
        assert await refused(present, here, Wish()) is None
        assert await refused(present, here, Wish("not.a.token")) == "unauthorized"


async def test_a_wrong_token_is_never_no_token(present: Come) -> None:
    wrong = jwt.encode({"sub": "ada"}, "of somebody else, and long enough for it", "HS256")
    async with hubbed(tokens=verifying(), anonymous=True) as here:
        assert await refused(present, here, Wish(wrong)) == "unauthorized"


async def test_a_token_that_nothing_can_check_is_never_no_token(
    present: Come, caplog: pytest.LogCaptureFixture
) -> None:
    async with hubbed() as here:
        presented = token()
        assert await refused(present, here, Wish(presented)) == "unauthorized"
        assert await refused(present, here, Wish(presented)) == "unauthorized"
        assert await refused(present, here, Wish()) is None
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1, "once for each cause"
    assert "no key to verify it with" in lines[0]
    assert presented not in caplog.text


async def test_a_token_without_a_user_is_an_anonymous_client_that_presented_one(present: Come) -> None:
    for nobody in (token(None), token("")):
        async with hubbed(tokens=verifying()) as here:
            async with present(here, Wish(nobody)) as visit:
                assert visit.refusal is None
                assert await users(here) == {""}
    async with hubbed(tokens=verifying(), anonymous_tokens=False) as here:
        assert await refused(present, here, Wish(token(None))) == "forbidden"


async def test_an_expired_token_sends_for_another(present: Come) -> None:
    async with hubbed(tokens=verifying()) as here:
        found = await refused(present, here, Wish(token(exp=int(time.time()) - 60)))
        assert found in ("expired", "unauthorized")  # /sse has no code to say it with but 401


async def test_times_may_be_fractions(present: Come) -> None:
    now = time.time()
    async with hubbed(tokens=verifying()) as here:
        good = token(exp=now + 3600.5, nbf=now - 0.25, iat=now - 0.5)
        assert await refused(present, here, Wish(good)) is None


async def test_the_leeway_is_the_verifiers(present: Come) -> None:
    late = token(exp=int(time.time()) - 3)
    async with hubbed(tokens=verifying(leeway=5.0)) as here:
        assert await refused(present, here, Wish(late)) is None
    async with hubbed(tokens=verifying(leeway=0.0)) as here:
        assert await refused(present, here, Wish(late)) is not None


async def test_a_token_subscribes_its_client(present: Come) -> None:
    options = ChannelOptions(history=10, client_subscribe=False)
    async with hubbed(options, tokens=verifying()) as here:
        async with present(here, Wish(token(channels=["news"]))) as visit:
            await marked(here, visit, "news")


async def test_a_token_for_a_channel_admits_nobody_to_the_hub(present: Come) -> None:
    async with hubbed(tokens=verifying()) as here:
        assert await refused(present, here, Wish(token(channel="news"))) == "unauthorized"


async def test_access_ends_with_the_token(present: Come, clock: Clock) -> None:
    async with hubbed(tokens=verifying(leeway=0.0), limits=SOON) as here:
        async with present(here, Wish(token(exp=clock.now + 60), "news")) as visit:
            assert visit.refusal is None
            await marked(here, visit, "news")
            clock.move(60)
            await until(lambda: visit.ended is not None, "the end")
            assert visit.ended in (3005, 0)  # a stream of events just ends
            await until(lambda: not here.hub.node.roster, "nobody")


# -- what a hook grants


async def test_a_hook_says_who_it_is_and_what_others_see(come: Come) -> None:
    async with hubbed(ChannelOptions(presence=True)) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            return Grant("ada", info=b'{"name":"Ada"}')

        async with come(here, Wish(channel="room")) as visit:
            assert visit.refusal is None
            assert await users(here) == {"ada"}
            await until(here.hub.node.members.__len__, "a member")
            (member,) = (await here.hub.presence("room")).values()
            assert (member.user, member.conn_info) == ("ada", b'{"name":"Ada"}')


async def test_a_hook_subscribes_its_client(come: Come) -> None:
    async with hubbed(ChannelOptions(history=10, client_subscribe=False)) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            return Grant("ada", channels=("news", "mail"))

        async with come(here, Wish()) as visit:
            await marked(here, visit, "news")
            await marked(here, visit, "mail")


async def test_more_channels_than_a_connection_may_have_are_refused(come: Come) -> None:
    async with hubbed(limits=Limits(subscriptions=2)) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            return Grant(channels=("a", "b", "c"))

        assert await refused(come, here, Wish()) in ("too many", "forbidden")  # /sse: 403


async def test_access_ends_with_the_grant(come: Come, clock: Clock) -> None:
    async with hubbed(limits=SOON) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            return Grant("ada", expires_at=clock.now + 60)

        async with come(here, Wish(channel="news")) as visit:
            assert visit.refusal is None
            await marked(here, visit, "news")
            clock.move(60)
            await until(lambda: visit.ended is not None, "the end")
            assert visit.ended in (3005, 0)


async def test_what_has_expired_already_does_not_begin(come: Come) -> None:
    async with hubbed() as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            return Grant(expires_at=time.time() - 1)

        assert await refused(come, here, Wish()) in ("expired", "unauthorized")


async def test_a_hook_may_prolong(come: Come, clock: Clock) -> None:
    async with hubbed(limits=SOON) as here:
        asked = []

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            return Grant("ada", expires_at=clock.now + 60)

        @here.hub.on_refresh
        async def refresh(event: Any) -> float:
            asked.append(event)
            return clock.now + 3600

        async with come(here, Wish(channel="news")) as visit:
            clock.move(60)
            await until(lambda: asked, "the question")
            await marked(here, visit, "news")
            assert visit.ended is None


async def test_a_hook_refuses(come: Come) -> None:
    async with hubbed() as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> None:
            raise Disconnect(4500, "not you")

        assert await refused(come, here, Wish()) == "forbidden"


async def test_a_hook_that_denies_permission_refuses(come: Come) -> None:
    async with hubbed() as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> None:
            raise PermissionDenied

        assert await refused(come, here, Wish()) in ("forbidden", "103")


async def test_a_hook_is_shown_what_the_hub_cannot_verify(come: Come) -> None:
    async with hubbed() as here:
        seen: list[ConnectEvent] = []

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> str:
            seen.append(event)
            return "ada"

        assert await refused(come, here, Wish("of-their-own-kind")) is None
        assert [event.token for event in seen] == ["of-their-own-kind"]
        assert seen[0].scope["path"].startswith("/")


async def test_a_subscription_ends_when_its_hook_said(come: Come, clock: Clock) -> None:
    async with hubbed(limits=SOON) as here:

        @here.hub.on_subscribe
        async def subscribe(event: SubscribeEvent) -> SubscriptionGrant:
            return SubscriptionGrant(expires_at=clock.now + 60)

        async with come(here, Wish(channel="news")) as visit:
            await marked(here, visit, "news")
            clock.move(60)
            # Where the client asked, the subscription ends; of a unidirectional one the connection.
            await until(lambda: 2501 in visit.errors or visit.ended == 3006, "the end of it")
            await until(lambda: not here.hub.channels().get("news"), "nobody there")


async def test_a_hook_keeps_clients_out_of_a_channel(come: Come) -> None:
    async with hubbed() as here:
        asked = []

        @here.hub.on_subscribe
        async def subscribe(event: SubscribeEvent) -> bool:
            asked.append(event.channel)
            return False

        async with come(here, Wish(channel="news")) as visit:
            await until(lambda: asked, "the question")
            await here.hub.publish("news", 1)
            assert not here.hub.channels().get("news")
            assert visit.seen == {}


# -- what the server's own credential, origins and switches say


async def test_the_servers_credential_makes_an_operator(come: Come) -> None:
    options = ChannelOptions(client_subscribe=False)
    async with hubbed(options, token=KEY, require_credential=True) as here:
        assert await refused(come, here, Wish()) == "unauthorized"
        async with come(here, Wish(channel="news", headers={"X-API-Key": KEY})) as visit:
            await marked(here, visit, "news")


async def test_an_operator_is_one_whatever_the_hook_would_say(come: Come) -> None:
    async with hubbed(token=KEY) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> None:
            raise Disconnect(4500, "nobody")

        assert await refused(come, here, Wish(headers={"X-API-Key": KEY})) is None
        assert await refused(come, here, Wish()) == "forbidden"


async def test_insecure_lets_everybody_do_everything_but_not_with_a_wrong_token(come: Come) -> None:
    options = ChannelOptions(history=10, client_subscribe=False)
    async with hubbed(options, tokens=verifying(), insecure=True) as here:
        async with come(here, Wish(channel="$private")) as visit:
            await marked(here, visit, "$private")
        assert await refused(come, here, Wish(token(exp=1)[:-3])) == "unauthorized"


async def test_insecure_does_not_look_at_the_expiry_of_a_connection(come: Come, clock: Clock) -> None:
    async with hubbed(tokens=verifying(), insecure=True, limits=SOON) as here:
        async with come(here, Wish(token(exp=clock.now + 60), "news")) as visit:
            assert visit.refusal is None
            clock.move(600)
            for session in list(here.hub.node.roster):
                session.check(asyncio.get_running_loop().time())
            await marked(here, visit, "news")
            assert visit.ended is None


async def test_pages_of_others_stay_out_unless_they_are_listed(come: Come) -> None:
    page = Wish(headers={"Origin": "https://app.example.com"})
    async with hubbed() as here:
        assert await refused(come, here, page) == "forbidden"
    async with hubbed(origins=["https://app.example.com"]) as here:
        assert await refused(come, here, page) is None


async def test_an_open_hub_on_loopback_has_no_other_names(come: Come) -> None:
    async with hubbed(open_api=True) as here:
        assert await refused(come, here, Wish(headers={"Host": "evil.example"})) == "forbidden"


async def test_a_user_has_a_channel_of_its_own(come: Come) -> None:
    async with hubbed(tokens=verifying(), personal_namespace="") as here:
        async with come(here, Wish(token())) as visit:
            await marked(here, visit, "#ada")


async def test_the_server_subscribes_and_unsubscribes_who_is_there(come: Come) -> None:
    async with hubbed(ChannelOptions(history=10, client_subscribe=False)) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            return Grant("ada", channels=("own",))

        async with come(here, Wish()) as visit:
            await marked(here, visit, "own")
            since = await here.hub.publish("news", "before")
            await here.hub.publish("news", "missed")
            await here.hub.connections(user="ada").subscribe("news", since=since)
            assert await marked(here, visit, "news") == ["missed"]
            here.hub.connections(user="ada").unsubscribe("news")
            await until(lambda: not here.hub.channels().get("news"), "it has left")
            assert visit.ended is None
            await here.hub.publish("own", "still")
            await until(lambda: "still" in visit.seen["own"], "the others go on")


# -- limits


async def test_a_full_hub_takes_nobody(come: Come) -> None:
    async with hubbed(limits=Limits(connections=0)) as here:
        assert await refused(come, here, Wish(channel="news")) in ("full", "later")


async def test_a_user_has_so_many_connections(come: Come) -> None:
    async with hubbed(tokens=verifying(), limits=Limits(user_connections=1)) as here:
        async with come(here, Wish(token())) as visit:
            assert visit.refusal is None
            assert await refused(come, here, Wish(token())) in ("too many", "forbidden")  # /sse: 403


# -- options of a channel


async def test_a_channel_that_clients_may_not_subscribe_to(come: Come) -> None:
    async with hubbed(ChannelOptions(client_subscribe=False)) as here:
        async with come(here, Wish(channel="news")) as visit:
            await here.hub.publish("news", 1)
            assert not here.hub.channels().get("news")
            assert visit.seen == {}


async def test_a_channel_for_users_only(come: Come) -> None:
    options = ChannelOptions(anonymous=False)
    async with hubbed(options, tokens=verifying(), anonymous=True) as here:
        async with come(here, Wish(channel="news")):
            assert not here.hub.channels().get("news")
        async with come(here, Wish(token(), "news")) as visit:
            await marked(here, visit, "news")


async def test_a_channel_whose_name_lists_its_users(come: Come) -> None:
    async with hubbed(tokens=verifying()) as here:
        async with come(here, Wish(token("bert"), "room#ada,carl")):
            assert not here.hub.channels().get("room#ada,carl")
        async with come(here, Wish(token(), "room#ada,carl")) as visit:
            await marked(here, visit, "room#ada,carl")


async def test_a_private_channel_needs_a_token_for_it(come: Come) -> None:
    async with hubbed() as here:
        async with come(here, Wish(channel="$news")):
            assert not here.hub.channels().get("$news")


@pytest.mark.parametrize("own", ["$stats", "$clients", "$sources", "$notices"])
async def test_what_the_hub_says_of_itself_is_for_who_may_call_the_api(come: Come, own: str) -> None:
    async with hubbed(token=KEY) as here:
        async with come(here, Wish(channel=own)):
            assert not here.hub.channels().get(own)
        async with come(here, Wish(channel=own, headers={"X-API-Key": KEY})) as visit:
            await told(here, visit, own)
    async with hubbed(open_api=True) as here:
        async with come(here, Wish(channel=own)) as visit:
            await told(here, visit, own)


async def told(here: Doors, visit: Visit, own: str) -> None:
    """Returns when something was said there; what happens meanwhile is what `$notices` has to say."""

    def is_told() -> bool:
        here.hub.counters.stalled += 1
        return bool(visit.seen.get(own))

    await until(is_told, "what is said there")


async def test_no_token_hook_or_server_lets_anybody_else_see_what_the_hub_says_of_itself(come: Come) -> None:
    async with hubbed(tokens=verifying(), token=KEY) as here:
        async with come(here, Wish(token(channels=["$stats"]), "$stats")):
            assert not here.hub.channels().get("$stats")
    async with hubbed(token=KEY) as here:

        @here.hub.on_subscribe
        async def subscribe(event: SubscribeEvent) -> SubscriptionGrant:
            return SubscriptionGrant(options=KEPT)

        async with come(here, Wish(channel="$stats")) as visit:
            sessions = list(here.hub.node.roster)
            for session in sessions:
                with contextlib.suppress(ClientError):
                    await session.subscribe_from_server("$stats", NO_SUBSCRIPTION, None)
            assert visit.refusal is not None or sessions
            assert not here.hub.channels().get("$stats")


PAST = {
    "client_history": ChannelOptions(history=100, client_history=False),
    "anonymous_history": ChannelOptions(history=100, anonymous_history=False),
}


@pytest.mark.parametrize("options", PAST.values(), ids=PAST)
@pytest.mark.parametrize("since", [None, "", "here"])
async def test_who_may_not_read_the_history_gets_nothing_from_before(
    come: Come, options: ChannelOptions, since: str | None
) -> None:
    async with hubbed(options) as here:
        position = await here.hub.publish("news", "first")
        await here.hub.publish("news", "secret")
        wish = Wish(channel="news", since=str(position) if since == "here" else since)
        async with come(here, wish) as visit:
            assert await marked(here, visit, "news") == []
            if since == "here":
                assert visit.recovered["news"] is False


@pytest.mark.parametrize("since", ["", "here"])
async def test_with_recovery_off_nobody_is_given_what_it_missed(come: Come, since: str) -> None:
    async with hubbed(ChannelOptions(history=100, recovery="off", client_history=False)) as here:
        position = await here.hub.publish("news", "first")
        await here.hub.publish("news", "secret")
        async with come(here, Wish(channel="news", since=str(position) if since else "")) as visit:
            assert await marked(here, visit, "news") == []


async def test_with_recovery_off_a_position_is_not_gone_on_from(come: Come) -> None:
    async with hubbed(ChannelOptions(history=100, recovery="off")) as here:
        position = await here.hub.publish("news", "first")
        await here.hub.publish("news", "missed")
        async with come(here, Wish(channel="news", since=str(position))) as visit:
            assert await marked(here, visit, "news") == []
            assert visit.recovered["news"] is False


async def test_client_recovery_gives_what_was_missed_and_no_more(come: Come) -> None:
    async with hubbed(ChannelOptions(history=100, client_history=False, client_recovery=True)) as here:
        position = await here.hub.publish("news", "first")
        await here.hub.publish("news", "missed")
        async with come(here, Wish(channel="news", since=str(position))) as visit:
            assert await marked(here, visit, "news") == ["missed"]
        async with come(here, Wish(channel="news", since="")) as visit:
            assert await marked(here, visit, "news") == []


async def test_who_may_read_the_history_gets_what_it_asks_for(come: Come) -> None:
    async with hubbed() as here:
        position = await here.hub.publish("news", "first")
        await here.hub.publish("news", "second")
        async with come(here, Wish(channel="news", since=str(position))) as visit:
            assert await marked(here, visit, "news") == ["second"]
        async with come(here, Wish(channel="news", since="")) as visit:
            assert await marked(here, visit, "news") == ["first", "second"]
