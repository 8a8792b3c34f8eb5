"""The cursor: one subscriber's place, on the way to the ring, in it, and behind it."""

from __future__ import annotations

import pytest

from gapless.core.cursor import Cursor, Lost, Reason, State
from gapless.core.log import Ring
from gapless.model import History, Position

from .making import EPOCH, feed, live, numbered, page, ring_of


class TestPlacing:
    """Into the ring right behind its offset, if it lies there in the same epoch."""

    def test_goes_live_where_its_offset_ends(self) -> None:
        cursor = Cursor(EPOCH, 2)
        assert cursor.place(ring_of(1, 2, 3))
        assert (cursor.index, cursor.state) == (2, State.LIVE)

    @pytest.mark.parametrize("offset", [0, 1, 7])
    def test_stays_out_when_history_must_be_read_first(self, offset: int) -> None:
        cursor = Cursor(EPOCH, offset)
        assert not cursor.place(ring_of(3, 4, top=2))
        assert cursor.state is State.READING

    def test_stays_out_of_another_epoch_even_if_the_offset_fits(self) -> None:
        cursor = Cursor("second", 1)
        assert not cursor.place(ring_of(1, 2))

    def test_leaves_out_what_has_no_offset_and_came_before_it(self) -> None:
        ring = ring_of(1, "u", "u")
        came = ring.head
        feed(ring, "u", 2)
        cursor = Cursor(EPOCH, 1)
        assert cursor.place(ring, came)
        assert cursor.index == came

    def test_at_the_head_it_takes_over_the_position_of_the_ring(self) -> None:
        ring = ring_of(1, 2, "u")
        cursor = live(ring)
        assert (cursor.index, cursor.offset, cursor.epoch) == (3, 2, EPOCH)

    def test_at_an_index_that_is_gone_it_stands_at_the_oldest(self) -> None:
        ring = ring_of("u", "u", "u", max_entries=1)
        assert live(ring, at=0).index == 2


class TestAdvancing:
    def test_moves_index_and_offset(self) -> None:
        cursor = live(ring_of(1))
        cursor.advance(3, 2, 1)
        assert (cursor.index, cursor.offset) == (3, 2)

    def test_entries_without_an_offset_leave_the_offset(self) -> None:
        cursor = live(ring_of(1))
        cursor.advance(2, 0, 1)
        assert (cursor.index, cursor.offset) == (2, 1)


class TestAdmittingAPage:
    """What is new in a page of history, and what is lost before it."""

    def test_a_page_that_goes_on_where_it_stands_is_new(self) -> None:
        cursor = Cursor(EPOCH, 2)
        fresh, lost = cursor.admit(page(3, 5))
        assert ([p.offset for p in fresh], lost, cursor.offset) == ([3, 4, 5], None, 5)

    def test_what_it_has_already_is_left_out(self) -> None:
        fresh, _ = Cursor(EPOCH, 4).admit(page(3, 5))
        assert [p.offset for p in fresh] == [5]

    def test_an_empty_page_at_the_top_says_that_nothing_is_missing(self) -> None:
        cursor = Cursor(EPOCH, 5)
        assert cursor.admit(page(6, 5)) == ([], None)
        assert cursor.offset == 5

    def test_what_was_trimmed_is_lost_and_it_goes_on_behind_that(self) -> None:
        cursor = Cursor(EPOCH, 2)
        fresh, lost = cursor.admit(page(6, 8, oldest=6))
        assert lost == Lost(3, 5, Reason.TRIMMED, EPOCH)
        assert [p.offset for p in fresh] == [6, 7, 8]

    def test_a_single_one_that_was_trimmed_is_lost(self) -> None:
        fresh, lost = Cursor(EPOCH, 2).admit(page(4, 5, oldest=4))
        assert lost == Lost(3, 3, Reason.TRIMMED, EPOCH)
        assert [p.offset for p in fresh] == [4, 5]

    def test_where_nothing_is_kept_all_up_to_the_top_is_lost(self) -> None:
        cursor = Cursor(EPOCH, 2)
        fresh, lost = cursor.admit(History([], Position(9, EPOCH), 10))
        assert (fresh, lost) == ([], Lost(3, 9, Reason.TRIMMED, EPOCH))
        assert cursor.offset == 9

    def test_another_epoch_is_lost_and_it_goes_on_with_the_oldest_kept(self) -> None:
        cursor = Cursor(EPOCH, 4)
        fresh, lost = cursor.admit(page(1, 3, epoch="second"))
        assert lost == Lost(5, None, Reason.EPOCH, "second")
        assert [p.offset for p in fresh] == [1, 2, 3]
        assert (cursor.epoch, cursor.offset) == ("second", 3)

    def test_of_another_epoch_a_page_read_for_the_old_place_is_read_again(self) -> None:
        cursor = Cursor(EPOCH, 4)
        fresh, lost = cursor.admit(page(5, 6, epoch="second"))
        assert lost == Lost(5, None, Reason.EPOCH, "second")
        assert (fresh, cursor.offset) == ([], 0)
        assert [p.offset for p in cursor.admit(page(1, 6, epoch="second"))[0]] == [1, 2, 3, 4, 5, 6]

    def test_a_position_ahead_of_the_top_of_its_own_epoch_is_lost(self) -> None:
        cursor = Cursor(EPOCH, 9)
        fresh, lost = cursor.admit(History([], Position(3, EPOCH), 1))
        assert lost == Lost(4, None, Reason.EPOCH, EPOCH)
        assert (fresh, cursor.offset) == ([], 0)

    def test_the_very_beginning_lies_in_every_epoch(self) -> None:
        cursor = Cursor()
        fresh, lost = cursor.admit(page(1, 2))
        assert ([p.offset for p in fresh], lost, cursor.epoch) == ([1, 2], None, EPOCH)

    def test_from_the_very_beginning_what_was_trimmed_is_lost(self) -> None:
        assert Cursor().admit(page(3, 4, oldest=3))[1] == Lost(1, 2, Reason.TRIMMED, EPOCH)

    def test_an_offset_without_an_epoch_proves_nothing(self) -> None:
        _, lost = Cursor("", 2).admit(page(3, 4))
        assert lost == Lost(3, None, Reason.EPOCH, EPOCH)

    def test_a_channel_without_history_loses_nothing(self) -> None:
        assert Cursor().admit(History([], Position(0, ""), 0)) == ([], None)


