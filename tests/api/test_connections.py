"""The server API's methods about connections, and what the clients of these are told."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gapless import ChannelOptions, Hub
from gapless.api import BadBody, call
from gapless.protocol.centrifuge.codecs import Codec

from ..support.centrifuge.stage import stage
from ..support.clock import Clock
from ..support.until import turns

pytestmark = pytest.mark.anyio

MEMBERS = {"*": ChannelOptions(history=10, presence=True)}


async def api(hub: Hub, method: str, /, **said: Any) -> Any:
    """The whole answer."""
    answer = await call(hub, method, json.dumps(said).encode())
    assert answer is not None
    return json.loads(answer)


async def done(hub: Hub, method: str, /, **said: Any) -> None:
    """The call succeeds and has nothing to say."""
    assert await api(hub, method, **said) == {"result": {}}


async def refused(hub: Hub, method: str, /, **said: Any) -> int:
    answer = await api(hub, method, **said)
    assert list(answer) == ["error"], answer
    code: int = answer["error"]["code"]
    return code


def encoded(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


# -- subscribe


async def test_subscribe_reaches_the_connections_of_a_user(codec: Codec) -> None:
    async with stage(codec, MEMBERS) as here:
        anna, other, bert = await here.client("anna"), await here.client("anna"), await here.client("bert")
        await done(here.hub, "subscribe", user="anna", channel="a", info={"x": 1}, data={"y": 2})
        for peer in (anna, other):
            assert peer.of("a", "subscribe")[0]["data"] == {"y": 2}
            assert (await here.hub.presence("a"))[peer.id].chan_info == b'{"x": 1}'
        assert bert.said == []
        await done(here.hub, "subscribe", user="anna", channel="a")
        assert len(anna.said) == 1, "left alone"
        await here.publish("a", 1)
        assert (anna.data("a"), other.data("a")) == ([1], [1])


async def test_subscribe_may_name_a_client_or_a_session(codec: Codec) -> None:
    async with stage(codec, MEMBERS) as here:
        first, second = await here.client("anna"), await here.client("anna", secret="hush")
        await done(here.hub, "subscribe", user="anna", channel="a", client=first.id)
        await done(here.hub, "subscribe", user="anna", channel="b", session="hush")
        await done(here.hub, "subscribe", user="nobody", channel="c")
        assert (set(first.session.subscriptions), set(second.session.subscriptions)) == ({"a"}, {"b"})


async def test_subscribe_takes_base64_which_wins(codec: Codec) -> None:
    async with stage(codec, MEMBERS) as here:
        peer = await here.client("anna")
        said = {"info": 0, "b64info": encoded({"x": 1}), "data": 0, "b64data": encoded([2])}
        await done(here.hub, "subscribe", user="anna", channel="a", **said)
        assert peer.of("a", "subscribe")[0]["data"] == [2]
        assert (await here.hub.presence("a"))[peer.id].chan_info == b'{"x": 1}'
        assert await refused(here.hub, "subscribe", user="anna", channel="b", b64data="!") == 107
        assert await refused(here.hub, "subscribe", user="anna", channel="b", b64info="bm8ganNvbg==") == 107
        assert set(peer.session.subscriptions) == {"a"}


async def test_subscribe_recovers_since_a_position(codec: Codec) -> None:
    async with stage(codec, MEMBERS) as here:
        peer = await here.client("anna")
        at = await here.publish("a", 1)
        assert at is not None
        await here.publish("a", 2, 3)
        since = {"offset": at.offset, "epoch": at.epoch}
        await done(here.hub, "subscribe", user="anna", channel="a", recover_since=since)
        assert peer.data("a") == [2, 3]


async def test_subscribe_overrides_options_for_these_seats(codec: Codec) -> None:
    async with stage(codec, MEMBERS) as here:
        peer = await here.client("anna")
        override = {"presence": {"value": False}, "force_recovery": {"value": False}, "unknown": {"value": 1}}
        await done(here.hub, "subscribe", user="anna", channel="a", override=override)
        assert "recoverable" not in peer.of("a", "subscribe")[0]
        assert await here.hub.presence("a") == {}
        for wrong in ({"presence": True}, {"presence": {"value": 1}}):
            with pytest.raises(BadBody, match="override is"):
                await api(here.hub, "subscribe", user="anna", channel="b", override=wrong)
        with pytest.raises(BadBody, match="override is an object"):
            await api(here.hub, "subscribe", user="anna", channel="b", override=[])


async def test_subscribe_lasts_until_a_time(codec: Codec, clock: Clock) -> None:
    async with stage(codec, MEMBERS) as here:
        peer = await here.client("anna")
        await done(here.hub, "subscribe", user="anna", channel="a", expire_at=int(clock.now) + 60)
        await done(here.hub, "subscribe", user="anna", channel="b", expire_at=0)
        assert await refused(here.hub, "subscribe", user="anna", channel="c", expire_at=1) == 110
        clock.move(60)
        peer.later(1)
        await turns()
        assert peer.closed == 3006


async def test_subscribe_to_what_cannot_be_is_refused(codec: Codec) -> None:
    async with stage(codec, {"a": ChannelOptions()}) as here:
        await here.client("anna")
        assert await refused(here.hub, "subscribe", user="anna") == 107
        assert await refused(here.hub, "subscribe", user="anna", channel="b") == 102


# -- unsubscribe


async def test_unsubscribe_ends_one_channel_or_all(codec: Codec) -> None:
    async with stage(codec, MEMBERS) as here:
        first, second = await here.client("anna"), await here.client("anna", secret="hush")
        for peer in (first, second):
            for channel in ("a", "b", "c"):
                await peer.get("subscribe", channel=channel)
        await done(here.hub, "unsubscribe", user="anna", channel="a")
        await done(here.hub, "unsubscribe", user="anna", channel="b", client=first.id)
        await done(here.hub, "unsubscribe", user="anna", channel="c", session="hush")
        assert (set(first.session.subscriptions), set(second.session.subscriptions)) == ({"c"}, {"b"})
        assert first.of("a", "unsubscribe") == [{"code": 2000, "reason": "server unsubscribe"}]
        await done(here.hub, "unsubscribe", user="anna")
        assert not first.session.subscriptions
        assert not second.session.subscriptions
        await done(here.hub, "unsubscribe", user="nobody", channel="a")


async def test_unsubscribe_from_what_nobody_declared_is_error_102(codec: Codec) -> None:
    async with stage(codec, {"a": ChannelOptions()}) as here:
        assert await refused(here.hub, "unsubscribe", user="anna", channel="b") == 102


# -- disconnect


async def test_disconnect_may_name_a_session_and_spare_others(codec: Codec) -> None:
    async with stage(codec, MEMBERS) as here:
        first, second = await here.client("anna"), await here.client("anna", secret="hush")
        third = await here.client("anna")
        how = {"code": 4000, "reason": "go"}
        await done(here.hub, "disconnect", user="anna", session="hush", disconnect=how)
        assert second.outlet.closing == (4000, "go")
        await done(here.hub, "disconnect", user="anna", whitelist=[third.id])
        assert (first.closed, third.closed) == (3503, None)
        await done(here.hub, "disconnect", session="hush")
        await done(here.hub, "disconnect", client=third.id)
        assert third.closed == 3503


# -- refresh


async def test_refresh_sets_another_expiry_and_tells_it(codec: Codec, clock: Clock) -> None:
    async with stage(codec, MEMBERS) as here:
        peer = await here.client("anna")
        await peer.get("subscribe", channel="a")
        peer.forget()
        await done(here.hub, "refresh", user="anna", expire_at=int(clock.now) + 90, info={"new": True})
        assert peer.pushes == [{"refresh": {"expires": True, "ttl": 90}}]
        assert here.hub.node.members["a", peer.id].conn_info == b'{"new": true}'
        await done(here.hub, "refresh", user="anna", client="somebody else", expired=True)
        assert peer.closed is None
        await done(here.hub, "refresh", user="anna", expire_at=0)
        clock.move(1000)
        peer.later(1)
        await turns()
        assert peer.closed is None, "0 is never"
        await done(here.hub, "refresh", user="anna", expired=True)
        assert peer.closed == 3005


# -- publications of the API, as clients see them


async def test_publish_with_delta_is_patched_for_who_negotiated_it(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(history=10, delta=True)}) as here:
        peer = await here.client()
        peer.delta = True
        await peer.get("subscribe", channel="a", delta="fossil")
        for number, wanted in enumerate((True, True, False)):
            said = {"data": ["x" * 100, number], "delta": wanted}
            await api(here.hub, "publish", channel="a", **said)
            await api(here.hub, "broadcast", channels=["a"], **said)
            await turns()
        assert [publication.get("delta", False) for publication in peer.of("a")] == [
            False,
            True,
            True,
            True,
            False,
            False,
        ]


async def test_what_an_own_method_returns_and_is_no_json_is_error_100(
    codec: Codec, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(codec) as here:

        @here.hub.on_api_rpc("bad")
        async def bad(params: Any) -> Any:
            return object()

        assert await refused(here.hub, "rpc", method="bad") == 100
        assert here.hub.counters.hook_errors == 1
        assert "is no JSON" in caplog.text
        answer = await api(here.hub, "batch", commands=[{"rpc": {"method": "bad"}}, {"channels": {}}])
        assert answer["replies"][0]["error"]["code"] == 100
        assert answer["replies"][1] == {"channels": {"channels": {}}}
