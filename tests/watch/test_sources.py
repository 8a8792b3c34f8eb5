"""Sources as they are told of: named by their rows, up or idle, one row also where requests were spread."""

from __future__ import annotations

import pytest

from gapless import ChannelOptions, Hub
from gapless.core.sources import Standing
from gapless.watch import sources

pytestmark = pytest.mark.anyio


async def test_the_last_row_names_its_source_and_each_gap_is_counted() -> None:
    hub = Hub(channels={"*": ChannelOptions()})
    rows = [
        b'{"kind":"feeder_gap","count":87}',
        b'{"message":"\\"feeder_gap\\"","count":5}',
        b'{"kind":"feeder_gap","count":null}',
        b'{"source":"web-1:77"}',
    ]
    sources.heard(hub, "logs", rows, 10.0)
    sources.heard(hub, "logs", [], 11.0)
    (row,) = sources.here(hub)
    assert (row["source"], row["channel"], row["rows"], row["dropped"]) == ("web-1:77", "logs", 4, 87)
    assert (row["state"], row["last_seen"]) == ("idle", 10.0), "of long ago"


@pytest.mark.parametrize("row", [b'"text"', b"{}", b'{"source":""}', b'{"source":7}', b"1" * 400, b"\xff"])
async def test_rows_that_name_none_are_unnamed(row: bytes) -> None:
    hub = Hub()
    sources.heard(hub, "logs", [row], 10.0)
    assert [one["source"] for one in sources.here(hub)] == [sources.UNNAMED]


@pytest.mark.parametrize(
    ("state", "shown", "error"),
    [
        ("live", "up", None),
        ("connecting", "retrying", None),
        ("not started", "idle", None),
        ("away: refused", "down", "away: refused"),
    ],
)
async def test_a_feed_of_the_server_says_how_it_stands(state: str, shown: str, error: str | None) -> None:
    hub = Hub()
    hub.node.sources.add(lambda: Standing("feed from Redis", "redis", state, 5, 2, 1, since=42.5))
    (row,) = sources.here(hub)
    assert (row["state"], row["error"], row["rows"], row["breaks"]) == (shown, error, 5, 1)
    assert row["since"] == 42.5
