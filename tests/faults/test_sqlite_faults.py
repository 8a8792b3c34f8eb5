"""Processes on one file die under load: nothing acknowledged is lost, nobody is told wrong.

With `GAPLESS_FAULTS=long` there is more of everything: fifty deaths of the one process, twenty of one
of four, two thousand clients.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from ..support.until import until
from .cloud import CHANNELS, Cloud, Scale, cloud
from .hubs import Nodes, Workers

pytestmark = pytest.mark.anyio

LONG = os.environ.get("GAPLESS_FAULTS") == "long"

ALONE = Scale(subscribers=20 if LONG else 4, publishers=8, at_once=16, per_second=None)
DEATHS = 50 if LONG else 3

SHARED = Scale(subscribers=200, publishers=8, at_once=4) if LONG else Scale()
WORKERS, WORKER_DEATHS = (4, 20) if LONG else (3, 2)

CROWD = Scale(
    subscribers=2_000 if LONG else 40,
    publishers=16,
    at_once=5,
    per_second=None,
    total=2_000 if LONG else 400,
    patience=600.0,
)


async def test_the_one_process_is_killed_while_it_publishes_as_fast_as_it_can(tmp_path: Path) -> None:
    hubs = Nodes.on(f"sqlite:///{tmp_path}/app.db", tmp_path, 1)
    (node,) = hubs.all
    async with cloud(hubs, ALONE) as made:
        for _ in range(DEATHS):
            await asyncio.to_thread(node.kill)
            await asyncio.to_thread(node.start)
            await made.progress(200)
    assert_recovered(made)


async def test_one_of_the_workers_is_killed_while_all_publish_and_deliver(tmp_path: Path) -> None:
    workers, chance = Workers(tmp_path / "app.db", WORKERS), random.Random(12)
    async with cloud(workers, SHARED) as made:
        for _ in range(WORKER_DEATHS):
            await asyncio.to_thread(workers.kill_one, chance.randrange(WORKERS))
            await made.progress(100)
    assert_recovered(made)


async def test_all_see_one_order_of_what_all_workers_publish_at_once(tmp_path: Path) -> None:
    workers = Workers(tmp_path / "app.db", WORKERS)
    made = Cloud(workers, CROWD)
    try:
        await made.begin()
        await made.published()
        await made.settle()
        await until(lambda: sum(published(workers).values()) == CROWD.total, "reports of all", pause=0.2)
        assert all(published(workers).values()), "each of them had its part"
    finally:
        await made.end()
    assert_recovered(made)
    for number in range(CROWD.subscribers):
        seen = sum(made.checker.seen(f"s{number}", channel) for channel in CHANNELS)
        assert seen == CROWD.total


def published(workers: Workers) -> dict[str, int]:
    """How much each process has published."""
    return {node["name"]: int(node["metrics"]["items"]["published"]) for node in workers.nodes()}


def assert_recovered(made: Cloud) -> None:
    """Nobody ever had to be told that something is lost: retention holds all of it, under one epoch."""
    assert all(len(epochs) == 1 for epochs in made.epochs.values()), "a killed process ends no epoch"
    assert made.losses == 0
