"""Recovery (Centrifuge client protocol, version 2): everything that was missed, or nothing and a word."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import ChannelOptions, Limits, Position
from gapless.options import KiB
from gapless.protocol.centrifuge.codecs import Codec

from ...support.broker import FakeBroker
from ...support.centrifuge.stage import Message, stage
from ...support.until import turns

pytestmark = pytest.mark.anyio


def since(position: Position | None, **changes: Any) -> dict[str, Any]:
    """The fields with which an SDK asks to be recovered."""
    assert position is not None
    return {"recover": True, "offset": position.offset, "epoch": position.epoch, **changes}


def offsets(reply: Message) -> list[int]:
    return [publication["offset"] for publication in reply.get("publications", [])]


# -- streams


async def test_everything_missed_comes_with_the_reply_oldest_first(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        left_at = await here.publish("a", 1, 2)
        top = await here.publish("a", 3, 4, 5)
        assert left_at is not None
        assert top is not None
        reply = await peer.get("subscribe", channel="a", **since(left_at))
        assert reply == {
            "recoverable": True,
            "positioned": True,
            "was_recovering": True,
            "recovered": True,
            "epoch": top.epoch,
            "offset": 2,
            "publications": [{"data": n, "offset": n} for n in (3, 4, 5)],
        }
        await here.publish("a", 6)
        assert peer.offsets("a") == [6]


async def test_nothing_missed_is_recovered_with_nothing(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        top = await here.publish("a", 1, 2)
        reply = await peer.get("subscribe", channel="a", **since(top))
        assert (reply["recovered"], reply["was_recovering"], reply["offset"]) == (True, True, 2)
        assert "publications" not in reply


async def test_the_very_beginning_is_recovered_while_nothing_is_trimmed(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(history=3)}) as here:
        peer = await here.client()
        reply = await peer.get("subscribe", channel="new", recover=True)
        assert reply["recovered"], "nothing was missed of a stream that has nothing"
        await here.publish("a", 1, 2, 3)
        reply = await peer.get("subscribe", channel="a", recover=True)
        assert (reply["recovered"], offsets(reply)) == (True, [1, 2, 3])
        assert "offset" not in reply, "what the client sent: 0"
        await peer.get("unsubscribe", channel="a")
        await here.publish("a", 4)
        reply = await peer.get("subscribe", channel="a", recover=True)
        assert (reply.get("recovered"), offsets(reply), reply["offset"]) == (None, [], 4)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("another epoch", {"epoch": "other"}),
        ("after state was invalidated", {"epoch": "_", "offset": 0}),
        ("ahead of the top", {"offset": 99}),
        ("just ahead of the top", {"offset": 6}),
        ("ahead of the top, without an epoch", {"epoch": "", "offset": 6}),
    ],
)
@pytest.mark.parametrize("flag", [0, 1, 2, 3])
async def test_what_cannot_be_proven_is_not_recovered(
    codec: Codec, name: str, changes: dict[str, Any], flag: int
) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        top = await here.publish("a", 1, 2, 3, 4, 5)
        asked = since(top, **{"offset": 3, **changes}, flag=flag)
        if flag & 2:
            assert await peer.refused("subscribe", channel="a", **asked) == 112
            assert not peer.session.subscriptions
            return
        reply = await peer.get("subscribe", channel="a", **asked)
        assert reply["was_recovering"]
        assert not {"recovered", "publications"} & set(reply)
        assert reply["offset"] == 5
        await here.publish("a", 6)
        assert peer.offsets("a") == [6]


async def test_an_offset_without_an_epoch_is_one_of_the_stream_as_it_is(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        top = await here.publish("a", 1, 2, 3, 4, 5)
        reply = await peer.get("subscribe", channel="a", recover=True, offset=3)
        assert (reply["recovered"], offsets(reply), reply["offset"]) == (True, [4, 5], 3)
        assert top is not None
        assert reply["epoch"] == top.epoch
        await here.publish("a", 6)
        assert peer.offsets("a") == [6]


async def test_a_trimmed_position_is_not_recovered_and_the_one_before_the_oldest_is(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(history=3)}) as here:
        peer = await here.client()
        top = await here.publish("a", *range(10))
        reply = await peer.get("subscribe", channel="a", **since(top, offset=6))
        assert not {"recovered", "publications"} & set(reply)
        await peer.get("unsubscribe", channel="a")
        reply = await peer.get("subscribe", channel="a", **since(top, offset=7))
        assert (reply["recovered"], offsets(reply)) == (True, [8, 9, 10])


async def test_removed_history_is_not_recovered_but_the_top_is(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        top = await here.publish("a", 1, 2)
        await here.hub.remove_history("a")
        assert "recovered" not in await peer.get("subscribe", channel="a", **since(top, offset=1))
        await peer.get("unsubscribe", channel="a")
        assert (await peer.get("subscribe", channel="a", **since(top)))["recovered"]


async def test_refusals_for_lost_positions_never_add_up_to_too_many_errors(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        for number in range(60):
            asked = {"recover": True, "epoch": "_", "flag": 2}
            assert await peer.refused("subscribe", channel=f"c{number}", **asked) == 112
        assert peer.closed is None


async def test_where_recovery_is_off_nothing_is_recovered(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(history=5, recovery="off")}) as here:
        peer = await here.client()
        top = await here.publish("a", 1, 2)
        reply = await peer.get("subscribe", channel="a", **since(top, offset=1))
        assert not {"recovered", "publications", "recoverable", "positioned"} & set(reply)


async def test_more_than_a_reply_holds_follows_as_pushes_without_a_hole(codec: Codec) -> None:
    async with stage(
        codec, {"*": ChannelOptions(history=500)}, limits=Limits(recovery_bytes=512 * KiB)
    ) as here:
        peer = await here.client()
        text = "x" * 9000
        top = await here.publish("a", *([text] * 100))
        assert top is not None
        reply = await peer.get("subscribe", channel="a", **since(top, offset=0))
        assert reply["recovered"]
        assert 50 < len(reply["publications"]) < 60, "512 KiB"
        here.hub.publish("a", "while it reads on")
        await turns(50)
        await here.publish("a", "live")
        assert offsets(reply) + peer.offsets("a") == list(range(1, 103))
        sizes = [len(frame) for frame in peer.outlet.frames]
        assert max(sizes) < 1024 * KiB, "SDKs refuse larger frames"


async def test_the_ring_may_have_moved_on_while_the_reply_was_read(codec: Codec) -> None:
    broker = FakeBroker()
    broker.old_pages = True
    options = ChannelOptions(history=100, ring=4)
    async with stage(codec, {"*": options}, broker=broker) as here:
        peer = await here.client()
        top = await here.publish("a", *range(10))
        assert top is not None
        broker.hold()
        task = asyncio.create_task(peer.get("subscribe", channel="a", **since(top, offset=5)))
        await turns()
        await here.publish("a", *range(30))
        broker.release()
        reply = await task
        await turns(50)
        await here.publish("a", "live")
        assert reply["recovered"]
        assert offsets(reply) + peer.offsets("a") == list(range(6, 42))


async def test_what_has_no_offset_is_not_delivered_twice_nor_from_before(codec: Codec) -> None:
    broker = FakeBroker()
    async with stage(codec, broker=broker) as here:
        peer = await here.client()
        other = await here.client()
        await other.get("subscribe", channel="a")
        top = await here.publish("a", 1)
        await here.publish("a", "before", skip_history=True)
        await here.publish("a", 2)
        broker.hold()
        task = asyncio.create_task(peer.get("subscribe", channel="a", **since(top)))
        await turns()
        await here.publish("a", "meanwhile", skip_history=True)
        await here.publish("a", 3)
        broker.release()
        reply = await task
        await turns()
        await here.publish("a", "after", skip_history=True)
        seen = [each["data"] for each in reply["publications"]] + peer.data("a")
        assert sorted(map(str, seen)) == ["2", "3", "after", "meanwhile"]


async def test_an_own_publication_is_left_out_of_what_is_recovered(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        await here.publish("a", 1)
        await here.publish("a", "its own", exclude=peer.id)
        await here.publish("a", 2)
        reply = await peer.get("subscribe", channel="a", recover=True)
        assert [each["data"] for each in reply["publications"]] == [1, 2]


async def test_subscribers_that_come_back_together_share_one_read(codec: Codec) -> None:
    broker = FakeBroker()
    async with stage(codec, broker=broker) as here:
        top = await here.publish("a", 1, 2, 3)
        peers = [await here.client() for _ in range(20)]
        await peers[0].get("subscribe", channel="a")
        reads = here.hub.counters.history_reads
        broker.hold()
        asked = since(top, offset=1)
        tasks = [asyncio.create_task(peer.get("subscribe", channel="a", **asked)) for peer in peers[1:]]
        await turns()
        broker.release()
        for task in tasks:
            assert offsets(await task) == [2, 3]
        assert here.hub.counters.history_reads - reads == 1


# -- the newest only


async def test_cache_mode_gives_the_newest_unless_the_client_has_it(codec: Codec) -> None:
    options = ChannelOptions(history=5, recovery="cache")
    async with stage(codec, {"*": options}) as here:
        peer = await here.client()
        top = await here.publish("a", 1, 2, 3)
        assert "was_recovering" not in await peer.get("subscribe", channel="a"), "not asked"
        for asked, wanted in (
            ({"recover": True}, [3]),
            (since(top, offset=2), [3]),
            (since(top, epoch="other"), [3]),
            (since(top), []),
        ):
            await peer.get("unsubscribe", channel="a")
            reply = await peer.get("subscribe", channel="a", **asked)
            assert (reply["was_recovering"], reply["recovered"], offsets(reply)) == (True, True, wanted)
            assert reply["offset"] == 3
        await here.publish("a", 4)
        assert peer.offsets("a") == [4]


async def test_cache_mode_without_a_newest_is_recovered_only_at_the_top(codec: Codec) -> None:
    options = ChannelOptions(history=5, recovery="cache")
    async with stage(codec, {"*": options}) as here:
        peer = await here.client()
        reply = await peer.get("subscribe", channel="a", recover=True)
        assert "recovered" not in reply
        top = await here.publish("a", 1)
        await here.hub.remove_history("a")
        for asked, wanted in ((since(top), True), (since(top, offset=0), None)):
            await peer.get("unsubscribe", channel="a")
            assert (await peer.get("subscribe", channel="a", **asked)).get("recovered") is wanted
        await peer.get("unsubscribe", channel="a")
        assert await peer.refused("subscribe", channel="a", recover=True, flag=2) == 112


async def test_auto_cache_recover_gives_the_newest_to_who_does_not_ask(codec: Codec) -> None:
    options = ChannelOptions(history=5, recovery="cache", auto_cache_recover=True)
    async with stage(codec, {"*": options}) as here:
        peer = await here.client()
        await here.publish("a", 1, 2)
        reply = await peer.get("subscribe", channel="a")
        assert (reply["was_recovering"], reply["recovered"], offsets(reply)) == (True, True, [2])


async def test_cache_mode_with_a_filter_gives_the_newest_that_matches(codec: Codec) -> None:
    options = ChannelOptions(history=5, recovery="cache", tags_filter=True)
    async with stage(codec, {"*": options}) as here:
        peer = await here.client()
        await here.publish("a", 1, tags={"k": "wanted"})
        await here.publish("a", 2, tags={"k": "other"})
        wanted = {"key": "k", "cmp": "eq", "val": "wanted"}
        reply = await peer.get("subscribe", channel="a", recover=True, tf=wanted)
        assert offsets(reply) == [1]
        await peer.get("unsubscribe", channel="a")
        nobody = {"key": "k", "cmp": "eq", "val": "nobody"}
        assert "recovered" not in await peer.get("subscribe", channel="a", recover=True, tf=nobody)
