"""The ring: the newest entries of one channel, fed by one rule, read by index."""

from __future__ import annotations

import pytest

from gapless.core.log import ENTRY_OVERHEAD, Budget, Entry, Kind, Ring
from gapless.errors import Gap
from gapless.model import Publication

from .making import EPOCH, BytesView, feed, joined, numbered, page, ring_of, unnumbered


def offsets(ring: Ring) -> list[int]:
    return [entry.offset for entry in ring.entries(ring.first)]


def held(ring: Ring, after: int, max_bytes: int | None = None, limit: int | None = None) -> list[int] | None:
    """The offsets of a run."""
    run = ring.run(after, max_bytes, limit)
    return None if run is None else [publication.offset for publication in run]


class TestAppend:
    """What the broker notifies is next, old, or further on."""

    def test_the_next_one_is_added(self) -> None:
        ring = ring_of(1, 2)
        assert ring.append(numbered(3)) is True
        assert (ring.top, ring.head, offsets(ring)) == (3, 3, [1, 2, 3])

    @pytest.mark.parametrize("offset", [1, 2])
    def test_an_old_one_is_ignored(self, offset: int) -> None:
        ring = ring_of(1, 2)
        assert ring.append(numbered(offset)) is False
        assert (ring.top, ring.head) == (2, 2)

    def test_one_further_on_is_a_gap_and_not_added(self) -> None:
        ring = ring_of(1, 2)
        with pytest.raises(Gap) as gap:
            ring.append(numbered(4))
        assert (gap.value.head, gap.value.offset) == (2, 4)
        assert (ring.top, ring.head) == (2, 2)

    def test_one_of_another_epoch_is_a_gap_even_if_its_number_is_next(self) -> None:
        ring = ring_of(1, 2)
        with pytest.raises(Gap):
            ring.append(numbered(3, epoch="second"))
        assert (ring.epoch, ring.top) == (EPOCH, 2)

    def test_one_of_another_epoch_is_a_gap_even_if_its_number_is_old(self) -> None:
        with pytest.raises(Gap):
            ring_of(1, 2).append(numbered(1, epoch="second"))

    def test_one_without_an_offset_is_always_added_and_moves_no_offset(self) -> None:
        ring = ring_of(1)
        assert ring.append(unnumbered()) is True
        assert (ring.top, ring.head, ring.unnumbered) == (1, 2, 1)

    def test_a_ring_goes_on_from_the_top_it_was_made_with(self) -> None:
        ring = ring_of(top=7)
        assert ring.append(numbered(7)) is False
        assert ring.append(numbered(8)) is True


class TestAdoptingAnEpoch:
    """An epoch is adopted from a publication only when none is known and it is the first of all."""

    def test_from_the_first_publication(self) -> None:
        ring = Ring("c")
        assert ring.append(numbered(1, epoch="new")) is True
        assert (ring.epoch, ring.top) == ("new", 1)

    def test_not_from_a_later_one(self) -> None:
        ring = Ring("c")
        with pytest.raises(Gap):
            ring.append(numbered(2, epoch="new"))
        assert (ring.epoch, ring.top) == ("", 0)

    def test_not_when_one_is_known_already(self) -> None:
        ring = ring_of()
        with pytest.raises(Gap):
            ring.append(numbered(1, epoch="new"))
        assert ring.epoch == EPOCH


