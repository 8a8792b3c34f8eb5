"""Server-side subscriptions and orders of the server (Centrifuge client protocol, version 2)."""

from __future__ import annotations

import asyncio
from typing import Any

import jwt
import pytest

from gapless import BrokerError, ChannelOptions, Limits, Position
from gapless.errors import ClientError
from gapless.model import Override, ServerSubscription
from gapless.protocol.centrifuge.codecs import Codec

from ...support.broker import FakeBroker
from ...support.centrifuge.stage import SECRET, stage, token_for
from ...support.clock import Clock
from ...support.until import turns

pytestmark = pytest.mark.anyio

MEMBERS = ChannelOptions(history=10, presence=True, join_leave=True)


# -- from the token


async def test_the_channels_of_a_token_are_in_the_connect_reply_and_live_behind_it(codec: Codec) -> None:
    async with stage(codec) as here:
        top = await here.publish("a", 1)
        assert top is not None
        peer = here.peer()
        reply = await peer.get("connect", token=token_for("anna", channels=["a", "b"]))
        assert reply["subs"]["a"] == {
            "recoverable": True,
            "positioned": True,
            "epoch": top.epoch,
            "offset": 1,
        }
        assert set(reply["subs"]) == {"a", "b"}
        await here.publish("a", 2)
        assert peer.of("a") == [{"data": 2, "offset": 2}]


async def test_subs_say_more_than_channels_and_win_over_them(codec: Codec) -> None:
    async with stage(codec, {"*": MEMBERS}) as here:
        subs = {
            "a": {"info": {"x": 1}, "data": {"y": 2}},
            "b": {"override": {"force_recovery": {"value": False}}},
        }
        token = jwt.encode({"sub": "anna", "channels": ["c"], "subs": subs}, SECRET)
        peer = here.peer()
        reply = await peer.get("connect", token=token)
        assert set(reply["subs"]) == {"a", "b"}
        assert reply["subs"]["a"]["data"] == {"y": 2}
        assert "recoverable" not in reply["subs"]["b"]
        assert (await here.hub.presence("a"))[peer.id].chan_info == b'{"x":1}'


async def test_nothing_is_pushed_before_the_connect_reply(codec: Codec) -> None:
    broker = FakeBroker()
    async with stage(codec, {"*": MEMBERS}, broker=broker) as here:
        other = await here.client()
        await other.get("subscribe", channel="a")
        peer = here.peer()
        broker.hold()
        task = asyncio.create_task(peer.tell("connect", token=token_for("anna", channels=["a", "b"])))
        await turns()
        await here.publish("a", 1)
        await here.publish("a", 2, skip_history=True)
        await here.hub.connections(user="anna").subscribe("c")
        here.hub.connections(user="anna").refresh(None)
        assert peer.said == []
        broker.release()
        await task
        await here.publish("a", 3)
        assert "connect" in peer.said[0]
        assert set(peer.session.subscriptions) == {"a", "b"}, "it was not there yet to be subscribed"
        assert peer.data("a")[-2:] == [2, 3]


async def test_a_client_that_comes_back_recovers_them_in_connect(codec: Codec) -> None:
    async with stage(codec) as here:
        left_at = await here.publish("a", 1)
        assert left_at is not None
        await here.publish("a", 2, 3)
        asked = {
            "a": {"recover": True, "epoch": left_at.epoch, "offset": 1},
            "b": {"recover": True, "epoch": "another", "offset": 1, "flag": 2},
            "not mine": {"recover": True},
        }
        peer = here.peer()
        token = token_for("anna", channels=["a", "b"])
        reply = await peer.get("connect", token=token, subs=asked)
        assert set(reply["subs"]) == {"a", "b"}
        assert reply["subs"]["a"]["recovered"]
        assert [each["data"] for each in reply["subs"]["a"]["publications"]] == [2, 3]
        assert reply["subs"]["b"]["was_recovering"]
        assert "recovered" not in reply["subs"]["b"]


@pytest.mark.parametrize("held", ["a", "b"])
async def test_a_channel_that_is_unsubscribed_while_connecting_is_not_in_the_reply(
    codec: Codec, held: str
) -> None:
    broker = FakeBroker()
    async with stage(codec, {"*": MEMBERS}, broker=broker) as here:
        peer = here.peer()
        broker.hold(held)
        task = asyncio.create_task(peer.get("connect", token=token_for("anna", channels=["a", "b"])))
        await turns()
        here.hub.connections(user="anna").unsubscribe("a")
        broker.release()
        assert set((await task)["subs"]) == {"b"}
        await turns()
        assert peer.of("a", "unsubscribe") == []
        assert await here.hub.presence("a") == {}


