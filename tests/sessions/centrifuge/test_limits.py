"""Bounds and rates of one connection, and what happens at each."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import ChannelOptions, Limits
from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF, Codec

from ...support.centrifuge.stage import stage, ticket_for
from ...support.clock import Clock

pytestmark = pytest.mark.anyio

OPEN = {"*": ChannelOptions(history=5, presence=True, client_publish=True)}


async def test_the_channels_of_a_connection_are_bounded(codec: Codec) -> None:
    async with stage(codec, limits=Limits(subscriptions=2)) as here:
        peer = await here.client("anna")
        await peer.get("subscribe", channel="a")
        await here.hub.connections(user="anna").subscribe("b")
        assert await peer.refused("subscribe", channel="c") == 106
        await peer.get("unsubscribe", channel="a")
        await peer.get("subscribe", channel="c")


@pytest.mark.parametrize(
    ("limits", "command"),
    [
        (Limits(subscribe_rate=0.001, subscribe_burst=3), ("subscribe", {})),
        (Limits(publish_rate=0.001, publish_burst=3), ("publish", {"channel": "a", "data": 1})),
        (Limits(read_rate=0.001, read_burst=3), ("history", {"channel": "a"})),
        (Limits(read_rate=0.001, read_burst=3), ("presence", {"channel": "a"})),
        (Limits(read_rate=0.001, read_burst=3), ("presence_stats", {"channel": "a"})),
    ],
    ids=["subscribe", "publish", "history", "presence", "presence_stats"],
)
async def test_a_rate_is_error_111_which_is_temporary(
    codec: Codec, limits: Limits, command: tuple[str, dict[str, Any]]
) -> None:
    async with stage(codec, OPEN, limits=limits) as here:
        peer = await here.client()
        name, fields = command
        if name != "subscribe":
            await peer.get("subscribe", channel="a")
        for number in range(3):
            await peer.get(name, **(fields or {"channel": f"c{number}"}))
        for _ in range(30):
            reply = await peer.ask(name, **(fields or {"channel": "d"}))
            assert (reply["error"]["code"], reply["error"]["temporary"]) == (111, True)
        assert peer.closed is None, "who is only too fast may go on"
        assert here.hub.counters.rate_limited == 30


async def test_a_client_that_sends_too_fast_is_made_to_wait(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(commands=10.0, commands_burst=5)
    async with stage(codec, limits=limits) as here:
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        peer = await here.client()
        loop = asyncio.get_running_loop()
        now = loop.time()
        monkeypatch.setattr(asyncio, "sleep", sleep)
        monkeypatch.setattr(loop, "time", lambda: now)
        for _ in range(300):
            await peer.tell("unsubscribe", channel="a")
        assert peer.is_open(), "reading waits, and that is all"
        assert len(waits) == 300 - 4
        assert all(0.0 < wait <= 0.1 for wait in waits)


async def test_three_hundred_commands_in_one_frame_are_answered(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sleep(seconds: float) -> None: ...

    async with stage(codec, OPEN, limits=Limits(client_payload_bytes=1000)) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        monkeypatch.setattr(asyncio, "sleep", sleep)
        await peer.frame(*({"id": n, "publish": {"channel": "a", "data": n}} for n in range(1, 301)))
        assert [peer.reply(n) for n in range(1, 301)] == [{"publish": {}}] * 300


async def test_more_than_twenty_refused_commands_close_with_a_code_to_come_back_from(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        for _ in range(20):
            assert await peer.refused("publish", channel="a") == 107
        assert peer.closed is None
        assert await peer.refused("publish", channel="a") == 107
        assert peer.outlet.closing == (3013, "too many errors")


async def test_refusals_that_sound_clients_meet_do_not_add_up(codec: Codec) -> None:
    async with stage(codec, {"a": ChannelOptions()}, limits=Limits(subscriptions=1)) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        for _ in range(20):
            assert await peer.refused("publish", channel="a", data=1) == 103
            assert await peer.refused("history", channel="b") == 102
            assert await peer.refused("subscribe", channel="b") == 106
        assert peer.closed is None


async def test_expired_tickets_do_not_add_up_to_too_many_errors(codec: Codec, clock: Clock) -> None:
    async with stage(codec) as here:
        peer = await here.client("anna")
        for number in range(60):
            expired = ticket_for("anna", f"c{number}", expires_in=1, now=clock.now - 10)
            assert await peer.refused("subscribe", channel=f"c{number}", token=expired) == 109
        assert peer.closed is None


async def test_commands_that_no_sdk_sends_have_an_answer(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        assert await peer.refused("ping") == 108
        assert await peer.refused("subscribe", channel="a", type=4) == 103
        assert await peer.refused("sub_refresh", channel="a", type=1, token="x") == 103


@pytest.mark.parametrize(
    "frame", ["", "\n", "[]", "7", "nonsense", '{"id":1}', '{"id":-1,"ping":{}}', '{"id":1.0,"ping":{}}']
)
async def test_a_frame_that_is_no_command_closes_with_3501(frame: str) -> None:
    async with stage(JSON) as here:
        peer = await here.client()
        await peer.text(frame)
        assert peer.closed == 3501


@pytest.mark.parametrize("frame", [b"", b"\xff\xff", b"\x05\x08\x01", b"\x02\x08\x01"])
async def test_a_protobuf_frame_that_is_no_command_closes_with_3501(frame: bytes) -> None:
    assert PROTOBUF is not None
    async with stage(PROTOBUF) as here:
        peer = await here.client()
        await peer.text(frame)
        assert peer.closed == 3501


async def test_the_wrong_kind_of_frame_closes_with_3506(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        await peer.text(b"{}" if codec.text else "{}")
        assert peer.closed == 3506


async def test_a_frame_holds_so_many_commands_and_no_more(codec: Codec) -> None:
    async with stage(codec, limits=Limits(commands_per_frame=3)) as here:
        peer = await here.client()
        command = {"id": 1, "unsubscribe": {"channel": "a"}}
        await peer.frame(*[command] * 3)
        assert (len(peer.said), peer.closed) == (3, None)
        await peer.frame(*[command] * 4)
        assert peer.closed == 3501


async def test_nothing_is_done_after_the_command_that_closes(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        await peer.frame(
            {"id": 1, "subscribe": {"channel": "a"}},
            {"id": 2, "subscribe": {}},
            {"id": 3, "subscribe": {"channel": "b"}},
        )
        assert [message["id"] for message in peer.said] == [1]
        assert peer.closed == 3501
        await peer.frame({"id": 4, "subscribe": {"channel": "c"}})
        assert len(peer.said) == 1
        here.nothing_left()