class TestBeginning:
    """The one place where a start's offset and epoch are set."""

    @pytest.mark.parametrize(("history", "offset"), [(0, 9), (2, 7), (6, 3), (99, 3), (None, 3)])
    def test_before_the_newest_so_many_of_those_that_are_kept(self, history: int | None, offset: int) -> None:
        cursor = Cursor()
        assert cursor.begin(History([], Position(9, EPOCH), 4), None, history) is None
        assert (cursor.epoch, cursor.offset, cursor.state) == (EPOCH, offset, State.READING)

    def test_behind_a_position_whatever_was_asked_for_beside_it(self) -> None:
        cursor = Cursor()
        assert cursor.begin(page(1, 9), Position(4, EPOCH), 2) is None
        assert (cursor.epoch, cursor.offset) == (EPOCH, 4)

    @pytest.mark.parametrize(
        ("since", "lost"),
        [
            (Position(2, EPOCH), Lost(3, 5, Reason.TRIMMED, EPOCH)),
            (Position(99, EPOCH), Lost(10, None, Reason.EPOCH, EPOCH)),
            (Position(7, "another"), Lost(8, None, Reason.EPOCH, EPOCH)),
        ],
    )
    def test_where_it_cannot_be_read_on_it_says_so_and_begins_with_the_oldest(
        self, since: Position, lost: Lost
    ) -> None:
        cursor = Cursor()
        assert cursor.begin(History([], Position(9, EPOCH), 6), since, None) == lost
        assert (cursor.epoch, cursor.offset) == (EPOCH, 5)

    def test_begun_again_with_a_page_that_knows_better_it_starts_anew(self) -> None:
        cursor = Cursor()
        cursor.begin(History([], Position(3, "older"), 1), Position(4, EPOCH), None)
        assert cursor.begin(page(1, 9), Position(4, EPOCH), None) is None
        assert (cursor.epoch, cursor.offset) == (EPOCH, 4)

    def test_what_its_page_holds_is_admitted_then_and_nothing_is_lost_twice(self) -> None:
        cursor = Cursor()
        assert cursor.begin(page(6, 9, oldest=6), Position(2, EPOCH), None) is not None
        fresh, lost = cursor.admit(page(6, 9, oldest=6))
        assert ([p.offset for p in fresh], lost) == ([6, 7, 8, 9], None)

    def test_what_found_no_place_is_read_again(self) -> None:
        cursor = Cursor(EPOCH, 0)
        cursor.admit(page(1, 9))
        cursor.stop_at(4)
        assert [p.offset for p in cursor.admit(page(5, 9))[0]] == [5, 6, 7, 8, 9]


