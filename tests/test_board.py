"""The configured board: what each tile takes, and what it becomes for the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gapless import ConfigError
from gapless.board import (
    KINDS,
    MOST,
    Activity,
    Board,
    Breakdown,
    Chart,
    Countdown,
    Feed,
    Latest,
    Log,
    Number,
    States,
    Tile,
)

ANY: Any = "miles"
"""What a type checker would not let through."""

STATIC = Path(__file__).parent.parent / "src" / "gapless" / "dashboard" / "static"


def test_a_board_is_what_the_page_reads_and_says_nothing_that_nobody_said() -> None:
    board = Board(
        [
            Number("stats", "jobs.total", label="Jobs", unit="int", warn_above=5, wide=2),
            Latest("events", where="type:analyzing", fields=["data.repo"], idle_after=60),
            Activity("events", idle_after=30),
            Countdown("events", where="type:next_cycle", field="data.time"),
            Breakdown("stats", "by_repo", top=8),
            Breakdown("events", by="data.repo"),
            Feed("events", title="{data.name}", meta="{data.repo}", limit=30),
            States("workers", key="name", state="state", colours={"lost": "error"}),
            Chart("stats", ["cpu", "memory"]),
            Log("logs", query="level>=info"),
        ],
        title="Robot",
    )
    assert board.as_json() == [
        {
            "tile": "number",
            "channel": "stats",
            "field": "jobs.total",
            "label": "Jobs",
            "unit": "int",
            "warn_above": 5,
            "wide": 2,
        },
        {
            "tile": "latest",
            "channel": "events",
            "where": "type:analyzing",
            "fields": ["data.repo"],
            "idleAfter": 60,
        },
        {"tile": "activity", "channel": "events", "idleAfter": 30},
        {"tile": "countdown", "channel": "events", "where": "type:next_cycle", "field": "data.time"},
        {"tile": "breakdown", "channel": "stats", "field": "by_repo", "top": 8},
        {"tile": "breakdown", "channel": "events", "by": "data.repo"},
        {
            "tile": "feed",
            "channel": "events",
            "title": "{data.name}",
            "meta": "{data.repo}",
            "limit": 30,
        },
        {
            "tile": "states",
            "channel": "workers",
            "key": "name",
            "state": "state",
            "colours": {"lost": "error"},
        },
        {"tile": "chart", "channel": "stats", "fields": ["cpu", "memory"]},
        {"tile": "log", "channel": "logs", "query": "level>=info"},
    ]
    json.dumps(board.as_json())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Number("", "a"), "channel"),
        (lambda: Number("a", ""), "field is a dotted path"),
        (lambda: Number("a", "b", unit=ANY), "unit is one of int, bytes, duration, percent, not 'miles'"),
        (lambda: Number("a", "b", wide=13), "wide is 1 to 12, not 13"),
        (lambda: Latest("a", fields="name"), "fields is a list of names"),
        (lambda: Latest("a", idle_after=-1), "idle_after is 0 or more"),
        (lambda: Activity("a", idle_after=-1), "idle_after is 0 or more"),
        (lambda: Breakdown("a"), "give one of both"),
        (lambda: Breakdown("a", "b", by="c"), "give one of both"),
        (lambda: Breakdown("a", "b", top=0), "top is 1 to 200"),
        (lambda: Feed("a", limit=201), "limit is 1 to 200"),
        (lambda: States("a", colours={"down": ANY}), "colours.down is one of success"),
        (lambda: Chart("a", []), "at least one"),
        (lambda: Board([]), "a board has 1 to"),
        (lambda: Board([Log("a")] * (MOST + 1)), "a board has 1 to"),
    ],
)
def test_what_cannot_be_is_said_by_its_option(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        make()


def test_the_page_knows_each_kind_of_tile() -> None:
    shown = re.search(r"const KINDS = \{(.*?)\};", (STATIC / "board" / "tiles.js").read_text(), re.DOTALL)
    assert shown is not None
    names = set(re.findall(r"(\w+):", shown[1])) | {"log"}
    assert set(KINDS) == names
    assert all(issubclass(kind, Tile) for kind in KINDS.values())
