"""What holds of `core/cursor`, whatever is put in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.core.cursor import Cursor
from gapless.core.log import Ring

from ...core.making import feed, live, page, ring_of


class TestAdmittingAPage:
    """What is new in a page of history, and what is lost before it."""

    @given(
        st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.sampled_from("ef")
    )
    @settings(max_examples=300, deadline=None)
    def test_what_it_gives_and_what_it_says_is_lost_leave_no_hole(
        self, stood: int, top: int, kept: int, count: int, epoch: str
    ) -> None:
        """Whatever page comes: told or whole, and the cursor ends where the page does."""
        oldest = top - min(kept, top) + 1
        first = max(stood + 1, oldest)
        whole = page(first, min(top, first + count - 1), top=top, oldest=oldest, epoch="e")
        cursor = Cursor(epoch, stood)
        fresh, lost = cursor.admit(whole)
        began = stood
        if lost is not None:
            began = oldest - 1
            assert lost.first == (top + 1 if epoch == "e" and stood > top else stood + 1)
            assert lost.last in (None, oldest - 1)
        assert [p.offset for p in fresh] == list(range(began + 1, began + 1 + len(fresh)))
        assert (cursor.epoch, cursor.offset) == ("e", began + len(fresh)) or not (epoch or stood)
        # Whatever the page holds, it brings the cursor on.
        assert fresh or lost is not None or not whole.publications
        # Asked for again from where it now stands, nothing is lost a second time.
        assert cursor.admit(page(cursor.offset + 1, top, top=top, oldest=oldest, epoch="e"))[1] is None


class TestReentering:
    """After reading history, into the ring again; what had no offset meanwhile is counted."""

    def fallen_behind(self, ring: Ring) -> Cursor:
        """A cursor that stood at the head of this ring; whatever is fed now pushes it out."""
        cursor = live(ring)
        cursor.leave_ring()
        return cursor

    @given(st.integers(1, 4), st.lists(st.sampled_from("nuj"), max_size=15), st.integers(0, 15))
    @settings(max_examples=300, deadline=None)
    def test_what_it_missed_and_what_it_reads_are_all_there_was(
        self, kept: int, kinds: list[str], reads_until: int
    ) -> None:
        ring = ring_of(1, max_entries=kept)
        cursor = self.fallen_behind(ring)
        for kind in kinds:
            feed(ring, ring.top + 1 if kind == "n" else kind)
        cursor.admit(page(2, min(ring.top, 1 + reads_until), top=ring.top))
        missed = cursor.reenter(ring)
        if missed is not None:
            still = [entry for entry in ring.entries(cursor.index) if not entry.offset]
            assert missed + len(still) == len([kind for kind in kinds if kind != "n"])
