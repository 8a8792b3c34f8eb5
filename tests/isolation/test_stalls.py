"""Who stands still is told from who is slow, by looks that are counted."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from gapless.isolation.stalls import LOOKS, SLOWEST_BYTES, StallWatch

from ..support.virtual import VirtualLoop
from .wire import Wire

TIMEOUT = 10.0
LOOK = TIMEOUT / LOOKS


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()


class Watched:
    """One client: what it has taken, and how often it was said to stall."""

    def __init__(self, loop: VirtualLoop, wire: Wire | None = None) -> None:
        self.loop = loop
        self.taken = 0
        self.under_way: int | None = 1
        self.stalls = 0
        self.watch = StallWatch(TIMEOUT, wire)

    def _progress(self) -> tuple[int, int] | None:
        return None if self.under_way is None else (self.taken, self.under_way)

    def _stalled(self) -> None:
        self.stalls += 1

    def begin(self) -> None:
        self.loop.call(self.watch.begin, self.taken, self._progress, self._stalled)

    def wait(self, looks: float) -> None:
        self.loop.advance(looks * LOOK)


def test_who_takes_nothing_for_the_timeout_stalls_once(loop: VirtualLoop) -> None:
    watched = Watched(loop)
    watched.begin()
    watched.wait(LOOKS - 0.5)
    assert watched.stalls == 0
    watched.wait(1)
    assert watched.stalls == 1
    watched.wait(10 * LOOKS)
    assert watched.stalls == 1


def test_who_takes_a_message_now_and_then_does_not(loop: VirtualLoop) -> None:
    watched = Watched(loop)
    watched.begin()
    for _ in range(5):
        watched.wait(LOOKS - 0.5)
        watched.taken += 1
    assert watched.stalls == 0


def test_nor_does_one_that_takes_a_byte_of_what_the_server_holds(loop: VirtualLoop) -> None:
    wire = Wire()
    wire.held = 100
    watched = Watched(loop, wire)
    watched.begin()
    for _ in range(5):
        watched.wait(LOOKS - 0.5)
        wire.held -= 1
    assert watched.stalls == 0
    watched.wait(LOOKS + 1)
    assert watched.stalls == 1


def test_more_that_the_server_holds_is_no_move(loop: VirtualLoop) -> None:
    wire = Wire()
    watched = Watched(loop, wire)
    watched.begin()
    for _ in range(LOOKS):
        wire.held += 1
        watched.wait(1)
    watched.wait(0.5)
    assert watched.stalls == 1


def test_where_only_whole_messages_are_seen_a_large_one_has_longer(loop: VirtualLoop) -> None:
    watched = Watched(loop)
    watched.under_way = int(4 * LOOK * SLOWEST_BYTES)
    watched.begin()
    watched.wait(LOOKS + 3.5)
    assert watched.stalls == 0
    watched.wait(1)
    assert watched.stalls == 1


def test_where_nothing_waits_any_more_nothing_is_looked_at(loop: VirtualLoop) -> None:
    watched = Watched(loop)
    watched.begin()
    watched.under_way = None
    watched.wait(2 * LOOKS)
    watched.under_way = 1
    watched.begin()
    watched.wait(LOOKS - 0.5)
    assert watched.stalls == 0, "it begins anew"
    watched.watch.end()
    watched.wait(2 * LOOKS)
    assert watched.stalls == 0


def test_who_is_watched_no_more_is_not_held(loop: VirtualLoop) -> None:
    """Without the garbage collector: connections come and go."""
    gc.disable()
    try:
        watched = Watched(loop)
        watched.begin()
        watched.watch.end()
        known = weakref.ref(watched)
        del watched
        assert known() is None
    finally:
        gc.enable()
