"""What a client of the plain protocol reads beside its subscriptions; the Centrifuge doors ask the same."""

from __future__ import annotations

from typing import Any

import pytest

from gapless import ChannelOptions, Hub, Limits

from ..support.serving import Doors, doors
from ..support.sockets import Client
from ..support.until import until

pytestmark = pytest.mark.anyio

ROOM = ChannelOptions(history=6, presence=True)


async def asked(client: Client, what: str, channel: str, **how: Any) -> Any:
    return await client.ask({"type": what, "channel": channel, "id": 1, **how})


async def test_presence_is_who_is_subscribed() -> None:
    hub = Hub(channels={"*": ROOM})

    @hub.on_connect
    def who(event: Any) -> str:
        return str(event.query["user"])

    async with (
        doors(hub=hub) as opened,
        opened.client("?channel=room&user=ann") as ann,
        opened.client("?channel=room&user=bob") as bob,
    ):
        await ann.history("room")
        await bob.history("room")
        said = await asked(ann, "presence", "room")
        members = said.pop("presence")
        assert said == {"type": "presence", "channel": "room", "id": 1}
        assert {key: member["client"] for key, member in members.items()} == {key: key for key in members}
        assert sorted(member["user"] for member in members.values()) == ["ann", "bob"]


async def published(opened: Doors, count: int) -> str:
    for number in range(1, count + 1):
        position = await opened.hub.publish("room", number)
    assert position is not None
    return position.epoch


async def test_history_is_read_in_pages_in_both_directions() -> None:
    async with doors({"*": ROOM}) as opened, opened.client("?channel=room&history=0") as client:
        await client.history("room")
        epoch = await published(opened, 10)
        await client.live(10)

        async def read(**how: Any) -> list[int]:
            said = await asked(client, "history", "room", **how)
            items = said.pop("publications")
            about = {"type": "history", "channel": "room", "id": 1, "epoch": epoch, "oldest": 5, "head": 10}
            about |= {"more": False}
            assert said == about
            assert all(item["data"] == item["offset"] for item in items)
            return [item["offset"] for item in items]

        assert await read() == [5, 6, 7, 8, 9, 10]
        assert await read(limit=2) == [5, 6]
        assert await read(limit=0) == []
        assert await read(limit=2, reverse=True) == [10, 9]
        assert await read(since=f"{epoch}:8") == [9, 10]
        assert await read(since=f"{epoch}:8", limit=2, reverse=True) == [7, 6]


async def test_a_page_that_ends_before_what_was_asked_for_says_so() -> None:
    limits = Limits(history_publications=4, recovery_bytes=40)
    async with (
        doors({"*": ROOM}, limits=limits) as opened,
        opened.client("?channel=room&history=0") as client,
    ):
        await client.history("room")
        for _ in range(6):
            await opened.hub.publish("room", "x" * 18)
        await client.live(6)

        async def read(**how: Any) -> tuple[int, bool]:
            said = await asked(client, "history", "room", **how)
            return len(said["publications"]), said["more"]

        assert await read() == (2, True), "as many bytes as it may have"
        assert await read(limit=2) == (2, False), "as many as were asked for"
        assert await read(limit=3, reverse=True) == (2, True)


@pytest.mark.parametrize(
    ("what", "channel", "how", "code"),
    [
        ("presence", "nope", {}, 102),
        ("presence", "a\nb", {}, 107),
        ("presence", "outside", {}, 103),
        ("presence", "logs", {}, 108),
        ("presence", "closed", {}, 103),
        ("history", "nope", {}, 102),
        ("history", "outside", {}, 103),
        ("history", "now", {}, 108),
        ("history", "closed", {}, 103),
        ("history", "logs", {"since": "another:0"}, 112),
        ("history", "logs", {"since": "another:0", "reverse": True}, 107),
        ("history", "logs", {"limit": -1}, 107),
        ("history", "logs", {"reverse": 1}, 107),
    ],
)
async def test_what_may_not_be_read_is_refused_with_its_id_and_channel(
    what: str, channel: str, how: dict[str, Any], code: int
) -> None:
    channels = {
        "logs": ChannelOptions(history=5),
        "now": ChannelOptions(),
        "closed": ChannelOptions(history=5, presence=True, client_history=False, client_presence=False),
        "outside": ROOM,
    }
    async with doors(channels) as opened, opened.client("?channel=logs&channel=now&channel=closed") as client:
        await client.take(3)
        said = await asked(client, what, channel, **how)
        assert (said["type"], said["code"], said["id"], said["channel"]) == ("error", code, 1, channel)
        await client.quiet()


async def test_reading_has_a_rate_and_an_answer_a_bound() -> None:
    limits = Limits(history_publications=3, presence_members=1, read_rate=0.001, read_burst=2)
    async with (
        doors({"*": ROOM}, limits=limits) as opened,
        opened.client("?channel=room") as client,
        opened.client("?channel=room") as other,
    ):
        await client.history("room")
        await other.history("room")
        await until(lambda: opened.hub.stats().subscriptions == 2)
        await published(opened, 5)
        await client.live(5)
        assert len((await asked(client, "history", "room", limit=50))["publications"]) == 3
        assert (await asked(client, "presence", "room"))["code"] == 106
        assert (await asked(client, "history", "room"))["code"] == 111