class TestBounds:
    """Entries and bytes are bounded; the newest entry stays in any case."""

    def test_the_oldest_go_when_there_are_too_many(self) -> None:
        ring = ring_of(1, 2, 3, 4, max_entries=3)
        assert offsets(ring) == [2, 3, 4]
        assert (ring.first, ring.head) == (1, 4)

    def test_the_oldest_go_when_they_are_too_large(self) -> None:
        ring = ring_of(max_bytes=3 * (ENTRY_OVERHEAD + 100))
        for offset in range(1, 6):
            ring.append(numbered(offset, size=100))
        assert offsets(ring) == [3, 4, 5]

    def test_tags_count_as_much_as_payloads(self) -> None:
        ring = ring_of(max_bytes=3 * (ENTRY_OVERHEAD + 1000))
        for offset in range(1, 6):
            ring.append(numbered(offset)._replace(tags={"tag": "x" * 1000}))
        assert offsets(ring) == [4, 5]

    def test_the_newest_stays_even_if_it_alone_is_too_large(self) -> None:
        ring = ring_of(max_bytes=10)
        ring.append(numbered(1, size=5000))
        ring.append(numbered(2, size=5000))
        assert offsets(ring) == [2]

    def test_every_entry_is_charged_to_the_common_budget(self) -> None:
        budget = Budget(1000)
        one, other = ring_of(1, budget=budget), ring_of("u", "u", budget=budget)
        assert budget.used == one.bytes + other.bytes == 3 * (ENTRY_OVERHEAD + 1)

    def test_cached_frames_are_charged_and_given_back(self) -> None:
        budget = Budget(1 << 20)
        ring = ring_of(budget=budget)
        for offset in (1, 2):
            ring.append(numbered(offset, size=50))
        bare = budget.used
        chunk = ring.chunk(BytesView(), 0, 1000)
        assert budget.used == bare + 2 * 50 + chunk.size
        ring.release()
        assert budget.used == ring.bytes == 0

    def test_shrinking_gives_up_the_oldest_and_says_how_many(self) -> None:
        ring = ring_of(1, 2, 3, 4)
        assert ring.shrink(2 * (ENTRY_OVERHEAD + 1)) == 2
        assert (offsets(ring), ring.first, ring.head) == ([3, 4], 2, 4)

    def test_a_chunk_that_is_shown_to_one_only_costs_nothing_of_its_own(self) -> None:
        ring = ring_of(1)
        ring.chunk(BytesView(), 0, 1000)
        before = ring.bytes
        feed(ring, 2)
        assert ring.bytes == before + ENTRY_OVERHEAD + 1

    def test_a_reader_of_more_than_half_of_it_is_close_to_losing_its_place(self) -> None:
        by_entries = ring_of(1, 2, 3, 4, max_entries=4)
        by_bytes = ring_of(max_bytes=4 * Entry(numbered(1, size=100)).cost)
        for offset in range(1, 5):
            by_bytes.append(numbered(offset, size=100))
        for ring in (by_entries, by_bytes, ring_of(1, 2, max_entries=3)):
            assert ring.is_half_ahead(ring.head - 2) is (ring.max_entries == 3)
            assert ring.is_half_ahead(ring.first) is True


class TestRun:
    """Publications as a page of history would hold them, made once for all who ask for the same."""

    def test_holds_what_has_an_offset_and_lies_behind_the_one_asked_for(self) -> None:
        ring = ring_of("u", 3, "j", 4, "u", 5, "u", top=2)
        assert [held(ring, after) for after in range(1, 7)] == [
            None,
            [3, 4, 5],
            [4, 5],
            [5],
            [],
            None,
        ]

    def test_ends_at_its_bounds_but_holds_at_least_one(self) -> None:
        ring = ring_of(1, 2, 3, 4)
        assert held(ring, 0, max_bytes=0) == [1]
        assert held(ring, 0, max_bytes=3) == [1, 2, 3]
        assert held(ring, 1, limit=2) == [2, 3]
        assert held(ring, 1, limit=0) == []

    def test_is_the_same_until_the_next_entry_comes(self) -> None:
        ring = ring_of(1, 2)
        first = ring.run(0, None, None)
        assert ring.run(0, None, None) is first
        assert ring.run(0, None, 1) is not first
        feed(ring, "u")
        assert ring.run(0, None, None) is not first

    def test_only_a_few_are_kept(self) -> None:
        ring = ring_of(*range(1, 21))
        first = ring.run(0, None, None)
        for after in range(1, 9):
            ring.run(after, None, None)
        assert ring.run(0, None, None) is not first

    def test_is_charged_while_it_is_kept(self) -> None:
        budget = Budget(1000)
        ring = ring_of(1, 2, 3, budget=budget)
        before = (ring.bytes, budget.used)
        for _ in range(3):
            ring.run(1, None, None)
        assert (ring.bytes, budget.used) == (before[0] + 2, before[1] + 2)
        ring.shrink(before[0])
        assert (ring.bytes, budget.used) == before

    def test_takes_no_shared_chunk_away(self) -> None:
        ring = ring_of(*range(1, 21))
        chunk = ring.chunk(BytesView(), 0, 1000)
        for after in range(20):
            ring.run(after, None, None)
        assert ring.common is chunk


