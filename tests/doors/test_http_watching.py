"""`/api/channels` and `/api/clients` for those who watch: positions, and who is behind by how much."""

from __future__ import annotations

from typing import Any

import pytest

from gapless import ChannelOptions

from ..support.serving import Doors
from ..support.until import until
from .conftest import OpenDoors

pytestmark = pytest.mark.anyio

FILLER = "x" * 5000
COUNT = 2000
CHANNELS = {
    "logs": ChannelOptions(history=COUNT, history_bytes=None),
    "short": ChannelOptions(history=3),
    "now": ChannelOptions(),
}


async def ask(doors: Doors, method: str, **said: Any) -> dict[str, Any]:
    answer: dict[str, Any] = (await doors.http.post(f"/api/{method}", json=said)).json()
    result: dict[str, Any] = answer.get("result", answer)
    return result


async def test_channels_come_with_where_they_stand(open_doors: OpenDoors) -> None:
    async with open_doors(CHANNELS, open_api=True) as doors, doors.client("?channel=now") as client:
        await client.history("now")
        for number in range(5):
            await doors.hub.publish("short", number)
        result = await ask(doors, "channels", all=True, counters=True)
        assert list(result["channels"]) == ["now", "short"], "those with the most subscribers first"
        assert result["channels"]["now"] == {"num_clients": 1, "gaps": 0}
        short = result["channels"]["short"]
        assert (short["offset"], short["oldest"], short["kept"], short["num_clients"]) == (5, 3, 3, 0)
        one = await ask(doors, "channels", all=True, counters=True, limit=1)
        assert (list(one["channels"]), one["total"]) == (["now"], 2)
        plain = await ask(doors, "channels", all=True)
        assert plain == {"channels": {"now": {"num_clients": 1}, "short": {"num_clients": 0}}}


async def test_the_client_that_is_furthest_behind_comes_first(open_doors: OpenDoors) -> None:
    async with (
        open_doors(CHANNELS, open_api=True) as doors,
        doors.client("?channel=logs&batch=1") as quick,
        doors.lazy("?channel=logs&batch=1") as lazy,
    ):
        await quick.history("logs")
        await lazy.history("logs")
        for number in range(COUNT):
            await doors.hub.publish("logs", [number, FILLER])
        await quick.live(COUNT)

        async def is_told() -> bool:
            clients = (await ask(doors, "clients"))["clients"]
            return [row["behind"] > 0 for row in clients] == [True, False]

        await until(is_told, "one of them is behind, and stands first")
        slow, fast = (await ask(doors, "clients"))["clients"]
        assert (slow["state"], fast["state"]) == ("behind", "ok")
        assert slow["subscriptions"][0]["channel"] == "logs"
        assert slow["subscriptions"][0]["behind"] == slow["behind"] <= COUNT
        assert fast["behind"] == 0
        assert slow["address"] == fast["address"] == "127.0.0.1"
        only = await ask(doors, "clients", limit=1)
        assert ([row["client"] for row in only["clients"]], only["total"]) == ([slow["client"]], 2)
        found = await ask(doors, "clients", q=fast["client"][:12])
        assert [row["client"] for row in found["clients"]] == [fast["client"]]
        await lazy.live(COUNT)
        await until(lambda: _all_live(doors), "the lazy one has caught up")


async def _all_live(doors: Doors) -> bool:
    return all(row["behind"] == 0 for row in (await ask(doors, "clients"))["clients"])


@pytest.mark.parametrize("limit", [0, -1, 1001, "many"])
async def test_a_limit_has_bounds(open_doors: OpenDoors, limit: object) -> None:
    async with open_doors(CHANNELS, open_api=True) as doors:
        for method in ("clients", "channels"):
            answer = await doors.http.post(f"/api/{method}", json={"limit": limit, "counters": True})
            assert answer.status_code == 400
