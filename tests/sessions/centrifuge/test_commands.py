"""Publishing, history, presence, joins and leaves (Centrifuge client protocol, version 2)."""

from __future__ import annotations

from typing import Any

import pytest

from gapless import ChannelOptions, ClientError, Limits, PublishEvent, Replace
from gapless.errors import BrokerError
from gapless.protocol.centrifuge.codecs import JSON, Codec

from ...support.broker import FakeBroker
from ...support.centrifuge.stage import stage, ticket_for, token_for
from ...support.until import turns

pytestmark = pytest.mark.anyio

CHAT = ChannelOptions(history=10, client_publish=True, presence=True, join_leave=True)


# -- publishing


async def test_a_publication_carries_who_published_it(codec: Codec) -> None:
    async with stage(codec, {"*": CHAT}) as here:
        reader = await here.client()
        await reader.get("subscribe", channel="a")
        peer = await here.client(connect={"token": token_for("anna", info={"x": 1})})
        await peer.get("subscribe", channel="a", token=ticket_for("anna", "a", info={"y": 2}))
        assert await peer.ask("publish", channel="a", data={"text": "hi"}) == {"publish": {}}
        await turns()
        info = {"user": "anna", "client": peer.id, "conn_info": {"x": 1}, "chan_info": {"y": 2}}
        for each in (reader, peer):
            assert each.of("a") == [{"data": {"text": "hi"}, "offset": 1, "info": info}]
        history = await reader.get("history", channel="a", limit=1)
        assert history["publications"][0]["info"] == info


@pytest.mark.parametrize("options", [ChannelOptions(), ChannelOptions(client_publish=True, anonymous=False)])
async def test_who_may_not_publish_is_refused_with_103(codec: Codec, options: ChannelOptions) -> None:
    async with stage(codec, {"*": options}) as here:
        peer = await here.client()
        await peer.ask("subscribe", channel="a")
        assert await peer.refused("publish", channel="a", data=1) == 103


async def test_publishing_needs_a_subscription_and_an_operator_does_not(codec: Codec) -> None:
    async with stage(codec, {"*": CHAT}) as here:
        peer = await here.client()
        assert await peer.refused("publish", channel="a", data=1) == 103
        operator = await here.client(operator=True)
        await operator.get("publish", channel="a", data=1)


async def test_a_publish_that_cannot_be_is_refused(codec: Codec) -> None:
    async with stage(codec, {"a": CHAT}, limits=Limits(client_payload_bytes=10)) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        assert await peer.refused("publish", channel="b", data=1) == 102
        assert await peer.refused("publish", channel="a") == 107
        assert await peer.refused("publish", channel="a", data="x" * 9) == 107
        assert await peer.refused("publish", channel="a\n", data=1) == 107
        assert await peer.refused("publish", channel="a", data=1, type=1) == 103
        await peer.get("publish", channel="a", data="x" * 8)


async def test_invalid_json_is_refused_and_published_nowhere() -> None:
    async with stage(JSON, {"*": CHAT}) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        for text in ("{bad", "NaN", '"\\ud800"', "01", "1e999", "{\\u0000:1}"):
            other = await here.client()
            await other.get("subscribe", channel="a")
            other.forget()
            await other.text('{"id":7,"publish":{"channel":"a","data":' + text + "}}")
            assert other.closed == 3501 or other.reply(7)["error"]["code"] == 107, text
        await turns()
        assert peer.of("a") == []


async def test_null_is_a_payload(codec: Codec) -> None:
    async with stage(codec, {"*": CHAT}) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        await peer.get("publish", channel="a", data=None)
        await turns()
        assert peer.of("a")[0]["data"] is None


async def test_a_broker_that_refuses_is_error_100(codec: Codec) -> None:
    broker = FakeBroker()
    broker.refuses["a"] = BrokerError("full")
    async with stage(codec, {"*": CHAT}, broker=broker) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        reply = await peer.ask("publish", channel="a", data=1)
        assert (reply["error"]["code"], reply["error"]["temporary"]) == (100, True)
        assert peer.closed is None


