"""Hooks of the application, as clients of the Centrifuge doors reach them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import ChannelOptions, ClientError, Disconnect, DisconnectEvent
from gapless.hooks.events import ChannelEvent, MessageEvent, RpcEvent, UnsubscribeEvent
from gapless.protocol.centrifuge.codecs import Codec

from ...support.centrifuge.stage import stage
from ...support.until import turns

pytestmark = pytest.mark.anyio


async def test_rpc_without_any_hook_is_error_108_and_of_an_unknown_method_104(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        assert await peer.refused("rpc", method="sum", data=1) == 108

        @here.hub.on_rpc("math:{name}")
        async def rpc(event: RpcEvent, name: str) -> Any:
            return {"name": name, "user": event.client.user, "data": event.data}

        assert await peer.refused("rpc", method="sum") == 104
        assert await peer.refused("rpc", method="other:sum") == 104
        result = await peer.get("rpc", method="math:sum", data=[1, 2])
        assert result == {"data": {"name": "sum", "user": "", "data": [1, 2]}}
        result = await peer.get("rpc", method="math:sum")
        assert result == {"data": {"name": "sum", "user": "", "data": None}}


async def test_an_rpc_has_a_result_also_when_there_is_nothing_to_say(codec: Codec) -> None:
    async with stage(codec) as here:

        @here.hub.on_rpc
        async def rpc(event: RpcEvent) -> None:
            return None

        peer = await here.client()
        assert await peer.ask("rpc", method="anything") == {"rpc": {"data": None}}


async def test_what_an_rpc_raises_is_its_answer(codec: Codec, caplog: pytest.LogCaptureFixture) -> None:
    async with stage(codec) as here:

        @here.hub.on_rpc
        async def rpc(event: RpcEvent) -> Any:
            match event.method:
                case "error":
                    raise ClientError("not so", code=999)
                case "bug":
                    raise ZeroDivisionError
                case "no json":
                    return object()
            raise Disconnect(4999, "as asked")

        peer = await here.client()
        assert await peer.ask("rpc", method="error") == {"error": {"code": 999, "message": "not so"}}
        assert await peer.refused("rpc", method="bug") == 100
        assert await peer.refused("rpc", method="no json") == 100
        assert peer.closed is None
        await peer.tell("rpc", method="disconnect")
        assert peer.outlet.closing == (4999, "as asked")
        assert "ZeroDivisionError" in caplog.text
        here.hub.counters.session_errors = 0  # what is no JSON was counted, and logged


async def test_a_message_has_no_reply(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        seen: list[Any] = []

        @here.hub.on_message
        async def message(event: MessageEvent) -> None:
            seen.append((event.client.user, event.data))
            if event.data == "error":
                raise ClientError("nobody hears it")
            if event.data == "bug":
                raise ZeroDivisionError
            if event.data == "disconnect":
                raise Disconnect(4000, "bye")

        await peer.frame({"send": {"data": 1}})
        for data in ("error", "bug", None):
            await peer.tell("send", data=data)
        assert (peer.said, peer.closed) == ([], None)
        await peer.tell("send", data="disconnect")
        assert peer.closed == 4000
        assert [data for _, data in seen] == [1, "error", "bug", None, "disconnect"]


async def test_a_message_that_nobody_takes_closes_with_3508(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        await peer.frame({"send": {"data": 1}})
        assert peer.closed == 3508


async def test_comings_and_goings_are_told_to_hooks(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(presence=True)}) as here:
        told: list[Any] = []

        @here.hub.on_unsubscribe("a")
        async def unsubscribe(event: UnsubscribeEvent) -> None:
            told.append(("unsubscribe", event.client.user))

        @here.hub.on_occupied("a")
        async def occupied(event: ChannelEvent) -> None:
            told.append(("occupied", event.channel))

        @here.hub.on_vacated("a")
        async def vacated(event: ChannelEvent) -> None:
            told.append(("vacated", event.channel))

        @here.hub.on_disconnect
        async def disconnect(event: DisconnectEvent) -> None:
            told.append(("disconnect", event.client.user, event.code))

        anna, bert = await here.client("anna"), await here.client("bert")
        for peer in (anna, bert):
            await peer.get("subscribe", channel="a")
            await peer.get("subscribe", channel="b")
        await turns()
        assert told == [("occupied", "a")]
        await anna.get("unsubscribe", channel="a")
        await turns()
        assert told[1:] == [("unsubscribe", "anna")]
        here.hub.disconnect(user="bert", code=4000)
        await turns()
        assert told[2:] == [("unsubscribe", "bert"), ("vacated", "a"), ("disconnect", "bert", 4000)]
        anna.leave()
        await turns()
        assert told[5:] == [("disconnect", "anna", 3000)]


async def test_commands_behind_a_slow_hook_keep_their_order(codec: Codec) -> None:
    async with stage(codec) as here:
        think = asyncio.Event()

        @here.hub.on_rpc
        async def rpc(event: RpcEvent) -> Any:
            await think.wait()
            return event.data

        peer = await here.client()
        task = asyncio.create_task(
            peer.frame(
                {"id": 1, "rpc": {"method": "m", "data": 1}},
                {"id": 2, "subscribe": {"channel": "a"}},
                {"id": 3, "rpc": {"method": "m", "data": 3}},
            )
        )
        await turns()
        assert peer.said == []
        think.set()
        await task
        assert [message["id"] for message in peer.said] == [1, 2, 3]


async def test_a_hook_that_answers_after_the_client_has_left_disturbs_nobody(codec: Codec) -> None:
    async with stage(codec) as here:
        think = asyncio.Event()

        @here.hub.on_rpc
        async def rpc(event: RpcEvent) -> Any:
            await think.wait()
            raise ClientError("too late")

        peer = await here.client()
        errors = here.hub.counters.client_errors
        task = asyncio.create_task(peer.tell("rpc", method="m"))
        await turns()
        peer.leave()
        think.set()
        await task
        assert (peer.said, peer.closed) == ([], None)
        assert here.hub.counters.client_errors == errors
        here.nothing_left()


async def test_headers_that_were_named_are_shown_to_later_hooks(codec: Codec) -> None:
    async with stage(codec) as here:
        here.hub.hooks.keep_headers(["Cookie"], emulated=["X-Token"])
        seen: list[Any] = []

        @here.hub.on_rpc
        async def rpc(event: RpcEvent) -> None:
            seen.append((event.client.headers, event.client.emulated_headers, event.client.protocol))

        peer = here.peer(headers={"cookie": "a=b", "x-other": "secret"})
        await peer.get("connect", headers={"x-token": "t", "cookie": "forged"})
        await peer.get("rpc", method="m")
        assert seen == [({"cookie": "a=b"}, {"x-token": "t"}, codec.name)]