class TestWhatIsLost:
    """Two losses, one right behind the other, are said as one, and nothing of either is left out."""

    def test_of_one_life_from_the_first_to_the_last(self) -> None:
        earlier = Lost(3, 5, Reason.TRIMMED, EPOCH, 1)
        assert earlier.and_then(None) == earlier
        assert earlier.and_then(Lost(6, 8, Reason.TRIMMED, EPOCH, 2)) == Lost(3, 8, Reason.TRIMMED, EPOCH, 3)

    @pytest.mark.parametrize("reasons", [(Reason.TRIMMED, Reason.EPOCH), (Reason.EPOCH, Reason.TRIMMED)])
    def test_over_two_lives_nobody_knows_how_much(self, reasons: tuple[Reason, Reason]) -> None:
        earlier, later = Lost(3, 5, reasons[0], EPOCH), Lost(1, 2, reasons[1], "second")
        assert earlier.and_then(later) == Lost(3, None, Reason.EPOCH, "second")


class TestReentering:
    """After reading history, into the ring again; what had no offset meanwhile is counted."""

    def fallen_behind(self, ring: Ring) -> Cursor:
        """A cursor that stood at the head of this ring; whatever is fed now pushes it out."""
        cursor = live(ring)
        cursor.leave_ring()
        return cursor

    def test_needs_another_page_while_the_ring_does_not_reach_back(self) -> None:
        ring = ring_of(1, max_entries=2)
        cursor = self.fallen_behind(ring)
        feed(ring, 2, 3, 4)
        assert cursor.reenter(ring) is None
        assert cursor.state is State.READING

    def test_misses_nothing_where_everything_has_an_offset(self) -> None:
        ring = ring_of(1, max_entries=2)
        cursor = self.fallen_behind(ring)
        feed(ring, 2, 3, 4)
        cursor.admit(page(2, 4))
        assert cursor.reenter(ring) == 0
        assert (cursor.index, cursor.state) == (ring.head, State.LIVE)

    def test_counts_what_had_no_offset(self) -> None:
        ring = ring_of(1, max_entries=2)
        cursor = self.fallen_behind(ring)
        feed(ring, "u", 2, "j", "u", 3, 4)
        cursor.admit(page(2, 4))
        assert cursor.reenter(ring) == 3

    def test_counts_nothing_that_it_still_reads_in_the_ring(self) -> None:
        ring = ring_of(1, max_entries=2)
        cursor = self.fallen_behind(ring)
        feed(ring, "u", 2, "u")
        cursor.admit(page(2, 2))
        assert cursor.reenter(ring) == 1
        assert cursor.index == ring.head - 1

    def test_counts_right_where_the_ring_skipped_offsets(self) -> None:
        ring = ring_of(1, max_entries=2)
        cursor = self.fallen_behind(ring)
        feed(ring, "u")
        ring.skip_to(50)
        feed(ring, "u", 51)
        cursor.admit(page(51, 51, oldest=51))
        assert cursor.reenter(ring) == 2

    def test_counts_nothing_where_only_the_epoch_changed(self) -> None:
        ring = ring_of(*range(1, 11))
        cursor = self.fallen_behind(ring)
        ring.restart("second", 3)
        cursor.admit(page(1, 3, epoch="second"))
        assert cursor.reenter(ring) == 0

    def test_counts_nothing_that_came_before_it_did(self) -> None:
        ring = ring_of("u", "u", "u", 1, max_entries=2)
        cursor = Cursor()
        cursor.come(ring)
        cursor.epoch = EPOCH
        feed(ring, 2, 3, 4)
        cursor.admit(page(1, 4))
        assert cursor.reenter(ring) == 0

    def test_counts_what_came_since_it_did(self) -> None:
        ring = ring_of("u", 1, max_entries=2)
        cursor = Cursor()
        cursor.come(ring)
        cursor.epoch = EPOCH
        feed(ring, "u", 2, 3)
        cursor.admit(page(1, 3))
        assert cursor.reenter(ring) == 1


