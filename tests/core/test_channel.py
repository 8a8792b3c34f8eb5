"""A channel on this node: who reads it, who lags, and whom a publisher waits for."""

from __future__ import annotations

from gapless.core.channel import Channel
from gapless.core.cursor import State

from .making import Reader, channel_of, feed, live, ring_of


def lagging_at(channel: Channel, index: int) -> Reader:
    reader = Reader(live(channel.ring, at=index))
    channel.add(reader)
    channel.mark_lagging(reader)
    return reader


class TestSubscribers:
    def test_come_and_go(self) -> None:
        channel, reader = channel_of(ring_of()), Reader()
        channel.add(reader)
        assert channel.order() == (reader,)
        channel.discard(reader)
        assert channel.order() == ()

    def test_an_order_that_was_taken_stays_as_it_was(self) -> None:
        channel, reader = channel_of(ring_of()), Reader()
        channel.add(reader)
        order = channel.order()
        channel.discard(reader)
        channel.add(Reader())
        assert order == (reader,)

    def test_one_that_is_unknown_goes_without_a_trace(self) -> None:
        channel = channel_of(ring_of())
        channel.discard(Reader())
        assert channel.order() == ()

    def test_one_that_goes_lags_no_more(self) -> None:
        channel = channel_of(ring_of(1, 2))
        channel.discard(lagging_at(channel, 0))
        assert not channel.lagging


class TestLagging:
    def test_is_a_state_of_its_cursor(self) -> None:
        channel = channel_of(ring_of(1))
        reader = lagging_at(channel, 0)
        assert reader.cursor.state is State.LAGGING

    def test_ends_when_it_has_caught_up(self) -> None:
        channel = channel_of(ring_of(1))
        reader = lagging_at(channel, 0)
        channel.caught_up(reader)
        assert reader.cursor.state is State.LIVE
        assert not channel.lagging


class TestPressure:
    """Whom a publisher waits for: who moves, is more than half a ring behind, and still in it."""

    def test_less_than_half_a_ring_behind_nobody_waits(self) -> None:
        channel = channel_of(ring_of(*range(1, 11), max_entries=10))
        lagging_at(channel, 6)
        assert channel.awaited() == []

    def test_more_than_half_a_ring_behind_is_waited_for(self) -> None:
        channel = channel_of(ring_of(*range(1, 11), max_entries=10))
        reader = lagging_at(channel, 4)
        assert channel.awaited() == [reader]

    def test_who_fell_off_the_ring_reads_history_and_is_not_waited_for(self) -> None:
        ring = ring_of(*range(1, 11), max_entries=10)
        channel = channel_of(ring)
        lagging_at(channel, 0)
        feed(ring, 11)
        assert channel.awaited() == []

    def test_who_is_excused_is_not_waited_for_until_it_has_caught_up(self) -> None:
        channel = channel_of(ring_of(*range(1, 11), max_entries=10))
        reader = lagging_at(channel, 1)
        channel.excuse(reader)
        channel.mark_lagging(reader)
        assert channel.awaited() == []
        channel.caught_up(reader)
        channel.mark_lagging(reader)
        assert channel.awaited() == [reader]

    def test_who_is_not_lagging_cannot_be_excused(self) -> None:
        channel = channel_of(ring_of(1))
        channel.excuse(Reader())
        assert not channel.lagging

    def test_the_flush_itself_is_behind_when_more_than_half_a_ring_was_not_swept(self) -> None:
        ring = ring_of(max_entries=10)
        channel = channel_of(ring)
        feed(ring, *range(1, 6))
        assert not channel.is_sweeping_behind()
        feed(ring, 6)
        assert channel.is_sweeping_behind()
