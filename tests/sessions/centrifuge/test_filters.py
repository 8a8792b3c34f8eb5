"""Filters by tags (Centrifuge client protocol, version 2), in a subscription."""

from __future__ import annotations

from typing import Any

import pytest

from gapless import ChannelOptions
from gapless.protocol.centrifuge.codecs import Codec

from ...support.centrifuge.stage import Stage, stage

pytestmark = pytest.mark.anyio

OPTIONS = ChannelOptions(history=100, ring=4, tags_filter=True, delta=True)
ODD = {"key": "kind", "cmp": "eq", "val": "odd"}


async def publish(here: Stage, *numbers: int) -> None:
    for number in numbers:
        await here.publish("a", number, tags={"kind": "odd" if number % 2 else "even"})


async def test_only_what_matches_is_pushed_with_its_tags(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a", tf=ODD)
        await publish(here, 1, 2, 3)
        assert peer.of("a") == [{"data": n, "offset": n, "tags": {"kind": "odd"}} for n in (1, 3)]


async def test_what_is_filtered_out_advances_the_position_all_the_same(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a", tf=ODD)
        await publish(here, *[2] * 20, 3)
        assert peer.data("a") == [3]
        cursor = peer.session.subscriptions["a"].cursor
        assert cursor.offset == 21
        assert here.hub.counters.gaps == 0


async def test_a_recovery_is_filtered_and_is_no_gap(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        peer = await here.client()
        await publish(here, *range(1, 11))
        reply = await peer.get("subscribe", channel="a", recover=True, tf=ODD)
        assert reply["recovered"]
        assert [each["data"] for each in reply["publications"]] == [1, 3, 5, 7, 9]
        await publish(here, 12, 13)
        assert peer.data("a") == [13]


async def test_a_lagging_client_gets_what_matches(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a", tf=ODD)
        peer.stall()
        await publish(here, *range(1, 20))
        peer.drain()
        await publish(here, 20, 21)
        assert peer.data("a") == [*range(1, 20, 2), 21]


async def test_filters_may_be_trees(codec: Codec) -> None:
    tree = {"op": "or", "nodes": [ODD, {"op": "not", "nodes": [{"key": "kind", "cmp": "ex"}]}]}
    async with stage(codec, {"*": OPTIONS}) as here:
        peer = await here.client()
        await peer.get("subscribe", channel="a", tf=tree)
        await publish(here, 1, 2)
        await here.publish("a", "untagged")
        assert peer.data("a") == [1, "untagged"]


@pytest.mark.parametrize(
    "tf",
    [
        {"key": "kind", "cmp": "like", "val": "odd"},
        {"key": "kind", "cmp": "eq"},
        {"cmp": "eq", "val": "odd"},
        {"key": "kind", "cmp": "in", "val": "odd"},
        {"op": "not", "nodes": []},
        {"op": "xor", "nodes": [ODD]},
    ],
)
async def test_an_invalid_filter_is_error_107(codec: Codec, tf: dict[str, Any]) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        peer = await here.client()
        assert await peer.refused("subscribe", channel="a", tf=tf) == 107
        assert not peer.session.subscriptions


async def test_a_filter_where_none_is_offered_is_error_107(codec: Codec) -> None:
    async with stage(codec) as here:
        peer = await here.client()
        assert await peer.refused("subscribe", channel="a", tf=ODD) == 107


async def test_a_filter_and_delta_exclude_each_other(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        peer = await here.client()
        assert await peer.refused("subscribe", channel="a", tf=ODD, delta="fossil") == 107