async def test_a_disconnect_while_connecting_ends_it_all(codec: Codec) -> None:
    broker = FakeBroker()
    async with stage(codec, {"*": MEMBERS}, broker=broker) as here:
        peer = here.peer()
        broker.hold()
        task = asyncio.create_task(peer.tell("connect", token=token_for("anna", channels=["a", "b"])))
        await turns()
        assert here.hub.disconnect(user="anna") == 1
        broker.release()
        await task
        await turns()
        assert (peer.said, peer.closed) == ([], 3503)
        assert [channel.name for channel in here.hub.node.rings.all()] == ["a"], "b was not begun"
        here.nothing_left()


async def test_a_broker_that_fails_makes_connect_an_error_and_the_connection_of_no_use(codec: Codec) -> None:
    broker = FakeBroker()
    async with stage(codec, {"*": MEMBERS}, broker=broker) as here:
        broker.reads_fail = BrokerError("as the test wants it")
        peer = here.peer()
        reply = await peer.ask("connect", token=token_for("anna", channels=["a", "b"]))
        assert (reply["error"]["code"], reply["error"]["temporary"]) == (100, True)
        broker.reads_fail = None
        await peer.tell("subscribe", channel="a")
        assert len(peer.said) == 1
        assert not peer.session.subscriptions
        peer.later(10)
        assert peer.closed == 3502
        await turns()
        here.nothing_left()


