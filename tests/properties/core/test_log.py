"""What holds of `core/log`, whatever is put in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.core.log import Budget

from ...core.making import BytesView, feed, numbered, ring_of, unnumbered


class TestPlace:
    """Where a reader that has everything up to an offset goes on."""

    @given(st.lists(st.sampled_from("nuj"), max_size=30), st.integers(1, 12), st.integers(0, 30))
    @settings(max_examples=200, deadline=None)
    def test_it_is_what_a_search_from_the_end_finds(self, kinds: list[str], kept: int, offset: int) -> None:
        ring = ring_of(max_entries=kept)
        for kind in kinds:
            feed(ring, ring.top + 1 if kind == "n" else kind)
        index = ring.place(offset)
        numbers = {ring.first + at: entry.offset for at, entry in enumerate(ring.entries(ring.first))}
        missing = set(range(offset + 1, ring.top + 1)) - set(numbers.values())
        if offset > ring.top or missing:
            assert index is None
        else:
            assert index is not None
            behind = [number for at, number in numbers.items() if at >= index and number]
            assert behind == list(range(offset + 1, ring.top + 1))
            assert index == ring.first or numbers[index - 1] == offset


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("next"), st.integers(0, 200)),
            st.tuples(st.just("unnumbered"), st.integers(0, 200)),
            st.tuples(st.just("read"), st.integers(0, 40)),
            st.tuples(st.just("shrink"), st.integers(0, 3000)),
            st.tuples(st.just("skip"), st.integers(0, 5)),
        ),
        max_size=60,
    )
)
@settings(max_examples=150, deadline=None)
def test_bytes_are_what_entries_frames_and_chunks_cost(steps: list[tuple[str, int]]) -> None:
    budget = Budget(1 << 30)
    ring = ring_of(max_entries=10, max_bytes=3000, budget=budget)
    view = BytesView()
    for what, number in steps:
        if what == "next":
            ring.append(numbered(ring.top + 1, size=number))
        elif what == "unnumbered":
            ring.append(unnumbered(b"x" * number))
        elif what == "read" and ring.first < ring.head:
            ring.chunk(view, max(ring.first, ring.head - 1 - number % 10), 500)
        elif what == "shrink":
            ring.shrink(number)
        elif what == "skip":
            ring.skip_to(ring.top + number)
        entries = ring.entries(ring.first)
        shared = sum(chunk.size for chunk in ring._chunks.values() if chunk.shown > 1)
        assert ring.bytes == budget.used == sum(entry.cost for entry in entries) + shared
        assert len(entries) <= 10
        numbers = [entry.offset for entry in entries if entry.offset]
        assert numbers == list(range(ring.top - len(numbers) + 1, ring.top + 1))
