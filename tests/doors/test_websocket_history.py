"""`/ws`, the history frames: what is replayed, where the stream stands, and what a resume says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gapless import ChannelOptions, Limits

from .conftest import OpenDoors

pytestmark = pytest.mark.anyio

KEPT = ChannelOptions(history=1000)
FRAME_BYTES = 256 * 1024


def offsets(frames: list[Any]) -> list[int]:
    """The offsets in history frames."""
    return [item["offset"] for frame in frames for item in frame["history"]]


# -- a first visit


async def test_one_frame_holds_what_is_kept_and_where_the_stream_stands(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        for n in range(3):
            position = await doors.hub.publish("logs", {"n": n})
        assert position is not None
        async with doors.client("?channel=logs") as client:
            assert await client.next() == {
                "channel": "logs",
                "epoch": position.epoch,
                "oldest": 1,
                "head": 3,
                "history": [{"offset": n + 1, "data": {"n": n}} for n in range(3)],
                "more": False,
            }
            await client.quiet()


async def test_an_empty_channel_answers_with_its_epoch_and_no_history(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors, doors.client("?channel=logs") as client:
        said = await client.next()
        epoch = said.pop("epoch")
        assert said == {"channel": "logs", "oldest": 1, "head": 0, "history": [], "more": False}
        position = await doors.hub.publish("logs", 1)
        assert position is not None
        assert position.epoch == epoch
        assert await client.next() == {"channel": "logs", "offset": 1, "data": 1}


async def test_a_channel_that_keeps_no_history_answers_once_with_nothing(open_doors: OpenDoors) -> None:
    async with open_doors({"now": ChannelOptions()}) as doors:
        await doors.hub.publish("now", "before")
        async with doors.client("?channel=now") as client:
            assert await client.next() == {
                "channel": "now",
                "epoch": "",
                "oldest": 0,
                "head": 0,
                "history": [],
                "more": False,
            }
            await doors.hub.publish("now", "after")
            assert await client.next() == {"channel": "now", "data": "after"}


async def test_what_was_trimmed_is_not_replayed_and_oldest_says_so(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": ChannelOptions(history=3)}) as doors:
        for n in range(1, 11):
            await doors.hub.publish("logs", n)
        async with doors.client("?channel=logs") as client:
            (frame,) = await client.history("logs")
            assert (frame["oldest"], frame["head"]) == (8, 10)
            assert offsets([frame]) == [8, 9, 10]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("0", []), ("1", [10]), ("3", [8, 9, 10]), ("10", list(range(1, 11))), ("99", list(range(1, 11)))],
)
async def test_history_n_replays_the_newest_n(open_doors: OpenDoors, asked: str, expected: list[int]) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        for n in range(1, 11):
            await doors.hub.publish("logs", n)
        async with doors.client(f"?channel=logs&history={asked}") as client:
            (frame,) = await client.history("logs")
            assert offsets([frame]) == expected
            assert (frame["oldest"], frame["head"]) == (1, 10)
            await doors.hub.publish("logs", 11)
            assert await client.next() == {"channel": "logs", "offset": 11, "data": 11}


async def test_a_long_history_comes_in_frames_below_the_bound_and_live_only_after_the_last(
    open_doors: OpenDoors,
) -> None:
    async with open_doors({"logs": ChannelOptions(history=5000, history_bytes=None)}) as doors:
        for n in range(1, 3001):
            await doors.hub.publish("logs", f"{n:0600}")
        async with doors.client("?channel=logs") as client:
            texts = [await client.text()]
            await doors.hub.publish("logs", "live")
            while json.loads(texts[-1])["more"]:
                texts.append(await client.text())
            frames = [json.loads(text) for text in texts]
            assert len(frames) > 5
            assert all(len(text.encode()) < FRAME_BYTES for text in texts)
            assert [frame["more"] for frame in frames] == [True] * (len(frames) - 1) + [False]
            assert (frames[0]["oldest"], frames[0]["head"]) == (1, 3000)
            seen = offsets(frames)
            if len(seen) == 3000:
                assert await client.next() == {"channel": "logs", "offset": 3001, "data": "live"}
                seen.append(3001)
            assert seen == list(range(1, 3002))
            await client.quiet()


async def test_tags_count_towards_the_size_of_a_history_frame(open_doors: OpenDoors) -> None:
    tags = {f"tag-{n}": "x" * 250 for n in range(16)}
    async with open_doors({"logs": KEPT}) as doors:
        for n in range(200):
            await doors.hub.publish("logs", n, tags=tags)
        async with doors.client("?channel=logs") as client:
            sizes, seen = [], []
            more = True
            while more:
                text = await client.text()
                frame = json.loads(text)
                more = frame["more"]
                sizes.append(len(text))
                seen += offsets([frame])
            assert seen == list(range(1, 201))
            assert max(sizes) < FRAME_BYTES
            assert frame["history"][0]["tags"] == tags


async def test_a_publication_larger_than_the_bound_has_a_frame_of_its_own(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        for size in (10, 400_000, 10):
            await doors.hub.publish("logs", "x" * size)
        async with doors.client("?channel=logs") as client:
            frames = await client.history("logs")
            assert [offsets([frame]) for frame in frames] == [[1], [2], [3]]


async def test_each_channel_of_the_query_has_its_history_in_the_order_of_the_query(
    open_doors: OpenDoors,
) -> None:
    async with open_doors({"*": KEPT}) as doors:
        for name in ("a", "b", "c"):
            await doors.hub.publish(name, name)
        async with doors.client("?channel=b&channel=a&channel=c") as client:
            frames = await client.take(3)
            assert [(frame["channel"], frame["history"]) for frame in frames] == [
                (name, [{"offset": 1, "data": name}]) for name in ("b", "a", "c")
            ]


async def test_without_a_channel_the_default_ones_are_subscribed(open_doors: OpenDoors) -> None:
    async with open_doors({"*": KEPT}, default_channels=("logs", "events")) as doors:
        async with doors.client() as client:
            assert [frame["channel"] for frame in await client.take(2)] == ["logs", "events"]
        async with doors.client("?channel=other") as client:
            assert (await client.next())["channel"] == "other"
            await client.quiet()


async def test_without_a_channel_and_without_default_ones_the_connection_just_waits(
    open_doors: OpenDoors,
) -> None:
    async with open_doors({"logs": KEPT}) as doors, doors.client() as client:
        await client.quiet()
        assert (await client.ask({"type": "subscribe", "channel": "logs"}))["channel"] == "logs"


async def test_a_channel_that_is_refused_does_not_keep_the_others_out(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        async with doors.client("?channel=nope&channel=logs") as client:
            assert await client.next() == {
                "type": "error",
                "code": 102,
                "message": "unknown channel: no pattern of this hub matches it",
                "channel": "nope",
            }
            assert (await client.next())["channel"] == "logs"


# -- coming back


async def test_a_resume_holds_exactly_what_was_missed(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        for n in range(1, 51):
            position = await doors.hub.publish("logs", n)
        assert position is not None
        for at in range(51):
            async with doors.client(f"?channel=logs&since=logs@{position.epoch}:{at}") as client:
                (frame,) = await client.history("logs")
                assert frame["recovered"] is True
                assert "lost" not in frame
                assert (frame["oldest"], frame["head"], frame["epoch"]) == (1, 50, position.epoch)
                assert frame["history"] == [{"offset": n, "data": n} for n in range(at + 1, 51)]


async def test_the_position_before_everything_recovers_everything(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        for n in range(1, 4):
            await doors.hub.publish("logs", n)
        async with doors.client("?channel=logs&since=logs@:0") as client:
            (frame,) = await client.history("logs")
            assert frame["recovered"] is True
            assert offsets([frame]) == [1, 2, 3]


async def test_a_position_that_was_trimmed_says_what_is_lost(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": ChannelOptions(history=5)}) as doors:
        for n in range(1, 21):
            position = await doors.hub.publish("logs", n)
        assert position is not None
        async with doors.client(f"?channel=logs&since=logs@{position.epoch}:4") as client:
            (frame,) = await client.history("logs")
            assert frame["recovered"] is False
            assert frame["lost"] == {"from": 5, "to": 15}
            assert offsets([frame]) == [16, 17, 18, 19, 20]
        async with doors.client(f"?channel=logs&since=logs@{position.epoch}:15") as client:
            (frame,) = await client.history("logs")
            assert frame["recovered"] is True, "the oldest entry kept is the next one: nothing is lost"
            assert offsets([frame]) == [16, 17, 18, 19, 20]


async def test_a_position_of_another_life_of_the_stream_gets_all_that_is_kept(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        for n in range(1, 4):
            position = await doors.hub.publish("logs", n)
        assert position is not None
        async with doors.client("?channel=logs&since=logs@another:2") as client:
            (frame,) = await client.history("logs")
            assert frame["recovered"] is False
            assert frame["lost"] == {"from": 3, "to": None}
            assert frame["epoch"] == position.epoch
            assert offsets([frame]) == [1, 2, 3]
            await doors.hub.publish("logs", 4)
            assert await client.next() == {"channel": "logs", "offset": 4, "data": 4}


async def test_a_position_ahead_of_its_own_stream_is_never_believed(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        for n in range(1, 4):
            position = await doors.hub.publish("logs", n)
        assert position is not None
        async with (
            doors.client("?channel=logs&history=0") as healthy,
            doors.client(f"?channel=logs&since=logs@{position.epoch}:{2**62}") as client,
        ):
            await healthy.history("logs")
            (frame,) = await client.history("logs")
            assert frame["recovered"] is False
            assert frame["lost"] == {"from": 4, "to": None}
            assert offsets([frame]) == [1, 2, 3]
            await doors.hub.publish("logs", 4)
            assert await client.next() == {"channel": "logs", "offset": 4, "data": 4}
            assert await healthy.next() == {"channel": "logs", "offset": 4, "data": 4}


async def test_a_channel_without_history_recovers_nothing_and_says_so(open_doors: OpenDoors) -> None:
    async with open_doors({"now": ChannelOptions()}) as doors:
        async with doors.client("?channel=now&since=now@abc:4") as client:
            (frame,) = await client.history("now")
            assert frame["recovered"] is False
            assert frame["history"] == []


async def test_recovered_and_lost_stand_in_the_first_frame_only(open_doors: OpenDoors) -> None:
    async with open_doors(
        {"logs": ChannelOptions(history=60, history_bytes=None)}, limits=Limits(history_frame_bytes=4096)
    ) as doors:
        for _ in range(100):
            position = await doors.hub.publish("logs", "x" * 500)
        assert position is not None
        async with doors.client(f"?channel=logs&since=logs@{position.epoch}:7") as client:
            frames = await client.history("logs")
            assert len(frames) > 5
            assert frames[0]["recovered"] is False
            assert frames[0]["lost"] == {"from": 8, "to": 40}
            assert not any("recovered" in frame or "lost" in frame for frame in frames[1:])
            assert offsets(frames) == list(range(41, 101))


async def test_each_channel_resumes_at_its_own_position(open_doors: OpenDoors) -> None:
    async with open_doors({"*": KEPT}) as doors:
        places = {}
        for name in ("a", "b", "c@eu"):
            for n in range(1, 6):
                position = await doors.hub.publish(name, n)
                assert position is not None
                places[name] = position.epoch
        query = f"since=a@{places['a']}:2&since=c@eu@{places['c@eu']}:4"
        async with doors.client(f"?channel=a&channel=b&channel=c@eu&{query}") as client:
            a, b, c = await client.take(3)
            assert (offsets([a]), a["recovered"]) == ([3, 4, 5], True)
            assert (offsets([b]), "recovered" in b) == ([1, 2, 3, 4, 5], False)
            assert (offsets([c]), c["recovered"]) == ([5], True)
