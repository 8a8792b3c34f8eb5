"""Connecting (Centrifuge client protocol, version 2): who is let in, and what the reply says."""

from __future__ import annotations

import asyncio
from typing import Any

import jwt
import pytest

from gapless import ChannelOptions, Client, ClientError, ConnectEvent, Disconnect, Grant, Limits
from gapless.hooks.events import Welcome
from gapless.model import Override, ServerSubscription
from gapless.protocol.centrifuge.codecs import JSON, Codec

from ...support.centrifuge.stage import SECRET, stage, token_for
from ...support.clock import Clock
from ...support.until import turns

pytestmark = pytest.mark.anyio


async def test_the_reply_names_the_client_and_the_server_and_asks_for_pongs(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = here.peer()
        reply = await peer.get("connect")
        assert reply["client"] == peer.id
        assert reply["version"]
        assert (reply["ping"], reply["pong"]) == (25, True)
        assert not {"session", "node", "expires", "ttl", "subs"} & set(reply)


async def test_native_pings_leave_out_those_of_the_application(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = here.peer(app_ping=False)
        reply = await peer.get("connect")
        assert not {"ping", "pong"} & set(reply)
        peer.later(1000)
        assert peer.said[1:] == []


async def test_an_emulated_connection_is_told_its_session_and_node(codec: Codec) -> None:
    async with stage(codec) as here:
        reply = await here.peer(secret="a secret", node_id="here").get("connect")
        assert (reply["session"], reply["node"]) == ("a secret", "here")


async def test_data_of_connect_that_cannot_be_read_has_its_own_reason() -> None:
    async with stage(JSON) as here:
        peer = here.peer()
        await peer.text('{"id":1,"connect":{"data":"\\ud83d"}}')
        assert peer.outlet.closing is not None
        code, reason = peer.outlet.closing
        assert code == 3501
        assert "data is not strict JSON" in reason


@pytest.mark.parametrize("command", [{"subscribe": {"channel": "a"}}, {"rpc": {"method": "a"}}, {}])
async def test_whatever_comes_before_connect_closes_with_3501(codec: Codec, command: dict[str, Any]) -> None:
    async with stage(codec) as here:
        peer = here.peer()
        await peer.frame(command and {"id": 1, **command})
        assert peer.closed == 3501
        assert peer.said == []


async def test_a_second_connect_closes_with_3501(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        await peer.tell("connect")
        assert peer.closed == 3501


async def test_a_second_connect_in_the_frame_of_the_first_closes_after_the_first_reply(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = here.peer()
        await peer.frame({"id": 1, "connect": {}}, {"id": 2, "connect": {}})
        assert peer.reply(1)["connect"]
        assert peer.closed == 3501


async def test_what_is_pipelined_behind_connect_is_done_in_order(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = here.peer()
        await peer.frame(
            {"id": 1, "connect": {}},
            {"id": 2, "subscribe": {"channel": "a"}},
            {"id": 3, "unsubscribe": {"channel": "a"}},
            {"id": 4, "subscribe": {"channel": "a"}},
        )
        assert [message["id"] for message in peer.said] == [1, 2, 3, 4]
        assert set(peer.session.subscriptions) == {"a"}


async def test_a_client_that_says_nothing_is_stale_after_ten_seconds(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = here.peer()
        peer.later(9)
        assert peer.closed is None
        peer.later(10)
        assert peer.closed == 3502


async def test_a_connect_error_makes_the_connection_unusable_and_then_stale(
    codec: Codec, clock: Clock
) -> None:
    async with stage(codec) as here:
        peer = here.peer()
        token = token_for("anna", expires_in=10, now=clock.now - 20)
        await peer.frame(
            {"id": 1, "connect": {"token": token}},
            {"id": 2, "subscribe": {"channel": "a"}},
            {"id": 3, "connect": {}},
        )
        assert peer.reply(1)["error"]["code"] == 109
        assert len(peer.said) == 1, "what was pipelined is ignored"
        await peer.tell("connect")
        await peer.tell("subscribe", channel="a")
        assert len(peer.said) == 1, "and so is what comes later"
        assert peer.is_open()
        peer.later(9)
        assert peer.is_open()
        peer.later(10)
        assert peer.closed == 3502
        here.nothing_left()


async def test_a_name_or_version_beyond_128_bytes_is_refused_with_107(codec: Codec) -> None:
    async with stage(codec) as here:
        assert await here.peer().refused("connect", name="ä" * 65) == 107
        assert await here.peer().refused("connect", version="1" * 129) == 107
        assert await here.peer().get("connect", name="ä" * 64, version="1" * 128)


# -- tokens


async def test_a_token_says_who_it_is(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        assert peer.session.grant.user == "anna"
        assert peer.session.about.user == "anna"


async def test_an_expired_token_is_error_109_and_one_that_is_not_yet_valid_too(
    codec: Codec, clock: Clock
) -> None:
    async with stage(codec) as here:
        assert (
            await here.peer().refused("connect", token=token_for("a", expires_in=1, now=clock.now - 5)) == 109
        )
        early = jwt.encode({"sub": "a", "nbf": int(clock.now) + 60}, SECRET, "HS256")
        assert await here.peer().refused("connect", token=early) == 109


@pytest.mark.parametrize(
    "token",
    [
        "no token",
        jwt.encode({"sub": "a"}, "another secret that is long enough", "HS256"),
        jwt.encode({"sub": "a"}, "", "none"),
        jwt.encode({"sub": "a", "channel": "b"}, SECRET, "HS256"),
        jwt.encode({"sub": "a", "b64info": "!"}, SECRET, "HS256"),
    ],
    ids=["no token", "other key", "none", "for a channel", "base64"],
)
async def test_an_invalid_token_closes_with_3500(codec: Codec, token: str) -> None:
    async with stage(codec) as here:
        peer = here.peer()
        await peer.tell("connect", token=token)
        assert peer.closed == 3500
        assert peer.said == []


async def test_without_a_token_only_who_lets_everybody_in_does(codec: Codec) -> None:
    async with stage(codec, anonymous=True) as here:
        assert await here.peer().get("connect")
    async with stage(codec, anonymous=False) as here:
        peer = here.peer()
        await peer.tell("connect")
        assert peer.closed == 3501
        assert await here.peer(operator=True).get("connect")
    async with stage(codec, anonymous=False, insecure=True) as here:
        assert await here.peer().get("connect")


async def test_a_token_without_a_user_closes_with_3507_where_anonymous_clients_are_not_wanted(
    codec: Codec,
) -> None:
    async with stage(codec, anonymous=False, anonymous_tokens=False) as here:
        peer = here.peer()
        await peer.tell("connect", token=token_for(""))
        assert peer.closed == 3507
    async with stage(codec, anonymous=False) as here:
        assert await here.peer().get("connect", token=token_for(""))


async def test_insecure_verifies_a_token_but_lets_it_last(codec: Codec, clock: Clock) -> None:
    async with stage(codec, {"*": ChannelOptions()}, insecure=True) as here:
        peer = here.peer()
        reply = await peer.get("connect", token=token_for("anna", expires_in=60, now=clock.now))
        assert "expires" not in reply
        clock.move(1000)
        peer.later(1)
        assert peer.closed is None
        assert await peer.get("publish", channel="a", data=1) == {}
        wrong = here.peer()
        await wrong.tell("connect", token="wrong")
        assert wrong.closed == 3500


async def test_insecure_lets_clients_do_everything_whatever_the_hook_says_they_are(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(client_subscribe=False)}, insecure=True) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            return Grant("anna", expires_at=1.0)

        peer = await here.client()
        assert peer.session.grant.user == "anna"
        await peer.get("subscribe", channel="$a")
        await peer.get("publish", channel="b", data=1)


async def test_a_user_has_so_many_connections_and_no_more(codec: Codec) -> None:
    async with stage(codec, limits=Limits(user_connections=2)) as here:
        first = await here.client("anna")
        await here.client("anna")
        third = here.peer()
        await third.tell("connect", token=token_for("anna"))
        assert third.closed == 3504
        await here.client("bert")
        first.leave()
        await here.client("anna")


async def test_a_channel_of_the_token_that_nobody_declared_is_error_102(codec: Codec) -> None:
    async with stage(codec, {"a": ChannelOptions(history=1)}) as here:
        peer = here.peer()
        assert await peer.refused("connect", token=token_for("anna", channels=["a", "b"])) == 102
        assert not peer.session.subscriptions
        assert not here.hub.node.rings.subscribers()


async def test_more_channels_in_the_token_than_a_connection_may_have_close_with_3505(codec: Codec) -> None:
    async with stage(codec, limits=Limits(subscriptions=2)) as here:
        peer = here.peer()
        await peer.tell("connect", token=token_for("anna", channels=["a", "b", "c"]))
        assert peer.closed == 3505
        await here.client(connect={"token": token_for("anna", channels=["a", "b"])})


async def test_the_channels_of_a_token_do_not_use_up_the_rate_of_the_client(codec: Codec) -> None:
    limits = Limits(subscribe_rate=0.001, subscribe_burst=1)
    async with stage(codec, limits=limits) as here:
        peer = here.peer()
        reply = await peer.get("connect", token=token_for("anna", channels=["a", "b", "c"]))
        assert set(reply["subs"]) == {"a", "b", "c"}
        await peer.get("subscribe", channel="d")
        assert await peer.refused("subscribe", channel="e") == 111


# -- hooks


async def test_the_hook_sees_what_the_client_says_of_itself(codec: Codec) -> None:
    async with stage(codec, tokens=False) as here:
        seen: list[ConnectEvent] = []

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> str:
            seen.append(event)
            return "anna"

        peer = here.peer(headers={"x-a": "b"})
        await peer.get(
            "connect",
            token="of their own kind",
            data={"a": [1]},
            name="js",
            version="5",
            headers={"X-Emulated": "1"},
            subs={"news": {"recover": True, "epoch": "e", "offset": 1}},
        )
        (event,) = seen
        assert event.client == Client(peer.id, "", "websocket", "127.0.0.1", protocol=codec.name)
        assert (event.token, event.data, event.name, event.version) == (
            "of their own kind",
            {"a": [1]},
            "js",
            "5",
        )
        assert (event.channels, event.emulated_headers) == (("news",), {"X-Emulated": "1"})
        assert (event.headers, event.credential) == ({"x-a": "b"}, False)
        assert peer.session.grant.user == "anna"


async def test_a_hook_gives_data_channels_and_meta(codec: Codec) -> None:
    async with stage(codec, tokens=False) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            subs = {
                "quiet": ServerSubscription(data=b'"hello"', override=Override(force_recovery=False)),
                "news": ServerSubscription(info=b'{"a":1}'),
            }
            return Welcome("anna", data=b'{"b":2}', channels=("plain", "news"), meta={"c": 3}, subs=subs)

        peer = here.peer()
        reply = await peer.get("connect")
        assert reply["data"] == {"b": 2}
        assert set(reply["subs"]) == {"plain", "quiet", "news"}
        assert reply["subs"]["quiet"]["data"] == "hello"
        assert "recoverable" not in reply["subs"]["quiet"]
        assert reply["subs"]["plain"]["recoverable"]
        admission = peer.session.subscriptions["news"].admission
        assert admission is not None
        assert admission.info == b'{"a":1}'
        assert peer.session.about.meta == {"c": 3}


async def test_a_hook_that_grants_what_has_expired_is_error_110(codec: Codec, clock: Clock) -> None:
    async with stage(codec, tokens=False) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            return Grant(expires_at=clock.now)

        assert await here.peer().refused("connect") == 110


async def test_a_hooks_error_is_the_reply_and_its_disconnect_the_close(codec: Codec) -> None:
    async with stage(codec, tokens=False) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> None:
            raise event.data if isinstance(event.data, Exception) else _errors[event.data]

        _errors: dict[str, Exception] = {
            "error": ClientError("not you", code=1000),
            "disconnect": Disconnect(4500, "go away"),
            "bug": RuntimeError("a bug"),
        }
        peer = here.peer()
        assert await peer.ask("connect", data="error") == {"error": {"code": 1000, "message": "not you"}}
        peer = here.peer()
        await peer.tell("connect", data="disconnect")
        assert peer.outlet.closing == (4500, "go away")
        assert await here.peer().refused("connect", data="bug") == 100
        assert here.hub.counters.hook_errors == 1


async def test_a_long_reason_of_a_hook_is_cut_to_what_a_close_frame_holds(codec: Codec) -> None:
    async with stage(codec, tokens=False) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> None:
            raise Disconnect(4500, "ä" * 100)

        peer = here.peer()
        await peer.tell("connect")
        assert peer.outlet.closing == (4500, "ä" * 61)


async def test_a_hook_that_returns_nonsense_is_error_100_and_the_connection_of_no_use(
    codec: Codec, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(codec, tokens=False) as here:

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> int:
            return 7

        peer = here.peer()
        assert await peer.refused("connect") == 100
        await peer.tell("subscribe", channel="a")
        assert len(peer.said) == 1
        assert "a Grant, a user id or None" in caplog.text
        here.hub.counters.session_errors = 0  # it was counted, and logged


async def test_who_leaves_while_the_hook_thinks_leaves_nothing_behind(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(presence=True)}, tokens=False) as here:
        think = asyncio.Event()

        @here.hub.on_connect
        async def connect(event: ConnectEvent) -> Grant:
            await think.wait()
            return Grant("anna", channels=("a",))

        peer = here.peer()
        task = asyncio.create_task(peer.tell("connect"))
        await turns()
        peer.leave()
        think.set()
        await task
        await turns()
        assert peer.said == []
        here.nothing_left()
        assert await here.hub.presence("a") == {}
