"""What a back end is asked and what its results do, through a session (Centrifugo's proxy contract)."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from gapless import ChannelOptions
from gapless.protocol.centrifuge.codecs import Codec
from gapless.proxy.proxy import Proxies

from ..support.centrifuge.stage import ticket_for, token_for
from ..support.clock import Clock
from ..support.until import turns, until
from .back_end import back_end, proxied

pytestmark = pytest.mark.anyio

MEMBERS = {"*": ChannelOptions(history=10, presence=True)}


def encoded(value: Any) -> str:
    return base64.b64encode(orjson.dumps(value)).decode()


# -- connect


async def test_connect_says_all_there_is_to_say_and_nothing_else(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/connect"] = {"result": {"user": "anna"}}
        async with proxied(codec, Proxies(connect=back.at("/connect"))) as here:
            peer = here.peer()
            await peer.get("connect", data={"a": [1]}, name="js", version="5", subs={"b": {}, "c": {}})
            about = {
                "client": peer.id,
                "transport": "websocket",
                "protocol": codec.name,
                "encoding": "json",
            }
            body = back.last().body
            assert sorted(body.pop("channels")) == ["b", "c"]  # a map has no order in Protobuf
            assert body == about | {"data": {"a": [1]}, "name": "js", "version": "5"}
            assert peer.session.grant.user == "anna"
            await here.client()
            assert set(back.last().body) == set(about)


async def test_what_connect_answers_becomes_the_connection(codec: Codec, clock: Clock) -> None:
    async with back_end() as back:
        back.answers["/connect"] = {
            "result": {
                "user": "anna",
                "expire_at": int(clock.now) + 60,
                "info": {"mood": "good"},
                "data": {"welcome": True},
                "channels": ["plain"],
                "subs": {
                    "rich": {"info": {"x": 1}, "data": {"y": 2}, "expire_at": int(clock.now) + 60},
                    "coded": {"b64info": encoded({"x": 3}), "b64data": encoded({"y": 4})},
                    "quiet": {"override": {"force_recovery": {"value": False}, "presence": {"value": False}}},
                },
                "meta": {"tenant": 7},
            }
        }
        async with proxied(codec, Proxies(connect=back.at("/connect")), MEMBERS) as here:
            peer = here.peer()
            reply = await peer.get("connect")
            assert reply["data"] == {"welcome": True}
            assert "expires" not in reply, "no token could refresh it"
            assert set(reply["subs"]) == {"plain", "rich", "coded", "quiet"}
            assert (reply["subs"]["rich"]["data"], reply["subs"]["coded"]["data"]) == ({"y": 2}, {"y": 4})
            assert "recoverable" not in reply["subs"]["quiet"]
            members = here.hub.node.members
            assert members["plain", peer.id].conn_info == b'{"mood":"good"}'
            assert members["rich", peer.id].chan_info == b'{"x":1}'
            assert members["coded", peer.id].chan_info == b'{"x":3}'
            assert ("quiet", peer.id) not in members
            assert peer.session.about.meta == {"tenant": 7}
            admission = peer.session.subscriptions["rich"].admission
            assert admission is not None
            assert admission.expires_at == clock.now + 60


async def test_payloads_may_travel_as_base64(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/connect"] = {
            "result": {"user": "a", "b64data": encoded([1]), "b64info": encoded({"i": 1}), "data": "loses"}
        }
        async with proxied(
            codec, Proxies(connect=back.at("/connect", binary_encoding=True)), MEMBERS
        ) as here:
            peer = here.peer()
            reply = await peer.get("connect", data={"a": "ü"})
            body = back.last().body
            assert body["encoding"] == "binary"
            assert (orjson.loads(base64.b64decode(body["b64data"])), "data" in body) == ({"a": "ü"}, False)
            assert reply["data"] == [1]
            assert peer.session.grant.info == b'{"i":1}'


async def test_a_connect_without_a_result_has_no_credentials(codec: Codec) -> None:
    async with back_end() as back:
        async with proxied(codec, Proxies(connect=back.at("/connect"))) as here:
            for answer in ({}, {"result": None}):
                back.answers["/connect"] = answer
                peer = here.peer()
                await peer.tell("connect")
                assert peer.closed == 3501
            back.answers["/connect"] = {"result": {}}
            assert (await here.client()).session.grant.user == "", "accepted, and anonymous"


async def test_a_token_is_not_a_matter_for_the_back_end(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/connect"] = {"result": {"user": "by the back end"}}
        async with proxied(codec, Proxies(connect=back.at("/connect")), tokens=True) as here:
            assert (await here.client("anna")).session.grant.user == "anna"
            assert not back.asked
            assert (await here.client()).session.grant.user == "by the back end"


async def test_a_connection_that_expired_before_it_began_is_error_110(codec: Codec, clock: Clock) -> None:
    async with back_end() as back:
        async with proxied(codec, Proxies(connect=back.at("/connect"))) as here:
            for answer in ({"user": "a", "expire_at": int(clock.now)}, {"subs": {"a": {"expire_at": 1}}}):
                back.answers["/connect"] = {"result": answer}
                peer = here.peer()
                assert await peer.refused("connect") == 110
                assert not here.hub.node.rings.subscribers()


async def test_a_channel_that_nobody_declared_is_error_102(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/connect"] = {"result": {"channels": ["b"]}}
        async with proxied(codec, Proxies(connect=back.at("/connect")), {"a": ChannelOptions()}) as here:
            assert await here.peer().refused("connect") == 102


# -- refresh


async def test_refresh_prolongs_with_new_info_and_meta(codec: Codec, clock: Clock) -> None:
    async with back_end() as back:
        back.answers["/connect"] = {"result": {"user": "anna", "expire_at": int(clock.now) + 60}}
        back.answers["/refresh"] = {
            "result": {"expire_at": int(clock.now) + 500, "info": {"new": 1}, "meta": {"m": 2}}
        }
        proxies = Proxies(connect=back.at("/connect"), refresh=back.at("/refresh"))
        async with proxied(codec, proxies) as here:
            peer = here.peer()
            assert "expires" not in await peer.get("connect"), "the server refreshes"
            clock.move(60)
            peer.later(1)
            await until(lambda: len(back.asked) == 2)
            await until(lambda: peer.session.grant.info is not None)
            assert back.last().path == "/refresh"
            assert back.last().body == {
                "client": peer.id,
                "transport": "websocket",
                "protocol": codec.name,
                "encoding": "json",
                "user": "anna",
            }
            assert peer.session.grant.expires_at == clock.now + 440
            assert (peer.session.grant.info, peer.session.about.meta) == (b'{"new":1}', {"m": 2})
            back.answers["/refresh"] = {"result": {"expired": True}}
            clock.move(440)
            peer.later(1)
            await until(lambda: peer.closed is not None)
            assert peer.closed == 3005


async def test_a_refresh_without_a_time_goes_on_without_end(codec: Codec, clock: Clock) -> None:
    async with back_end() as back:
        back.answers["/connect"] = {"result": {"expire_at": int(clock.now) + 60}}
        back.answers["/refresh"] = {"result": {}}
        proxies = Proxies(connect=back.at("/connect"), refresh=back.at("/refresh"))
        async with proxied(codec, proxies) as here:
            peer = await here.client()
            clock.move(60)
            peer.later(1)
            await until(lambda: peer.session.grant.expires_at is None)
            assert peer.closed is None


async def test_only_sub_refresh_leaves_the_refreshing_of_connections_to_their_tokens(
    codec: Codec, clock: Clock
) -> None:
    async with back_end() as back:
        async with proxied(codec, Proxies(sub_refresh=back.at("/sub_refresh")), tokens=True) as here:
            peer = here.peer()
            reply = await peer.get("connect", token=token_for("a", expires_in=60, now=clock.now))
            assert (reply["expires"], reply["ttl"]) == (True, 60)
            await peer.get("refresh", token=token_for("a", expires_in=60, now=clock.now))
            assert not back.asked


# -- subscribe and sub_refresh


async def test_subscribe_asks_and_seats(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/subscribe"] = {
            "result": {
                "info": {"x": 1},
                "data": {"y": 2},
                "override": {"force_recovery": {"value": False}},
            }
        }
        async with proxied(codec, Proxies(subscribe=back.at("/subscribe")), MEMBERS) as here:
            peer = await here.client()
            reply = await peer.get("subscribe", channel="a", token="theirs", data={"z": 3})
            assert back.last().body == {
                "client": peer.id,
                "transport": "websocket",
                "protocol": codec.name,
                "encoding": "json",
                "channel": "a",
                "token": "theirs",
                "data": {"z": 3},
            }
            assert reply["data"] == {"y": 2}
            assert "recoverable" not in reply
            assert (await here.hub.presence("a"))[peer.id].chan_info == b'{"x":1}'
            back.answers["/subscribe"] = {"result": {}}
            assert (await peer.get("subscribe", channel="b"))["recoverable"]
            assert not {"token", "data"} & set(back.last().body)


async def test_a_ticket_that_the_hub_verifies_is_not_a_matter_for_the_back_end(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/subscribe"] = {"error": {"code": 403, "message": "no"}}
        async with proxied(codec, Proxies(subscribe=back.at("/subscribe")), tokens=True) as here:
            peer = await here.client("anna")
            await peer.get("subscribe", channel="a", token=ticket_for("anna", "a"))
            assert not back.asked
            assert await peer.refused("subscribe", channel="b") == 403


async def test_sub_refresh_is_asked_when_a_seat_expires(codec: Codec, clock: Clock) -> None:
    async with back_end() as back:
        back.answers["/subscribe"] = {"result": {"expire_at": int(clock.now) + 60}}
        back.answers["/sub_refresh"] = {
            "result": {"expire_at": int(clock.now) + 200, "b64info": encoded([1])}
        }
        proxies = Proxies(
            subscribe=back.at("/subscribe"), sub_refresh=back.at("/sub_refresh", patterns=["a", "a*"])
        )
        async with proxied(codec, proxies, MEMBERS) as here:
            peer = await here.client()
            for channel in ("a", "other"):
                assert "expires" not in await peer.get("subscribe", channel=channel)
            clock.move(60)
            peer.later(1)
            seat = peer.session.subscriptions["a"]
            await until(lambda: seat.admission is not None and seat.admission.info is not None)
            assert [each.body["channel"] for each in back.asked if each.path == "/sub_refresh"] == ["a"]
            assert here.hub.node.members["a", peer.id].chan_info == b"[1]"
            assert [push["unsubscribe"]["code"] for push in peer.pushes] == [2501], (
                "the other was not asked for"
            )
            back.answers["/sub_refresh"] = {"result": {"expired": True}}
            clock.move(140)
            peer.later(1)
            await until(lambda: len(peer.pushes) == 2)
            assert peer.of("a", "unsubscribe") == [{"code": 2501, "reason": "subscription expired"}]


# -- publish


async def test_publish_asks_and_may_change_everything(codec: Codec) -> None:
    async with back_end() as back:
        async with proxied(codec, Proxies(publish=back.at("/publish"))) as here:
            peer = await here.client()
            await peer.get("subscribe", channel="a")

            async def publish(payload: Any, /, **result: Any) -> Any:
                back.answers["/publish"] = {"result": result}
                peer.forget()
                await peer.get("publish", channel="a", data=payload)
                await turns()
                return next(iter(peer.of("a")), None)

            first = await publish({"n": 1})
            assert back.last().body == {
                "client": peer.id,
                "transport": "websocket",
                "protocol": codec.name,
                "encoding": "json",
                "channel": "a",
                "data": {"n": 1},
            }
            assert (first["data"], first["offset"]) == ({"n": 1}, 1)
            assert (await publish(1, data={"other": True}))["data"] == {"other": True}
            assert (await publish(1, b64data=encoded("coded")))["data"] == "coded"
            assert (await publish(1, tags={"k": "v"}))["tags"] == {"k": "v"}
            assert "offset" not in await publish(1, skip_history=True)
            assert (await publish("once", idempotency_key="x"))["offset"] == 5
            assert await publish("twice", idempotency_key="x") is None
            assert (await publish("new", version=3))["offset"] == 6
            assert await publish("old", version=3) is None
            assert (await publish("again", version=3, version_epoch="e"))["offset"] == 7
            await publish(None)
            assert "data" in back.last().body
            assert back.last().body["data"] is None


async def test_a_publication_may_be_marked_for_delta(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/publish"] = {"result": {"delta": True}}
        options = {"*": ChannelOptions(history=5, delta=True)}
        async with proxied(codec, Proxies(publish=back.at("/publish")), options) as here:
            peer = await here.client()
            peer.delta = True
            await peer.get("subscribe", channel="a", delta="fossil")
            for number in range(3):
                await peer.get("publish", channel="a", data=["x" * 100, number])
                await turns()
            assert [each.get("delta", False) for each in peer.of("a")] == [False, True, True]


async def test_binary_encoding_moves_what_is_published(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/publish"] = {"result": {}}
        async with proxied(codec, Proxies(publish=back.at("/publish", binary_encoding=True))) as here:
            peer = await here.client()
            await peer.get("subscribe", channel="a")
            await peer.get("publish", channel="a", data={"n": 1})
            assert (back.last().body["b64data"], "data" in back.last().body) == (encoded({"n": 1}), False)


# -- rpc


async def test_rpc_asks_and_answers(codec: Codec) -> None:
    async with back_end() as back:
        proxies = Proxies(rpc=back.at("/rpc", patterns=["sum", "math:*"], include_connection_meta=True))
        async with proxied(codec, proxies, tokens=True) as here:
            peer = await here.client(connect={"token": token_for("anna", meta={"tenant": 7})})
            for result, wanted in (
                ({"data": {"sum": 3}}, {"sum": 3}),
                ({"b64data": encoded([1])}, [1]),
                ({}, None),
            ):
                back.answers["/rpc"] = {"result": result}
                assert await peer.get("rpc", method="sum", data=[1, 2]) == {"data": wanted}
            assert back.last().body == {
                "client": peer.id,
                "transport": "websocket",
                "protocol": codec.name,
                "encoding": "json",
                "user": "anna",
                "meta": {"tenant": 7},
                "method": "sum",
                "data": [1, 2],
            }
            assert await peer.get("rpc", method="math:pi") == {"data": None}
            assert "data" not in back.last().body
            assert await peer.refused("rpc", method="other") == 104


async def test_meta_is_kept_from_a_back_end_that_did_not_ask_for_it(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/rpc"] = {"result": {}}
        async with proxied(codec, Proxies(rpc=back.at("/rpc")), tokens=True) as here:
            peer = await here.client(connect={"token": token_for("anna", meta={"tenant": 7})})
            await peer.get("rpc", method="sum")
            assert "meta" not in back.last().body


async def test_without_an_rpc_proxy_it_is_error_108(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/connect"] = {"result": {}}
        async with proxied(codec, Proxies(connect=back.at("/connect"))) as here:
            assert await (await here.client()).refused("rpc", method="sum") == 108


async def test_patterns_that_overlap_ask_once(codec: Codec) -> None:
    async with back_end() as back:
        back.answers["/subscribe"] = {"result": {}}
        proxies = Proxies(subscribe=back.at("/subscribe", patterns=["chat:{room}", "chat:*", "*"]))
        async with proxied(codec, proxies) as here:
            peer = await here.client()
            for channel in ("chat:a", "chat:a:b", "news"):
                await peer.get("subscribe", channel=channel)
            assert [each.body["channel"] for each in back.asked] == ["chat:a", "chat:a:b", "news"]