async def test_a_subscribe_to_a_channel_of_the_server_is_error_105(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client(connect={"token": token_for("anna", channels=["a"])})
        assert await peer.refused("subscribe", channel="a") == 105


# -- the personal channel


@pytest.mark.parametrize(("namespace", "name"), [("", "#anna"), ("own", "own:#anna")])
async def test_a_user_has_a_personal_channel(codec: Codec, namespace: str, name: str) -> None:
    async with stage(codec, personal_namespace=namespace) as here:
        peer = here.peer()
        reply = await peer.get("connect", token=token_for("anna", channels=["a"]))
        assert set(reply["subs"]) == {name, "a"}
        await here.publish(name, "for you")
        assert peer.data(name) == ["for you"]
        assert "subs" not in await here.peer().get("connect"), "anonymous"
        assert "subs" not in await here.peer().get("connect", token=token_for("a,b"))


# -- by the server API


async def test_a_users_connections_are_subscribed_and_told_by_a_push(codec: Codec) -> None:
    async with stage(codec, {"*": MEMBERS}) as here:
        top = await here.publish("a", 1)
        assert top is not None
        first, second = await here.client("anna"), await here.client("anna")
        other, bare = await here.client("bert"), here.peer(bare=True)
        await bare.tell("connect", token=token_for("anna"))
        assert (
            await here.hub.connections(user="anna").subscribe(
                "a", ServerSubscription(data=b'{"x":1}', info=b'{"y":2}')
            )
            == 3
        )
        for peer in (first, second, bare):
            assert peer.of("a", "subscribe") == [
                {"recoverable": True, "positioned": True, "epoch": top.epoch, "offset": 1, "data": {"x": 1}}
            ]
        await here.publish("a", 2)
        assert [peer.data("a") for peer in (first, second, bare, other)] == [[2], [2], [2], []]
        members = await here.hub.presence("a")
        assert {member.chan_info for member in members.values()} == {b'{"y":2}'}
        assert set(members) == {first.id, second.id, bare.id}


async def test_who_is_subscribed_already_is_left_alone(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        await peer.get("subscribe", channel="a")
        assert await here.hub.connections(user="anna").subscribe("a") == 1
        assert len(peer.said) == 1
        await here.publish("a", 1)
        assert peer.data("a") == [1]


async def test_one_client_or_session_can_be_named(codec: Codec) -> None:
    async with stage(codec) as here:
        first, second = await here.client("anna"), await here.client("anna", secret="of the second")
        await here.hub.connections(user="anna", client=first.id).subscribe("a")
        await here.hub.connections(user="anna", session="of the second").subscribe("b")
        await here.hub.connections(user="bert", client=first.id).subscribe("c")
        assert (set(first.session.subscriptions), set(second.session.subscriptions)) == ({"a"}, {"b"})


async def test_an_empty_user_addresses_anonymous_connections_that_are_connected(codec: Codec) -> None:
    async with stage(codec) as here:
        anonymous, silent = await here.client(), here.peer()
        await here.client("anna")
        await here.hub.connections(user="").subscribe("a")
        assert [push["channel"] for push in anonymous.pushes] == ["a"]
        here.hub.connections(user="").refresh(1.0)
        here.hub.connections(user="").unsubscribe(None)
        assert silent.said == [], "it has not said who it is"
        assert (await silent.get("connect"))["client"]


async def test_since_recovers_and_the_publications_follow_as_pushes(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        left_at = await here.publish("a", 1)
        await here.publish("a", 2, 3)
        await here.hub.connections(user="anna").subscribe("a", since=left_at)
        await here.publish("a", 4)
        assert [list(push)[1] for push in peer.pushes] == ["subscribe", "pub", "pub", "pub"]
        assert peer.offsets("a") == [2, 3, 4]


async def test_since_that_is_lost_begins_at_the_top(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        await here.publish("a", 1, 2)
        await here.hub.connections(user="anna").subscribe("a", since=Position(1, "another"))
        await here.publish("a", 3)
        assert peer.of("a", "subscribe")[0]["offset"] == 2
        assert peer.offsets("a") == [3]


async def test_an_override_counts_for_these_seats_only(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(history=5)}) as here:
        peer = await here.client("anna")
        override = Override(force_recovery=False, join_leave=True, force_push_join_leave=True)
        await here.hub.connections(user="anna").subscribe("a", ServerSubscription(override=override))
        await turns()
        assert "recoverable" not in peer.of("a", "subscribe")[0]
        assert len(peer.of("a", "join")) == 1
        other = await here.client("bert")
        assert (await other.get("subscribe", channel="a"))["recoverable"]


async def test_one_connection_that_cannot_be_subscribed_keeps_no_other_from_it(codec: Codec) -> None:
    async with stage(codec, limits=Limits(subscriptions=1)) as here:
        full, free = await here.client("anna"), await here.client("anna")
        await full.get("subscribe", channel="b")
        with pytest.raises(ClientError) as caught:
            await here.hub.connections(user="anna").subscribe("a")
        assert caught.value.code == 106
        assert set(free.session.subscriptions) == {"a"}
        assert full.pushes == []


async def test_a_connection_that_leaves_meanwhile_is_no_error(codec: Codec) -> None:
    broker = FakeBroker()
    async with stage(codec, {"*": MEMBERS}, broker=broker) as here:
        leaving, staying = await here.client("anna"), await here.client("anna")
        broker.hold()
        task = asyncio.create_task(here.hub.connections(user="anna").subscribe("a"))
        await turns()
        leaving.leave()
        broker.release()
        assert await task == 2
        await turns()
        assert leaving.said == []
        assert set(await here.hub.presence("a")) == {staying.id}


async def test_a_seat_that_the_server_takes_back_meanwhile_is_never_told(codec: Codec) -> None:
    broker = FakeBroker()
    async with stage(codec, {"*": MEMBERS}, broker=broker) as here:
        peer = await here.client("anna")
        broker.hold()
        task = asyncio.create_task(here.hub.connections(user="anna").subscribe("a"))
        await turns()
        here.hub.connections(user="anna").unsubscribe("a")
        broker.release()
        with pytest.raises(ClientError):
            await task
        await here.publish("a", 1)
        assert peer.said == []


async def test_it_does_not_use_up_the_rate_of_the_client(codec: Codec) -> None:
    async with stage(codec, limits=Limits(subscribe_rate=0.001, subscribe_burst=1)) as here:
        peer = await here.client("anna")
        for number in range(5):
            await here.hub.connections(user="anna").subscribe(f"a{number}")
        assert len(peer.session.subscriptions) == 5


async def test_until_the_past_is_error_110(codec: Codec, clock: Clock) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        with pytest.raises(ClientError) as caught:
            await here.hub.connections(user="anna").subscribe("a", ServerSubscription(expires_at=clock.now))
        assert caught.value.code == 110
        assert peer.said == []


async def test_an_unsubscribe_of_the_server_is_a_push_and_then_nothing(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        await peer.get("subscribe", channel="a")
        await here.hub.connections(user="anna").subscribe("b")
        here.hub.publish("a", "not flushed yet")
        assert here.hub.connections(user="anna").unsubscribe("a") == 1
        await here.publish("a", 1)
        await here.publish("b", 2)
        assert peer.of("a", "unsubscribe") == [{"code": 2000, "reason": "server unsubscribe"}]
        assert peer.of("a") == []
        assert peer.data("b") == [2]
        here.hub.connections(user="anna").unsubscribe(None)
        assert peer.of("b", "unsubscribe") == [{"code": 2000, "reason": "server unsubscribe"}]
        here.hub.connections(user="anna").unsubscribe(None)
        here.hub.connections(user="anna").unsubscribe("a")
        assert len(peer.of("a", "unsubscribe")) == 1, "it was not subscribed any more"


async def test_a_disconnect_closes_with_its_code_and_nothing_follows(codec: Codec) -> None:
    async with stage(codec, {"*": MEMBERS}) as here:
        first, second = await here.client("anna"), await here.client("anna", secret="of the second")
        for peer in (first, second):
            await peer.get("subscribe", channel="a")
        assert here.hub.connections(user="anna", session="of the second").close(4001, "go") == 1
        assert (first.closed, second.outlet.closing) == (None, (4001, "go"))
        assert here.hub.connections(user="anna").but(frozenset({first.id})).close() == 0
        assert here.hub.disconnect(user="anna") == 1
        assert first.outlet.closing == (3503, "force disconnect")
        await here.publish("a", 1)
        assert not first.outlet.late
        assert not second.outlet.late
        here.nothing_left()
        assert await here.hub.presence("a") == {}


async def test_a_refresh_of_the_server_is_a_push(codec: Codec, clock: Clock) -> None:
    async with stage(codec, {"*": MEMBERS}) as here:
        peer = await here.client("anna")
        await peer.get("subscribe", channel="a")
        peer.forget()
        here.hub.connections(user="anna").refresh(clock.now + 100, info=b'{"new":1}')
        here.hub.connections(user="anna").refresh(None)
        assert peer.pushes == [{"refresh": {"expires": True, "ttl": 100}}, {"refresh": {}}]
        assert here.hub.node.members["a", peer.id].conn_info == b'{"new":1}'
        here.hub.connections(user="anna").close(3005)
        assert peer.closed == 3005


async def test_draining_closes_everybody_with_3001(codec: Codec) -> None:
    async with stage(codec) as here:
        peers = [await here.client() for _ in range(3)] + [here.peer()]
        here.hub.drain()
        assert {peer.closed for peer in peers} == {3001}
        here.nothing_left()


# -- unidirectional


async def test_a_unidirectional_client_has_the_wishes_that_it_may_have(codec: Codec) -> None:
    channels: dict[str, Any] = {
        "open:*": ChannelOptions(history=5),
        "closed:*": ChannelOptions(client_subscribe=False),
    }
    async with stage(codec, channels) as here:
        top = await here.publish("open:a", 1, 2)
        assert top is not None
        peer = here.peer(bare=True, secret="its own")
        wishes = {
            "open:a": {"recover": True, "epoch": top.epoch, "offset": 1},
            "open:b": {"recover": True, "epoch": "_", "flag": 2},
            "open:c": {"type": 1},
            "closed:a": {},
        }
        await peer.tell("connect", subs=wishes)
        said = peer.said[0]["connect"]
        assert set(said["subs"]) == {"open:a"}
        assert [each["data"] for each in said["subs"]["open:a"]["publications"]] == [2]
        assert (said["session"], said["client"]) == ("its own", peer.id)
        assert set(peer.session.subscriptions) == {"open:a"}, "what was refused is not kept"
        await here.publish("open:a", 3)
        assert peer.said[1:] == [{"channel": "open:a", "pub": {"data": 3, "offset": 3}}]


async def test_a_wish_for_a_channel_that_cannot_be_closes_with_3501(codec: Codec) -> None:
    async with stage(codec, {"a": ChannelOptions()}) as here:
        peer = here.peer(bare=True)
        await peer.tell("connect", subs={"a": {}, "b": {}})
        assert peer.closed == 3501
        here.nothing_left()
