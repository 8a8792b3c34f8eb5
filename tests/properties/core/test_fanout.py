"""What holds of `core/fanout`, whatever is put in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.core.fanout import SLICE, Fanout

from ...core.test_fanout import crowd, run


class TestWhatHappensMeanwhile:
    @given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=40))
    @settings(max_examples=100, deadline=None)
    def test_every_mark_is_followed_by_a_turn_of_everybody(self, script: list[tuple[int, bool]]) -> None:
        """However marks and steps are mixed: after the last mark each reader has had a turn."""
        fanout = Fanout()
        crowds = [crowd(count) for count in (1, SLICE, SLICE + 1)]
        since = [0, 0, 0]
        for number, steps in script:
            channel, readers = crowds[number]
            since[number] = min((reader.turns for reader in readers), default=0)
            fanout.mark(channel)
            if steps:
                fanout.step()
        run(fanout)
        for (_, readers), before in zip(crowds, since, strict=True):
            marked = any(number == crowds.index((_, readers)) for number, _unused in script)
            assert all(reader.turns > before for reader in readers) or not marked