class TestHowFarBackHistoryReaches:
    def test_only_ever_less_far_within_one_life(self) -> None:
        ring = ring_of(1, 2, 3)
        assert ring.oldest == 1
        for oldest, known in ((3, 3), (2, 3), (4, 4)):
            ring.learn(page(1, 0, top=3, oldest=oldest))
            assert ring.oldest == known

    def test_another_life_says_nothing_of_this_one(self) -> None:
        ring = ring_of(1, 2, 3)
        ring.learn(page(1, 0, top=3, oldest=3, epoch="second"))
        assert ring.oldest == 1
        ring.learn(page(1, 0, top=3, oldest=3))
        ring.restart("second", 0)
        assert ring.oldest == 1


class TestPlace:
    """Where a reader that has everything up to an offset goes on."""

    @pytest.mark.parametrize(("offset", "index"), [(1, 0), (2, 1), (3, 2), (4, 3)])
    def test_right_behind_its_offset(self, offset: int, index: int) -> None:
        ring = ring_of(2, 3, 4, top=1)
        assert ring.place(offset) == index

    def test_not_before_the_ring(self) -> None:
        assert ring_of(3, 4, 5, top=2).place(1) is None

    def test_not_beyond_its_top(self) -> None:
        assert ring_of(1, 2).place(3) is None

    def test_at_the_head_of_an_empty_ring_whose_top_it_has(self) -> None:
        ring = ring_of(top=9)
        assert ring.place(9) == ring.head == 0

    def test_nowhere_in_an_empty_ring_otherwise(self) -> None:
        assert ring_of(top=9).place(8) is None

    def test_before_the_entries_without_offset_that_follow_it(self) -> None:
        ring = ring_of(1, "u", "j", 2, "u")
        assert ring.place(1) == 1
        assert ring.place(2) == 4

    def test_at_the_beginning_when_only_what_is_unnumbered_is_left(self) -> None:
        ring = ring_of(1, "u", "u", max_entries=2)
        assert ring.place(1) == ring.first == 1

    def test_before_unnumbered_entries_at_the_beginning(self) -> None:
        ring = ring_of(1, "u", 2, max_entries=2)
        assert ring.place(1) == ring.first

    def test_what_has_no_offset_can_be_skipped_up_to_an_index(self) -> None:
        ring = ring_of(1, "u", "u", 2)
        assert ring.skip_unnumbered(1, 2) == 2
        assert ring.skip_unnumbered(1, 9) == 3


class TestCountingWhatHasNoOffset:
    def test_before_each_index(self) -> None:
        ring = ring_of("u", 1, "j", 2)
        assert [ring.unnumbered_before(index) for index in range(5)] == [0, 1, 1, 2, 2]

    def test_also_those_that_are_gone(self) -> None:
        ring = ring_of("u", "u", 1, "u", max_entries=2)
        assert ring.unnumbered_before(ring.first) == 2
        assert ring.unnumbered_before(ring.head) == 3


