"""What happens when continuity breaks: slow clients, trimmed histories, other epochs."""

from __future__ import annotations

import pytest

from gapless import BrokerError, ChannelOptions, Limits
from gapless.options import OnGap
from gapless.protocol.centrifuge.codecs import Codec

from ...support.broker import FakeBroker
from ...support.centrifuge.stage import Peer, Stage, stage
from ...support.until import turns

pytestmark = pytest.mark.anyio


def options(on_gap: OnGap, history: int = 10) -> dict[str, ChannelOptions]:
    return {"*": ChannelOptions(history=history, ring=4, on_gap=on_gap)}


async def fall_behind(here: Stage, peer: Peer) -> None:
    """The client reads nothing until the history does not reach back to it, and then reads again."""
    await here.publish("a", 1)
    peer.stall()
    await here.publish("a", *range(2, 31))
    peer.drain()
    await turns(50)


async def test_a_slow_client_reads_on_where_it_was(codec: Codec) -> None:
    async with stage(codec, options("resync", history=100)) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        await fall_behind(here, peer)
        await here.publish("a", 31)
        assert peer.offsets("a") == list(range(1, 32))
        assert here.hub.counters.gaps == 0
        assert peer.pushes[-1]["channel"] == "a"


async def test_a_subscription_that_cannot_go_on_ends_with_2500_and_recovers_nothing(codec: Codec) -> None:
    async with stage(codec, options("resync")) as here:
        peer = await here.client()
        reply = await peer.get("subscribe", channel="a")
        await fall_behind(here, peer)
        assert peer.of("a", "unsubscribe") == [{"code": 2500, "reason": "insufficient state"}]
        assert peer.offsets("a") == [1]
        assert (peer.closed, here.hub.counters.gaps) == (None, 1)
        again = await peer.get(
            "subscribe", channel="a", recover=True, epoch=reply["epoch"], offset=peer.offsets("a")[-1]
        )
        assert again["was_recovering"]
        assert "recovered" not in again
        assert again["offset"] == 30
        await here.publish("a", 31)
        assert peer.offsets("a") == [1, 31]


async def test_a_subscription_of_the_server_closes_with_3010(codec: Codec) -> None:
    async with stage(codec, options("resync")) as here:
        peer = await here.client("anna")
        await here.hub.connections(user="anna").subscribe("a")
        await fall_behind(here, peer)
        assert peer.closed == 3010
        assert peer.of("a", "unsubscribe") == []
        assert not peer.outlet.late


async def test_on_gap_disconnect_closes_with_3008(codec: Codec) -> None:
    async with stage(codec, options("disconnect")) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        await fall_behind(here, peer)
        assert peer.closed == 3008
        assert peer.offsets("a") == [1]
        assert here.hub.counters.slow_disconnects == 1
        here.nothing_left()


async def test_on_gap_latest_goes_to_the_newest_and_says_nothing(codec: Codec) -> None:
    async with stage(codec, options("latest")) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        await fall_behind(here, peer)
        await here.publish("a", 31)
        assert peer.offsets("a") == [1, 30, 31]
        assert (peer.closed, peer.of("a", "unsubscribe")) == (None, [])


async def test_a_channel_without_history_has_no_state_to_lose(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(ring=4)}) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        await fall_behind(here, peer)
        await here.publish("a", 31)
        assert peer.data("a") == [1, 27, 28, 29, 30, 31]
        assert here.hub.counters.unnumbered_lost == 25
        assert peer.closed is None


@pytest.mark.parametrize("by_server", [False, True])
async def test_another_epoch_is_insufficient_state(codec: Codec, by_server: bool) -> None:
    broker = FakeBroker()
    async with stage(codec, options("resync", history=100), broker=broker) as here:
        peer = await here.client("anna")
        if by_server:
            await here.hub.connections(user="anna").subscribe("a")
        else:
            await peer.get("subscribe", channel="a")
        await here.publish("a", 1, 2, 3)
        broker.forget("a")
        await here.publish("a", "of another life")
        await turns(50)
        if by_server:
            assert peer.closed == 3010
        else:
            assert peer.of("a", "unsubscribe") == [{"code": 2500, "reason": "insufficient state"}]
        assert peer.data("a") == [1, 2, 3]


async def test_another_epoch_without_a_publication_is_noticed_by_comparing(codec: Codec) -> None:
    broker = FakeBroker()
    async with stage(codec, options("resync", history=100), broker=broker) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        await here.publish("a", 1)
        broker.forget("a")
        await here.hub.node.repair.compare(here.hub.node.rings.all())
        await turns(50)
        assert peer.of("a", "unsubscribe") == [{"code": 2500, "reason": "insufficient state"}]


async def test_a_broker_that_fails_while_a_client_reads_on_closes_it_with_3004(codec: Codec) -> None:
    broker = FakeBroker()
    async with stage(codec, options("resync", history=100), broker=broker) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        broker.reads_fail = BrokerError("as the test wants it")
        await fall_behind(here, peer)
        assert peer.closed == 3004
        assert peer.offsets("a") == [1]


async def test_who_unsubscribes_while_reading_on_gets_nothing_more(codec: Codec) -> None:
    broker = FakeBroker()
    async with stage(codec, options("resync", history=100), broker=broker) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        broker.hold()
        await fall_behind(here, peer)
        assert len(broker.waiting) == 1
        await peer.get("unsubscribe", channel="a")
        broker.release()
        await turns(50)
        assert peer.offsets("a") == [1]
        assert list(peer.said[-1]) == ["id", "unsubscribe"]


async def test_a_client_that_accepts_no_byte_is_cut_off(codec: Codec) -> None:
    async with stage(codec, limits=Limits(stall_timeout=10.0)) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a")
        peer.outlet.stall()
        await here.publish("a", 1)
        peer.later(0)
        peer.outlet.drain()
        peer.outlet.stall()
        await here.publish("a", 2)
        peer.later(9)
        peer.later(18.9)
        assert peer.is_open()
        peer.later(19.1)
        assert peer.outlet.dead
        assert here.hub.counters.stalled == 1
        here.nothing_left()


async def test_a_channel_that_had_no_room_in_a_write_is_in_the_next(codec: Codec) -> None:
    async with stage(codec, limits=Limits(flush_bytes=200)) as here:
        peer = await here.client()
        for channel in ("a", "b", "c"):
            await peer.get("subscribe", channel=channel)
        peer.stall()
        for channel in ("a", "b", "c"):
            await here.publish(channel, "x" * 300)
        peer.drain()  # and it never drains again: this socket takes all that is written
        await turns()
        assert [push["channel"] for push in peer.pushes] == ["a", "b", "c"]