async def test_a_hook_that_guards_publishing_allows_refuses_and_replaces(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(history=10)}) as here:

        @here.hub.on_publish("a")
        async def publish(event: PublishEvent) -> Any:
            match event.data:
                case "refuse":
                    raise ClientError("no", code=1001)
                case "replace":
                    return Replace({"instead": 1}, tags={"k": "v"})
                case "hide":
                    return Replace(event.data, skip_history=True)
                case "once":
                    return Replace(event.data, idempotency_key="key")
                case "versioned":
                    return Replace(event.data, version=5)
                case "bad tags":
                    return Replace(event.data, tags={"k": 1})  # type: ignore[dict-item]
                case "huge":
                    return Replace("x" * 600_000)
            return None

        peer = await here.client()
        await peer.get("subscribe", channel="a")
        assert await peer.refused("publish", channel="a", data="refuse") == 1001
        for data in ("plain", "replace", "hide", "once", "once", "versioned", "versioned"):
            await peer.get("publish", channel="a", data=data)
        assert await peer.refused("publish", channel="a", data="bad tags") == 107
        assert await peer.refused("publish", channel="a", data="huge") == 107
        await turns()
        assert [(each["data"], each.get("offset"), each.get("tags")) for each in peer.of("a")] == [
            ("plain", 1, None),
            ({"instead": 1}, 2, {"k": "v"}),
            ("hide", None, None),
            ("once", 3, None),
            ("versioned", 4, None),
        ]


async def test_what_the_hook_does_not_touch_stays_as_it_was_written() -> None:
    async with stage(JSON, {"*": ChannelOptions(history=10)}) as here:

        @here.hub.on_publish
        async def publish(event: PublishEvent) -> Replace:
            return Replace(event.data, tags={"k": "v"})

        peer = await here.client()
        await peer.get("subscribe", channel="a")
        await peer.session.handle('{"id":7,"publish":{"channel":"a","data":{"n":1.50,"e":1E2}}}')
        await turns()
        (publication,) = (await here.hub.history("a")).publications
        assert publication.payload == b'{"n":1.50,"e":1E2}'


async def test_a_hook_that_replaces_by_what_is_no_json_is_error_100(
    codec: Codec, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(codec, {"*": ChannelOptions(history=10)}) as here:

        @here.hub.on_publish
        async def publish(event: PublishEvent) -> Replace:
            return Replace({"a": object()})

        peer = await here.client()
        await peer.get("subscribe", channel="a")
        assert await peer.refused("publish", channel="a", data=1) == 100
        assert peer.closed is None
        assert "cannot be published as JSON" in caplog.text
        here.hub.counters.session_errors = 0  # it was counted, and logged


# -- history


async def test_history_reads_pages_in_both_directions(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(history=6)}) as here:
        peer = await here.client()
        top = await here.publish("a", *range(1, 11))
        assert top is not None
        await peer.get("subscribe", channel="a")

        async def read(**asked: Any) -> list[int]:
            result = await peer.get("history", channel="a", **asked)
            assert (result["epoch"], result["offset"]) == top[::-1]
            return [each["offset"] for each in result.get("publications", [])]

        def at(offset: int, epoch: str = top.epoch) -> dict[str, Any]:
            return {"since": {"offset": offset, "epoch": epoch}}

        assert await read() == []
        assert await read(limit=2) == [5, 6]
        assert await read(limit=-1) == [5, 6, 7, 8, 9, 10]
        assert await read(limit=2, reverse=True) == [10, 9]
        assert await read(limit=-1, **at(8)) == [9, 10]
        assert await read(limit=1, **at(8, "")) == [9], "an empty epoch skips the comparison"
        assert await read(limit=2, reverse=True, **at(8)) == [7, 6]
        assert await read(limit=-1, **at(10)) == []
        assert await read(limit=2, **at(0)) == [5, 6]


