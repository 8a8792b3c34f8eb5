"""The flush: in the loop's next turn, in slices, and what a publisher waits for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gapless import Limits
from gapless.core.channel import Channel
from gapless.core.cursor import Cursor
from gapless.node.flush import Flush

from ..core.making import channel_of, feed, ring_of
from ..support.virtual import VirtualLoop


class Slow:
    """A subscriber that takes a while for each delivery, in virtual time."""

    resting = False

    def __init__(self, loop: VirtualLoop, channel: Channel, seconds: float = 0.0) -> None:
        self.cursor = Cursor()
        self.cursor.stand_at_head(channel.ring)
        self.deliveries = 0
        self._loop = loop
        self._seconds = seconds
        self._ring = channel.ring
        channel.add(self)

    def deliver(self) -> None:
        self.deliveries += 1
        self.cursor.advance(self._ring.head, self._ring.top, 0)
        if self._seconds:
            self._loop.elapse(self._seconds)


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.end()


@pytest.fixture
def flush(loop: VirtualLoop) -> Flush:
    made = Flush(Limits(slice_seconds=0.004, patience=1.0))
    loop.call(made.begin)
    return made


def test_what_is_marked_is_delivered_in_the_next_turn_and_once(loop: VirtualLoop, flush: Flush) -> None:
    channel = channel_of(ring_of(1))
    reader = Slow(loop, channel)
    feed(channel.ring, 2, 3)
    flush.mark(channel)
    flush.mark(channel)
    assert reader.deliveries == 0
    loop.turn()
    assert reader.deliveries == 1


def test_a_long_flush_gives_the_loop_back_between_its_slices(loop: VirtualLoop, flush: Flush) -> None:
    channel = channel_of(ring_of(1))
    readers = [Slow(loop, channel, seconds=0.001) for _ in range(640)]
    feed(channel.ring, 2)
    flush.mark(channel)
    turns = 0
    while any(reader.deliveries == 0 for reader in readers):
        loop.turn()
        turns += 1
    assert 2 <= turns <= 11
    assert {reader.deliveries for reader in readers} == {1}


def test_after_its_end_a_scheduled_flush_finds_nothing_to_do(loop: VirtualLoop, flush: Flush) -> None:
    channel = channel_of(ring_of(1))
    reader = Slow(loop, channel)
    feed(channel.ring, 2)
    flush.mark(channel)
    flush.end()
    loop.turn()
    assert reader.deliveries == 0


class TestBackPressure:
    def test_nobody_waits_for_a_channel_without_readers(self, flush: Flush) -> None:
        channel = channel_of(ring_of(*range(1, 9), max_entries=8))
        assert flush.relief(channel) is None
        assert not flush.is_behind(channel)

    def test_a_flush_that_did_not_come_to_half_a_ring_is_behind(
        self, loop: VirtualLoop, flush: Flush
    ) -> None:
        channel = channel_of(ring_of(1, max_entries=8))
        Slow(loop, channel)
        feed(channel.ring, 2, 3, 4)
        assert not flush.is_behind(channel)
        feed(channel.ring, 5)
        assert flush.is_behind(channel)

    def test_a_frozen_reader_is_waited_for_only_for_a_moment(self, loop: VirtualLoop, flush: Flush) -> None:
        channel = channel_of(ring_of(1, max_entries=8))
        frozen = Slow(loop, channel)
        channel.mark_lagging(frozen)
        feed(channel.ring, 2, 3, 4, 5, 6, 7)
        channel.swept = channel.ring.head
        relief = flush.relief(channel)
        assert relief is not None
        begun = loop.time()
        loop.run(relief)
        assert loop.time() - begun < 0.2
        assert channel.awaited() == []
