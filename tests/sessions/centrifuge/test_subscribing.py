"""Subscribing and unsubscribing (Centrifuge client protocol, version 2): who may, and in which order."""

from __future__ import annotations

import asyncio
from typing import Any

import jwt
import pytest

from gapless import BrokerError, ChannelOptions, ClientError, Disconnect, Limits, SubscribeEvent
from gapless.hooks.events import SubscriptionGrant
from gapless.protocol.centrifuge.codecs import Codec

from ...support.broker import FakeBroker
from ...support.centrifuge.stage import SECRET, stage, ticket_for, token_for
from ...support.clock import Clock
from ...support.presence import FakePresence
from ...support.until import turns

pytestmark = pytest.mark.anyio


# -- the reply


async def test_a_channel_with_history_tells_its_position(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        top = await here.publish("a", 1, 2)
        assert top is not None
        assert await peer.get("subscribe", channel="a") == {
            "recoverable": True,
            "positioned": True,
            "epoch": top.epoch,
            "offset": 2,
        }


async def test_a_channel_without_history_has_an_empty_reply(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions()}) as here:
        peer = await here.client()
        assert await peer.get("subscribe", channel="a") == {}
        await here.publish("a", {"b": 1})
        assert peer.of("a") == [{"data": {"b": 1}}]


async def test_a_channel_nobody_ever_published_to_has_an_epoch(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        reply = await peer.get("subscribe", channel="a")
        assert reply["epoch"]
        await here.publish("a", 1)
        assert peer.offsets("a") == [1]


async def test_the_reply_comes_before_any_push_of_the_channel(codec: Codec) -> None:
    broker = FakeBroker()
    options = ChannelOptions(history=10, presence=True, join_leave=True, force_push_join_leave=True)
    async with stage(codec, {"*": options}, broker=broker) as here:
        await here.publish("a", "older than the ring")
        first = await here.client()
        await first.get("subscribe", channel="a")
        peer = await here.client()
        broker.hold()
        task = asyncio.create_task(peer.get("subscribe", channel="a", recover=True))
        await turns()
        assert len(broker.waiting) == 1
        for number in range(3):
            await here.publish("a", number)
        await here.publish("a", "unnumbered", skip_history=True)
        assert peer.said == []
        broker.release()
        assert [each["offset"] for each in (await task)["publications"]] == [1, 2, 3, 4]
        await turns()
        await here.publish("a", 3)
        assert list(peer.said[0]) == ["id", "subscribe"]
        assert [pub["data"] for pub in peer.of("a")] == ["unnumbered", 3]
        assert len(peer.of("a", "join")) == 1, "its own"


async def test_commands_are_answered_even_with_empty_results(codec: Codec) -> None:
    options = ChannelOptions(client_publish=True, presence=True)
    async with stage(codec, {"*": options}) as here:
        peer = await here.client("anna")
        assert await peer.ask("subscribe", channel="a") == {"subscribe": {}}
        assert await peer.ask("publish", channel="a", data=1) == {"publish": {}}
        assert await peer.ask("unsubscribe", channel="a") == {"unsubscribe": {}}


# -- the order of checks


async def test_the_checks_have_their_order(codec: Codec) -> None:
    options = {
        "a": ChannelOptions(),
        "$a": ChannelOptions(),
        "closed": ChannelOptions(client_subscribe=False),
    }
    async with stage(codec, options, limits=Limits(subscriptions=1)) as here:
        peer = await here.client()
        long = "x" * 256
        assert await peer.refused("subscribe", channel=long, delta="unknown") == 107
        assert await peer.refused("subscribe", channel="nothing") == 102
        assert await peer.refused("subscribe", channel="a", type=1) == 103
        assert await peer.refused("subscribe", channel="$a") == 103
        assert await peer.refused("subscribe", channel="closed") == 103
        await peer.get("subscribe", channel="a")
        assert await peer.refused("subscribe", channel="a", delta="unknown") == 105
        assert await peer.refused("subscribe", channel="b", delta="unknown") == 106
        assert await peer.refused("subscribe", channel=long) == 107
        await peer.get("unsubscribe", channel="a")
        await peer.tell("subscribe", channel="nothing", delta="unknown")
        assert peer.closed == 3501


@pytest.mark.parametrize("command", ["subscribe", "unsubscribe", "publish", "presence", "history"])
async def test_a_command_without_a_channel_closes_with_3501(codec: Codec, command: str) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        await peer.tell(command)
        assert peer.closed == 3501


@pytest.mark.parametrize("name", ["a\nb", "\0", "a\x7f", "\u2028"])
async def test_a_name_with_control_characters_is_error_107(codec: Codec, name: str) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        assert await peer.refused("subscribe", channel=name) == 107


async def test_names_are_bounded_by_their_bytes(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        assert await peer.refused("subscribe", channel="ä" * 128) == 107
        await peer.get("subscribe", channel="ä" * 127)


async def test_a_refused_subscribe_leaves_nothing_behind(codec: Codec) -> None:
    broker = FakeBroker()
    async with stage(codec, {"*": ChannelOptions(history=1, presence=True)}, broker=broker) as here:
        peer = await here.client()
        assert await peer.refused("subscribe", channel="a", flag=2, recover=True, epoch="_") == 112
        broker.reads_fail = BrokerError("as the test wants it")
        assert await peer.refused("subscribe", channel="b") == 100
        broker.reads_fail = None
        assert not peer.session.subscriptions
        assert not here.hub.node.rings.subscribers()
        await turns()
        assert await here.hub.presence("a") == {}
        await peer.get("subscribe", channel="a")
        await peer.get("subscribe", channel="b")


# -- who may


async def test_a_private_channel_needs_a_token(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        assert await peer.refused("subscribe", channel="$a") == 103
        await peer.get("subscribe", channel="$a", token=ticket_for("anna", "$a"))


async def test_a_user_limited_channel_takes_the_users_it_lists(codec: Codec) -> None:
    async with stage(codec) as here:
        for user, wanted in (("1", None), ("2", None), ("3", 103), (None, 103)):
            peer = await here.client(user)
            if wanted is None:
                await peer.get("subscribe", channel="room#1,2")
            else:
                assert await peer.refused("subscribe", channel="room#1,2") == wanted


async def test_user_limits_can_be_off(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(user_limited=False)}) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="room#1,2")


async def test_anonymous_clients_can_be_kept_out_of_a_channel(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(anonymous=False)}) as here:
        peer = await here.client()
        assert await peer.refused("subscribe", channel="a") == 103
        peer = await here.client("anna")
        await peer.get("subscribe", channel="a")