async def test_history_that_cannot_be_read_is_refused(codec: Codec) -> None:
    channels = {
        "a": ChannelOptions(history=5),
        "none": ChannelOptions(),
        "closed": ChannelOptions(history=5, client_history=False),
    }
    async with stage(codec, channels) as here:
        peer = await here.client()
        assert await peer.refused("history", channel="a") == 103, "not subscribed"
        for name in channels:
            await peer.get("subscribe", channel=name)
        assert await peer.refused("history", channel="other") == 102
        assert await peer.refused("history", channel="none") == 108
        assert await peer.refused("history", channel="closed") == 103
        elsewhere = {"offset": 0, "epoch": "another"}
        assert await peer.refused("history", channel="a", limit=1, since=elsewhere) == 112
        nowhere = {"offset": 0, "epoch": ""}
        assert await peer.refused("history", channel="a", reverse=True, since=nowhere) == 107


async def test_a_history_reply_is_bounded(codec: Codec) -> None:
    limits = Limits(history_publications=3, recovery_bytes=100)
    async with stage(codec, limits=limits) as here:
        peer = await here.client()
        await here.publish("a", *range(10))
        await here.publish("b", "x" * 60, "y" * 60)
        for name in ("a", "b"):
            await peer.get("subscribe", channel=name)
        for limit in (-1, 7):
            assert len((await peer.get("history", channel="a", limit=limit))["publications"]) == 3
        assert len((await peer.get("history", channel="b", limit=-1))["publications"]) == 1


async def test_a_history_reply_that_was_cut_is_gone_on_from_until_it_reaches_the_top(codec: Codec) -> None:
    """The protocol has no field for that; a reply's own offset tells which page is not the last."""
    async with stage(codec, limits=Limits(history_publications=100, recovery_bytes=100)) as here:
        peer = await here.client()
        await here.publish("a", *("x" * 40 for _ in range(7)))
        await peer.get("subscribe", channel="a")
        pages: list[list[int]] = []
        since: dict[str, Any] = {}
        while len(pages) < 7:
            page = await peer.get("history", channel="a", limit=-1, **since)
            pages.append([each["offset"] for each in page["publications"]])
            if pages[-1][-1] == page["offset"]:
                break
            since = {"since": {"offset": pages[-1][-1], "epoch": page["epoch"]}}
        assert pages == [[1, 2], [3, 4], [5, 6], [7]]


# -- presence


async def test_presence_contains_the_caller_once_its_reply_is_out(codec: Codec) -> None:
    async with stage(codec, {"*": CHAT}) as here:
        peer = here.peer()
        await peer.frame(
            {"id": 1, "connect": {"token": token_for("anna", info={"x": 1})}},
            {"id": 2, "subscribe": {"channel": "a", "token": ticket_for("anna", "a", info=[2])}},
            {"id": 3, "presence": {"channel": "a"}},
            {"id": 4, "presence_stats": {"channel": "a"}},
        )
        member = {"user": "anna", "client": peer.id, "conn_info": {"x": 1}, "chan_info": [2]}
        assert peer.reply(3) == {"presence": {"presence": {peer.id: member}}}
        assert peer.reply(4) == {"presence_stats": {"num_clients": 1, "num_users": 1}}
        second = await here.client("anna")
        await second.get("subscribe", channel="a")
        stats = await second.get("presence_stats", channel="a")
        assert stats == {"num_clients": 2, "num_users": 1}
        await peer.get("unsubscribe", channel="a")
        await turns()
        assert set((await second.get("presence", channel="a"))["presence"]) == {second.id}
        second.leave()
        await turns()
        assert await here.hub.presence("a") == {}