class TestJumping:
    """`on_gap="latest"`: to the newest publication, and what lies between is said to be left out."""

    def test_goes_to_the_newest_and_says_which_offsets_it_left_out(self) -> None:
        ring = ring_of(1)
        cursor = live(ring)
        feed(ring, 2, 3, 4)
        assert cursor.jump(ring) == Lost(2, 3, Reason.LATEST, EPOCH)
        assert (cursor.index, cursor.offset) == (3, 3)

    def test_leaves_out_nothing_when_there_is_only_one(self) -> None:
        ring = ring_of(1)
        cursor = live(ring)
        feed(ring, 2)
        assert cursor.jump(ring) is None
        assert cursor.index == 1

    def test_leaves_out_nothing_at_the_head(self) -> None:
        ring = ring_of(1)
        assert live(ring).jump(ring) is None

    def test_counts_what_has_no_offset(self) -> None:
        ring = ring_of("u")
        cursor = live(ring)
        feed(ring, "u", "u", "u")
        assert cursor.jump(ring) == Lost(None, None, Reason.LATEST, EPOCH, 2)
        feed(ring, "u", "u")
        assert cursor.jump(ring) == Lost(None, None, Reason.LATEST, EPOCH, 2)

    def test_says_both_where_both_were_left_out(self) -> None:
        ring = ring_of(1)
        cursor = live(ring)
        feed(ring, "u", 2, "u", 3)
        assert cursor.jump(ring) == Lost(2, 2, Reason.LATEST, EPOCH, 2)

    def test_to_a_newest_without_offset_leaves_out_all_offsets(self) -> None:
        ring = ring_of(1)
        cursor = live(ring)
        feed(ring, 2, "u")
        assert cursor.jump(ring) == Lost(2, 2, Reason.LATEST, EPOCH)
        assert cursor.offset == 2

    def test_a_member_who_comes_is_nothing_to_jump_to(self) -> None:
        ring = ring_of(1)
        cursor = live(ring)
        feed(ring, 2, "j")
        assert cursor.jump(ring) is None
        assert cursor.index == 1

    def test_into_another_epoch_is_said_as_such(self) -> None:
        ring = ring_of(1)
        cursor = live(ring)
        ring.restart("second", 6)
        ring.append(numbered(7, epoch="second"))
        assert cursor.jump(ring) == Lost(2, None, Reason.EPOCH, "second")
        assert (cursor.epoch, cursor.offset, cursor.index) == ("second", 6, ring.head - 1)

    def test_over_an_interruption_is_said_as_such_even_if_nothing_is_known_to_be_lost(self) -> None:
        ring = ring_of("u")
        cursor = live(ring)
        ring.interrupt()
        assert cursor.jump(ring) == Lost(None, None, Reason.INTERRUPTED, EPOCH)

    def test_when_the_ring_holds_nothing_any_more_all_is_left_out(self) -> None:
        ring = ring_of(1)
        cursor = live(ring)
        ring.skip_to(5)
        assert cursor.jump(ring) == Lost(2, 5, Reason.LATEST, EPOCH)
        assert (cursor.index, cursor.offset) == (ring.head, 5)


class TestSkipping:
    """In a channel without history: on to the oldest that is kept, and how many are missed."""

    def test_counts_what_fell_off(self) -> None:
        ring = ring_of("u", max_entries=2)
        cursor = live(ring)
        feed(ring, *"uuuuu")
        assert cursor.is_behind(ring)
        assert cursor.skip(ring) == Lost(None, None, Reason.UNNUMBERED, EPOCH, 3)
        assert cursor.index == ring.first
        assert not cursor.is_behind(ring)

    def test_says_that_the_link_was_interrupted(self) -> None:
        ring = ring_of("u")
        cursor = live(ring)
        ring.interrupt()
        assert cursor.skip(ring) == Lost(None, None, Reason.INTERRUPTED, EPOCH, 0)

    def test_counts_what_an_interruption_took_from_the_ring(self) -> None:
        ring = ring_of("u")
        cursor = live(ring)
        feed(ring, "u", "u")
        ring.interrupt()
        assert cursor.skip(ring).missed == 2

    def test_counts_right_over_several_interruptions(self) -> None:
        ring = ring_of("u")
        cursor = live(ring)
        for _ in range(3):
            feed(ring, "u")
            ring.interrupt()
        assert cursor.skip(ring) == Lost(None, None, Reason.INTERRUPTED, EPOCH, 3)

    def test_an_interruption_before_it_came_is_not_its_own(self) -> None:
        ring = ring_of("u", max_entries=2)
        ring.interrupt()
        cursor = live(ring)
        feed(ring, *"uuu")
        assert cursor.skip(ring) == Lost(None, None, Reason.UNNUMBERED, EPOCH, 1)