class TestSteppingOver:
    """What a ring does not hold leaves an index that no entry has: who stood at the head is behind."""

    def test_skipping_goes_on_behind_the_new_top(self) -> None:
        ring = ring_of(1, 2)
        ring.skip_to(9)
        assert ring.first == ring.head == 3
        assert ring.append(numbered(10)) is True

    def test_restarting_changes_epoch_and_offset_together(self) -> None:
        ring = ring_of(1, 2)
        ring.restart("second", 1)
        assert (ring.epoch, ring.top, ring.first) == ("second", 1, 3)
        assert ring.append(numbered(2, epoch="second")) is True

    def test_an_interruption_keeps_epoch_and_offset(self) -> None:
        ring = ring_of("u")
        ring.interrupt()
        assert (ring.epoch, ring.top, ring.interrupted_at, ring.first) == (EPOCH, 0, 1, 2)

    def test_indexes_never_go_back(self) -> None:
        ring, heads = ring_of(1), [0]
        ring.skip_to(5)
        heads.append(ring.head)
        ring.restart("x", 0)
        heads.append(ring.head)
        ring.interrupt()
        heads.append(ring.head)
        ring.shrink(0)
        heads.append(ring.head)
        assert heads == sorted(heads)

    def test_who_stood_at_the_head_is_behind_the_ring(self) -> None:
        ring = ring_of(1, 2)
        head = ring.head
        ring.skip_to(5)
        assert head < ring.first


class TestTheNewest:
    def test_is_the_last_publication_and_no_join(self) -> None:
        assert ring_of(1, 2, "j").newest() == 1
        assert ring_of(1, "u", "j").newest() == 1

    def test_is_the_head_where_there_is_none(self) -> None:
        ring = ring_of("j")
        assert ring.newest() == ring.head

    def test_the_previous_one_is_the_publication_before_an_index(self) -> None:
        ring = ring_of(1, "j", 2)
        previous = ring.previous(2)
        assert previous is not None
        assert previous.offset == 1
        assert ring.previous(0) is None


class TestChunks:
    """Joined bytes from an index on: made once, shared by all in the same situation."""

    def test_holds_what_lies_between_an_index_and_the_head(self) -> None:
        ring = ring_of(1, 2, "u", 3)
        chunk = ring.chunk(BytesView(), 1, 1000)
        assert chunk.data == b"2,0,3"
        assert (chunk.end, chunk.shown, chunk.last_offset, chunk.unnumbered) == (4, 3, 3, 1)

    def test_is_the_same_object_for_everybody_with_the_same_view_and_index(self) -> None:
        ring, view = ring_of(1, 2), BytesView()
        assert ring.chunk(view, 0, 1000) is ring.chunk(BytesView(), 0, 1000)
        assert view.encoded == 2
        assert ring.chunk(view, 1, 1000) is not ring.chunk(view, 0, 1000)

    def test_is_made_anew_after_the_next_entry(self) -> None:
        ring, view = ring_of(1), BytesView()
        before = ring.chunk(view, 0, 1000)
        feed(ring, 2)
        after = ring.chunk(view, 0, 1000)
        assert (before.data, after.data) == (b"1", b"1,2")
        assert view.encoded == 2

    def test_ends_before_it_is_too_large(self) -> None:
        ring = ring_of(1, 2, 3)
        chunk = ring.chunk(BytesView(), 0, 2)
        assert (chunk.data, chunk.end, chunk.last_offset) == (b"1,2", 2, 2)

    def test_holds_the_first_even_if_that_alone_is_too_large(self) -> None:
        chunk = ring_of(1, 2).chunk(BytesView(), 0, 0)
        assert (chunk.data, chunk.end) == (b"1", 1)

    def test_passes_over_what_the_view_does_not_show(self) -> None:
        ring = ring_of("j", "j")
        chunk = ring.chunk(BytesView(), 0, 1000)
        assert (chunk.data, chunk.end, chunk.shown, chunk.unnumbered) == (None, 2, 0, 2)
        assert ring.chunk(BytesView(joins=True), 0, 1000).data == b"+,+"

    def test_names_whom_it_must_not_reach(self) -> None:
        ring = ring_of(1)
        ring.append(numbered(2, exclude="me"))
        chunk = ring.chunk(BytesView(), 0, 1000)
        assert chunk.data == b"1,2"
        assert chunk.excluded == {"me"}

    def test_is_made_for_one_client_without_what_it_published_itself(self) -> None:
        ring = ring_of(1)
        for offset, publisher in ((2, "me"), (3, "you")):
            ring.append(numbered(offset, exclude=publisher))
        chunk = ring.chunk_for("me", BytesView(), 0, 1000)
        assert (chunk.data, chunk.end, chunk.last_offset) == (b"1,3", 3, 3)

    def test_a_client_that_published_the_last_one_has_its_offset_all_the_same(self) -> None:
        ring = ring_of(1)
        ring.append(numbered(2, exclude="me"))
        assert ring.chunk_for("me", BytesView(), 1, 1000).last_offset == 2

    def test_only_so_many_are_remembered(self) -> None:
        ring, view = ring_of(*range(1, 201), max_entries=300), BytesView()
        bare = ring.bytes
        for index in range(199):
            ring.chunk(view, index, 10)
        assert ring.bytes < bare + 65 * 10 + 200 * 3

    def test_a_view_that_begins_afresh_is_given_no_publication_before(self) -> None:
        ring = ring_of(1, 2, 3)
        fresh, steady = Chained(fresh=True), Chained(fresh=False)
        assert ring.chunk(fresh, 1, 1000).data == b"2,3<2"
        assert ring.chunk(steady, 1, 1000).data == b"2<1,3<2"

    def test_nothing_builds_on_what_a_client_was_not_given(self) -> None:
        ring = ring_of(1)
        ring.append(numbered(2, exclude="me"))
        feed(ring, 3)
        assert ring.chunk_for("me", Chained(fresh=False), 0, 1000).data == b"1,3"

    def test_a_member_that_comes_is_no_publication_to_build_on(self) -> None:
        ring = ring_of(1, "j", 2)
        assert ring.chunk(Chained(fresh=False), 1, 1000).data == b"2<1"