async def test_a_ticket_lets_in_whatever_the_options_say(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(client_subscribe=False, presence=True)}) as here:
        peer = await here.client("anna")
        assert await peer.refused("subscribe", channel="a") == 103
        ticket = ticket_for("anna", "a", info={"b": 1}, data={"c": 2})
        assert await peer.get("subscribe", channel="a", token=ticket) == {"data": {"c": 2}}
        assert (await here.hub.presence("a"))[peer.id].chan_info == b'{"b":1}'


async def test_a_ticket_that_is_not_right_is_refused(codec: Codec, clock: Clock) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        expired = ticket_for("anna", "a", expires_in=1, now=clock.now - 10)
        assert await peer.refused("subscribe", channel="a", token=expired) == 109
        assert await peer.refused("subscribe", channel="a", token="no token") == 103
        assert not peer.session.subscriptions


@pytest.mark.parametrize("of", ["another user", "another channel", "another client"])
async def test_somebody_elses_ticket_closes_with_3500(codec: Codec, of: str) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        tickets = {
            "another user": ticket_for("bert", "a"),
            "another channel": ticket_for("anna", "b"),
            "another client": ticket_for("anna", "a", client="somebody"),
        }
        await peer.tell("subscribe", channel="a", token=tickets[of])
        assert peer.closed == 3500
        here.nothing_left()


