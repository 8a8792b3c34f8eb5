"""The flush: by slices, by turns, and what is published meanwhile rides along."""

from __future__ import annotations

from collections.abc import Callable

from gapless.core.channel import Channel
from gapless.core.fanout import SLICE, Fanout

from .making import Reader, channel_of, feed, ring_of


class Named(Reader):
    """Writes down whose turn it was, and does what a test wants in it."""

    def __init__(self, name: str, turns: list[str], then: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.name = name
        self._turns = turns
        self._then = then

    def deliver(self) -> None:
        super().deliver()
        self._turns.append(self.name)
        if self._then is not None:
            self._then()


def crowd(count: int) -> tuple[Channel, list[Reader]]:
    channel = channel_of(ring_of())
    readers = [Reader() for _ in range(count)]
    for reader in readers:
        channel.add(reader)
    return channel, readers


def run(fanout: Fanout) -> int:
    steps = 0
    more = not fanout.idle
    while more:
        more = fanout.step()
        steps += 1
    return steps


class TestAPass:
    def test_serves_everybody_once(self) -> None:
        channel, readers = crowd(3 * SLICE + 1)
        fanout = Fanout()
        fanout.mark(channel)
        assert run(fanout) == 4
        assert {reader.turns for reader in readers} == {1}

    def test_serves_a_channel_marked_twice_once(self) -> None:
        channel, readers = crowd(2)
        fanout = Fanout()
        fanout.mark(channel)
        fanout.mark(channel)
        run(fanout)
        assert [reader.turns for reader in readers] == [1, 1]

    def test_nothing_marked_is_nothing_to_do(self) -> None:
        fanout = Fanout()
        assert fanout.idle
        assert not fanout.step()

    def test_without_subscribers_it_is_over_at_once(self) -> None:
        channel = channel_of(ring_of())
        feed(channel.ring, 1)
        fanout = Fanout()
        fanout.mark(channel)
        run(fanout)
        assert channel.swept == channel.ring.head


class TestSlices:
    def test_channels_take_turns(self) -> None:
        turns: list[str] = []
        fanout = Fanout()
        for name in "ab":
            channel = channel_of(ring_of())
            for _ in range(2 * SLICE):
                channel.add(Named(name, turns))
            fanout.mark(channel)
        run(fanout)
        assert "".join(turns) == "a" * SLICE + "b" * SLICE + "a" * SLICE + "b" * SLICE

    def test_a_small_channel_does_not_wait_for_a_large_one(self) -> None:
        turns: list[str] = []
        fanout = Fanout()
        large, small = channel_of(ring_of()), channel_of(ring_of())
        for _ in range(50 * SLICE):
            large.add(Named("large", turns))
        small.add(Named("small", turns))
        fanout.mark(large)
        fanout.mark(small)
        run(fanout)
        assert turns.index("small") == SLICE

    def test_how_far_it_has_come_moves_only_at_the_end_of_a_pass(self) -> None:
        channel, _ = crowd(SLICE + 1)
        feed(channel.ring, 1, 2)
        fanout = Fanout()
        fanout.mark(channel)
        fanout.step()
        assert channel.swept == 0
        fanout.step()
        assert channel.swept == 2


class TestWhatHappensMeanwhile:
    def test_what_is_published_during_a_pass_gets_another_pass_for_the_earlier_ones(self) -> None:
        turns: list[str] = []
        fanout = Fanout()
        channel = channel_of(ring_of())
        once = iter([lambda: fanout.mark(channel)])
        channel.add(Named("first", turns))
        channel.add(Named("publishes", turns, lambda: next(once, lambda: None)()))
        channel.add(Named("last", turns))
        fanout.mark(channel)
        run(fanout)
        assert turns == ["first", "publishes", "last"] * 2

    def test_the_head_that_a_pass_reached_is_the_one_it_began_with(self) -> None:
        channel, _ = crowd(SLICE + 1)
        feed(channel.ring, 1)
        fanout = Fanout()
        fanout.mark(channel)
        fanout.step()
        feed(channel.ring, 2)
        fanout.step()
        assert channel.swept == 1

    def test_who_leaves_during_a_pass_disturbs_nobody(self) -> None:
        turns: list[str] = []
        fanout = Fanout()
        channel = channel_of(ring_of())
        later = Named("later", turns)
        channel.add(Named("leaver", turns, lambda: channel.discard(later)))
        channel.add(later)
        channel.add(Named("last", turns))
        fanout.mark(channel)
        run(fanout)
        assert turns[-1] == "last"
        assert turns.count("last") == 1

    def test_who_comes_during_a_pass_waits_for_the_next(self) -> None:
        turns: list[str] = []
        fanout = Fanout()
        channel = channel_of(ring_of())
        newcomer = Named("newcomer", turns)
        channel.add(Named("host", turns, lambda: channel.add(newcomer)))
        fanout.mark(channel)
        run(fanout)
        assert turns == ["host"]
        fanout.mark(channel)
        run(fanout)
        assert turns == ["host", "host", "newcomer"]
