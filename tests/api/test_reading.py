"""What is kept and who is there, as the server API tells it."""

from __future__ import annotations

from typing import Any

import pytest

from gapless import Hub, Limits
from gapless.model import Draft, Member

from .calling import CHANNELS, answer, error, result

pytestmark = pytest.mark.anyio


async def test_history_without_a_limit_is_the_position_only() -> None:
    async with Hub(channels=CHANNELS) as hub:
        empty = await result(hub, "history", channel="logs")
        assert (empty["publications"], empty["offset"]) == ([], 0)
        position = await result(hub, "publish", channel="logs", data=1)
        assert await result(hub, "history", channel="logs") == {"publications": []} | position


@pytest.mark.parametrize(
    ("said", "offsets"),
    [
        ({"limit": -1}, [1, 2, 3, 4, 5]),
        ({"limit": 2}, [1, 2]),
        ({"limit": 2, "reverse": True}, [5, 4]),
        ({"limit": -1, "since": {"offset": 3}}, [4, 5]),
        ({"limit": 1, "since": {"offset": 3}}, [4]),
        ({"limit": -1, "since": {"offset": 3}, "reverse": True}, [2, 1]),
        ({"limit": -1, "since": {"offset": 5}}, []),
        ({"limit": -1, "since": {"offset": 99}}, []),
        ({"limit": -1, "since": {}}, [1, 2, 3, 4, 5]),
        ({"limit": None, "since": None, "reverse": None}, []),
    ],
)
async def test_history_is_paged_from_either_end(said: dict[str, Any], offsets: list[int]) -> None:
    async with Hub(channels=CHANNELS) as hub:
        for n in range(1, 6):
            position = await result(hub, "publish", channel="logs", data=n)
        page = await result(hub, "history", channel="logs", **said)
        assert page["publications"] == [{"data": n, "offset": n} for n in offsets]
        assert {"offset": page["offset"], "epoch": page["epoch"]} == position


async def test_an_answer_has_a_bound_in_bytes_and_the_rest_is_another_page() -> None:
    async with Hub(channels=CHANNELS, limits=Limits(answer_bytes=1000)) as hub:
        for _ in range(25):
            await result(hub, "publish", channel="logs", data="x" * 98)
        pages: list[list[int]] = []
        while not pages or pages[-1]:
            since = {"offset": pages[-1][-1]} if pages else None
            page = await result(hub, "history", channel="logs", limit=-1, since=since)
            pages.append([publication["offset"] for publication in page["publications"]])
        assert [len(page) for page in pages] == [10, 10, 5, 0]
        assert [offset for page in pages for offset in page] == list(range(1, 26))


@pytest.mark.parametrize("parallel", [False, True])
async def test_the_histories_of_a_batch_share_that_bound(parallel: bool) -> None:
    async with Hub(channels=CHANNELS, limits=Limits(answer_bytes=1000)) as hub:
        for _ in range(25):
            await result(hub, "publish", channel="logs", data="x" * 98)
        commands = [{"history": {"channel": "logs", "limit": -1}}] * 5
        said = await answer(hub, "batch", commands=commands, parallel=parallel)
        assert [len(reply["history"]["publications"]) for reply in said["replies"]] == [2] * 5


async def test_what_history_refuses() -> None:
    async with Hub(channels=CHANNELS) as hub:
        assert await error(hub, "history", channel="now") == (108, "no history is kept in this channel")
        assert (await error(hub, "history", channel="nope"))[0] == 102
        other = {"offset": 1, "epoch": "other"}
        assert await error(hub, "history", channel="logs", since=other) == (112, "unrecoverable position")
        assert (await error(hub, "history", channel="logs", since={}, reverse=True))[0] == 107


async def test_who_published_is_shown() -> None:
    async with Hub(channels=CHANNELS) as hub:
        who = Member("c", "u", b'{"name":"N"}', b"[1]")
        await hub.node.intake.publish("logs", Draft(b"1", info=who))
        page = await result(hub, "history", channel="logs", limit=-1)
        shown = {"user": "u", "client": "c", "conn_info": {"name": "N"}, "chan_info": [1]}
        assert page["publications"] == [{"data": 1, "offset": 1, "info": shown}]


async def test_by_wish_each_publication_says_when_it_came() -> None:
    async with Hub(channels=CHANNELS) as hub:
        await result(hub, "publish", channel="logs", data=1)
        (kept,) = (await hub.history("logs")).publications
        page = await result(hub, "history", channel="logs", limit=1, times=True)
        assert page["publications"] == [{"data": 1, "offset": 1, "time": kept.time}]


async def test_removing_history_keeps_the_position() -> None:
    async with Hub(channels=CHANNELS) as hub:
        position = await result(hub, "publish", channel="logs", data=1)
        assert await result(hub, "history_remove", channel="logs") == {}
        assert await result(hub, "history", channel="logs", limit=-1) == {"publications": []} | position
        assert (await error(hub, "history_remove", channel="now"))[0] == 108


async def test_presence_is_by_client_and_counts_users() -> None:
    async with Hub(channels=CHANNELS) as hub:
        assert await result(hub, "presence", channel="room") == {"presence": {}}
        for member in (Member("c1", "u", b"1"), Member("c2", "u"), Member("c3")):
            await hub.node.presence.join("room", member, announce=False)
        assert await result(hub, "presence", channel="room") == {
            "presence": {
                "c1": {"user": "u", "client": "c1", "conn_info": 1},
                "c2": {"user": "u", "client": "c2"},
                "c3": {"user": "", "client": "c3"},
            }
        }
        assert await result(hub, "presence_stats", channel="room") == {"num_clients": 3, "num_users": 2}
        for method in ("presence", "presence_stats"):
            assert await error(hub, method, channel="logs") == (108, "presence is off in this channel")
            assert (await error(hub, method, channel="nope"))[0] == 102


async def test_info_describes_the_node() -> None:
    async with Hub(channels=CHANNELS, name="n1") as hub, hub.subscribe("logs"):
        (node,) = (await result(hub, "info"))["nodes"]
        assert {name: type(value) for name, value in node.items()} == {
            "uid": str,
            "name": str,
            "version": str,
            "num_clients": int,
            "num_users": int,
            "num_channels": int,
            "num_subs": int,
            "uptime": int,
            "metrics": dict,
            "process": dict,
        }
        assert (node["name"], node["num_channels"], node["num_subs"]) == ("n1", 1, 1)