async def test_a_token_for_the_connection_is_no_ticket_and_the_reverse(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        assert await peer.refused("subscribe", channel="a", token=token_for("anna")) == 103
        other = here.peer()
        await other.tell("connect", token=ticket_for("anna", "a"))
        assert other.closed == 3500


async def test_a_ticket_is_refused_where_none_are_taken(codec: Codec) -> None:
    async with stage(codec, tokens=False) as here:
        peer = await here.client()
        assert await peer.refused("subscribe", channel="a", token="any") == 103


async def test_a_ticket_that_the_hub_does_not_verify_is_shown_to_the_hook(codec: Codec) -> None:
    async with stage(codec, tokens=False) as here:
        seen: list[SubscribeEvent] = []

        @here.hub.on_subscribe("a")
        async def subscribe(event: SubscribeEvent) -> None:
            seen.append(event)

        peer = await here.client()
        await peer.get("subscribe", channel="a", token="any", data={"b": 1})
        assert [(event.token, event.data) for event in seen] == [("any", {"b": 1})]


@pytest.mark.parametrize(
    ("option", "override", "wanted"),
    [
        (ChannelOptions(history=5), {"force_recovery": {"value": False}}, {}),
        (
            ChannelOptions(history=5, recovery="off"),
            {"force_recovery": {"value": True}},
            {"recoverable": True, "positioned": True},
        ),
    ],
)
async def test_a_ticket_overrides_recovery(
    codec: Codec, option: ChannelOptions, override: dict[str, Any], wanted: dict[str, Any]
) -> None:
    async with stage(codec, {"*": option}) as here:
        peer = await here.client("anna")
        ticket = jwt.encode({"sub": "anna", "channel": "a", "override": override}, SECRET)
        reply = await peer.get("subscribe", channel="a", token=ticket)
        assert {name: reply[name] for name in ("recoverable", "positioned") if name in reply} == wanted


async def test_a_ticket_overrides_presence_and_joins(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(history=5)}) as here:
        peer = await here.client("anna")
        switches = {name: {"value": True} for name in ("join_leave", "force_push_join_leave")}
        ticket = jwt.encode({"sub": "anna", "channel": "a", "override": switches}, SECRET)
        await peer.get("subscribe", channel="a", token=ticket)
        await turns()
        assert [join["info"]["client"] for join in peer.of("a", "join")] == [peer.id]
        assert set(await here.hub.presence("a")) == {peer.id}


async def test_a_hook_refuses_or_gives_a_seat(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(history=5)}) as here:

        @here.hub.on_subscribe("{name}")
        async def subscribe(event: SubscribeEvent, name: str) -> Any:
            if name == "error":
                raise ClientError("not today", code=777, temporary=True)
            if name == "disconnect":
                raise Disconnect(4400, "bye")
            if name == "bug":
                raise KeyError(name)
            if name == "false":
                return False
            return SubscriptionGrant(
                data={"for": event.data}, options=ChannelOptions(history=5, recovery="off")
            )

        peer = await here.client()
        assert await peer.ask("subscribe", channel="error") == {
            "error": {"code": 777, "message": "not today", "temporary": True}
        }
        assert await peer.refused("subscribe", channel="false") == 103
        assert await peer.refused("subscribe", channel="bug") == 100
        reply = await peer.get("subscribe", channel="good", data=[1])
        assert reply["data"] == {"for": [1]}
        assert "recoverable" not in reply
        await peer.tell("subscribe", channel="disconnect")
        assert peer.outlet.closing == (4400, "bye")


async def test_an_operator_passes_every_check(codec: Codec) -> None:
    options = ChannelOptions(client_subscribe=False, anonymous=False)
    async with stage(codec, {"*": options}) as here:
        peer = await here.client(operator=True)
        await peer.get("subscribe", channel="$a#1")


# -- unsubscribing