class TestTheCommonChunk:
    """What nearly everybody gets: up to the head, for all with its view and beginning."""

    def test_is_the_one_that_was_made_last(self) -> None:
        ring = ring_of(1, 2)
        chunk = ring.chunk(BytesView(), 0, 1000)
        assert ring.common is chunk
        assert (chunk.begin, chunk.end) == (0, ring.head)

    def test_is_gone_with_the_next_entry(self) -> None:
        ring = ring_of(1)
        ring.chunk(BytesView(), 0, 1000)
        feed(ring, 2)
        assert ring.common is None

    def test_is_gone_when_the_ring_gives_something_up(self) -> None:
        ring = ring_of(1, 2)
        ring.chunk(BytesView(), 0, 1000)
        ring.shrink(0)
        assert ring.common is None

    def test_is_none_that_ends_before_the_head(self) -> None:
        ring = ring_of(1, 2)
        ring.chunk(BytesView(), 0, 0)
        assert ring.common is None

    def test_is_none_that_must_not_reach_somebody(self) -> None:
        ring = ring_of()
        ring.append(numbered(1, exclude="me"))
        ring.chunk(BytesView(), 0, 1000)
        assert ring.common is None

    def test_is_none_for_those_who_begin_afresh(self) -> None:
        ring = ring_of(1)
        ring.chunk(Chained(fresh=True), 0, 1000)
        assert ring.common is None

    def test_is_none_that_shows_nothing(self) -> None:
        ring = ring_of("j")
        ring.chunk(BytesView(), 0, 1000)
        assert ring.common is None


class Chained(BytesView):
    """Shows which publication came before."""

    relative = True

    def __init__(self, *, fresh: bool) -> None:
        super().__init__()
        self.key = ("chained", fresh)
        self.fresh = fresh

    def frame(self, channel: str, entry: Entry, previous: Entry | None) -> bytes | None:
        if entry.publication is None:
            return None
        before = b"" if previous is None or previous.publication is None else previous.publication.payload
        return entry.publication.payload + (b"<" + before if before else b"")


class TestEntries:
    def test_a_join_has_no_offset_and_costs_as_little_as_an_entry_can(self) -> None:
        entry = joined()
        assert (entry.kind, entry.offset, entry.cost) == (Kind.JOIN, 0, ENTRY_OVERHEAD)

    def test_a_publication_costs_its_payload_as_well(self) -> None:
        assert Entry(Publication(b"12345")).cost == ENTRY_OVERHEAD + 5