async def test_presence_that_cannot_be_read_is_refused(codec: Codec) -> None:
    channels = {
        "a": CHAT,
        "none": ChannelOptions(),
        "closed": ChannelOptions(presence=True, client_presence=False),
    }
    async with stage(codec, channels) as here:
        peer = await here.client()
        for command in ("presence", "presence_stats"):
            assert await peer.refused(command, channel="a") == 103, "not subscribed"
        for name in channels:
            await peer.get("subscribe", channel=name)
        for command in ("presence", "presence_stats"):
            assert await peer.refused(command, channel="other") == 102
            assert await peer.refused(command, channel="none") == 108
            assert await peer.refused(command, channel="closed") == 103


async def test_a_presence_reply_is_bounded_and_the_numbers_are_not(codec: Codec) -> None:
    async with stage(codec, {"*": CHAT}, limits=Limits(presence_members=2)) as here:
        for number in range(3):
            peer = await here.client(str(number))
            await peer.get("subscribe", channel="a")
        assert await peer.refused("presence", channel="a") == 106
        assert await peer.get("presence_stats", channel="a") == {"num_clients": 3, "num_users": 3}


async def test_what_a_member_says_of_itself_is_bounded(codec: Codec) -> None:
    async with stage(codec, {"*": CHAT}) as here:
        peer = await here.client(connect={"token": token_for("anna", info="x" * 600)})
        await peer.get("subscribe", channel="a")
        ticket = ticket_for("anna", "b", info="x" * 600)
        assert await peer.refused("subscribe", channel="b", token=ticket) == 107
        await turns()
        assert await here.hub.presence("b") == {}


# -- joins and leaves


async def test_joins_and_leaves_are_pushed_to_who_asks_for_them(codec: Codec) -> None:
    async with stage(codec, {"*": CHAT}) as here:
        asking, silent = await here.client("anna"), await here.client()
        await asking.get("subscribe", channel="a", join_leave=True)
        await silent.get("subscribe", channel="a")
        peer = await here.client("bert")
        await peer.get("subscribe", channel="a", join_leave=True)
        await turns()
        await peer.get("unsubscribe", channel="a")
        await turns()
        who = {"user": "bert", "client": peer.id}
        assert asking.of("a", "join")[-1] == {"info": who}
        assert asking.of("a", "leave") == [{"info": who}]
        assert peer.of("a", "join") == [{"info": who}], "its own"
        assert peer.of("a", "leave") == [], "not its own"
        assert silent.pushes == []


async def test_ones_own_join_comes_right_behind_the_reply(codec: Codec) -> None:
    options = ChannelOptions(history=5, presence=True, join_leave=True, force_push_join_leave=True)
    async with stage(codec, {"*": options}) as here:
        peer = await here.client()
        await here.publish("a", 1)
        await peer.get("subscribe", channel="a", recover=True)
        await turns()
        assert [list(message) for message in peer.said] == [["id", "subscribe"], ["push"]]
        assert len(peer.of("a", "join")) == 1
        bare = here.peer(bare=True)
        await bare.tell("connect", token=token_for("anna", channels=["a"]))
        await turns()
        assert [list(message)[-1] for message in bare.said] == ["connect", "join"]


async def test_where_joins_are_off_nobody_gets_them(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(presence=True)}) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a", join_leave=True)
        other = await here.client()
        await other.get("subscribe", channel="a")
        other.leave()
        await turns()
        assert peer.pushes == []


async def test_who_comes_and_goes_often_joins_before_it_leaves(codec: Codec) -> None:
    async with stage(codec, {"*": CHAT}) as here:
        watcher = await here.client()
        await watcher.get("subscribe", channel="a", join_leave=True)
        await turns()
        watcher.forget()
        peer = await here.client("anna")
        for _ in range(5):
            await peer.frame(
                {"id": 91, "subscribe": {"channel": "a"}},
                {"id": 92, "unsubscribe": {"channel": "a"}},
            )
        await turns(50)
        kinds = [list(push)[1] for push in watcher.pushes]
        assert kinds == ["join", "leave"] * 5
