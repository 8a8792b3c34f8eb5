"""Worlds to test in: closed at the end, whatever happened in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gapless import ChannelOptions, Limits

from .world import World

KEPT = ChannelOptions(history=20, ring=8)
OPTIONS = {
    "c": KEPT,
    "d": KEPT,
    "latest": ChannelOptions(history=20, ring=8, on_gap="latest"),
    "plain": ChannelOptions(ring=8),
    "wide": ChannelOptions(ring=200),
    "strict": ChannelOptions(ring=8, on_gap="disconnect"),
}

MakeWorld = Callable[..., World]


@pytest.fixture
def make_world() -> Iterator[MakeWorld]:
    """Make a world with these limits. Channels: `c` and `d` kept, `latest`, `plain`, `wide`, `strict`."""
    made: list[World] = []

    def make(**limits: Any) -> World:
        made.append(World(OPTIONS, limits=Limits(**limits)))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()