async def test_nothing_of_a_channel_comes_after_the_unsubscribe_reply(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        await here.publish("a", 1)
        here.hub.publish("a", 2)  # appended, not flushed yet
        await peer.get("unsubscribe", channel="a")
        await here.publish("a", 3)
        assert list(peer.said[-1]) == ["id", "unsubscribe"]
        assert peer.data("a") == [1]


async def test_unsubscribing_from_what_is_not_subscribed_succeeds(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        assert await peer.get("unsubscribe", channel="a") == {}
        assert await peer.get("unsubscribe", channel="never declared\n") == {}


async def test_an_unsubscribe_behind_a_slow_subscribe_waits_for_it(codec: Codec) -> None:
    broker = FakeBroker()
    async with stage(codec, broker=broker) as here:
        peer = await here.client()
        broker.hold()
        task = asyncio.create_task(
            peer.frame(
                {"id": 101, "subscribe": {"channel": "a"}},
                {"id": 102, "unsubscribe": {"channel": "a"}},
                {"id": 103, "subscribe": {"channel": "b"}},
            )
        )
        await turns()
        assert peer.said == []
        broker.release()
        await task
        assert [message["id"] for message in peer.said] == [101, 102, 103]
        assert set(peer.session.subscriptions) == {"b"}


async def test_who_leaves_and_comes_back_in_one_frame_is_present(codec: Codec) -> None:
    options = ChannelOptions(presence=True, join_leave=True, force_push_join_leave=True)
    async with stage(codec, {"*": options}) as here:
        watcher = await here.client("watcher")
        await watcher.get("subscribe", channel="a")
        peer = await here.client("anna")
        await peer.get("subscribe", channel="a")
        await turns()
        watcher.forget()
        await peer.frame(
            {"id": 101, "unsubscribe": {"channel": "a"}},
            {"id": 102, "subscribe": {"channel": "a"}},
            {"id": 103, "presence": {"channel": "a"}},
        )
        assert peer.id in peer.reply(103)["presence"]["presence"]
        await turns()
        assert set(await here.hub.presence("a")) == {watcher.id, peer.id}
        assert [list(push) for push in watcher.pushes] == [["channel", "leave"], ["channel", "join"]]


# -- what happens meanwhile


async def test_a_subscription_that_the_server_ends_meanwhile_is_refused_and_nothing_pushed(
    codec: Codec,
) -> None:
    broker = FakeBroker()
    async with stage(codec, {"*": ChannelOptions(history=5, presence=True)}, broker=broker) as here:
        peer = await here.client("anna")
        await peer.get("subscribe", channel="other")
        await here.publish("a", 1)
        broker.hold()
        for early in (False, True):
            peer.forget()
            broker.old_pages = early
            task = asyncio.create_task(peer.refused("subscribe", channel="a", recover=True))
            await turns()
            here.hub.connections(user="anna").unsubscribe("a")
            await here.publish("a", 2)
            broker.release()
            assert await task == 103
            await here.publish("a", 3)
            assert len(peer.said) == 1
            assert set(peer.session.subscriptions) == {"other"}
            assert await here.hub.presence("a") == {}
            broker.hold()


async def test_a_connection_that_closes_meanwhile_leaves_nothing_behind(codec: Codec) -> None:
    broker = FakeBroker()
    options = ChannelOptions(history=5, presence=True, join_leave=True)
    async with stage(codec, {"*": options}, broker=broker) as here:
        for early in (False, True):
            broker.old_pages = early
            peer = await here.client("anna")
            broker.hold()
            task = asyncio.create_task(peer.tell("subscribe", channel="a", recover=True))
            await turns()
            await here.publish("a", "without an offset", skip_history=True)
            await here.publish("a", 1)
            peer.leave()
            broker.release()
            await task
            await here.publish("a", 2)
            assert peer.said == []
            assert peer.outlet.late == []
            here.nothing_left()
            assert await here.hub.presence("a") == {}


async def test_who_leaves_while_its_join_is_on_the_way_is_not_present_for_ever(codec: Codec) -> None:
    presence = FakePresence()
    presence.hold("join")
    async with stage(codec, {"*": ChannelOptions(presence=True)}, presence=presence) as here:
        peer = await here.client("anna")
        task = asyncio.create_task(peer.tell("subscribe", channel="a"))
        await turns()
        peer.leave()
        await turns()  # its leave comes first
        presence.release()
        await task
        await turns()
        assert await presence.members("a") == {}
        here.nothing_left()


async def test_a_presence_that_does_not_answer_is_error_100(codec: Codec) -> None:
    channels, limits = {"*": ChannelOptions(presence=True)}, Limits(broker_seconds=0.01)
    presence = FakePresence()
    presence.hold("join")
    async with stage(codec, channels, limits=limits, presence=presence) as here:
        peer = await here.client("anna")
        assert await peer.refused("subscribe", channel="a") == 100
        assert not peer.session.subscriptions
        await turns()


async def test_a_reply_that_nobody_reads_closes_with_3008_and_nothing_is_live_behind_it(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        peer.outlet.accepts_replies = False
        await peer.tell("subscribe", channel="a")
        assert peer.closed == 3008
        await here.publish("a", 1)
        assert peer.outlet.late == []
        here.nothing_left()
