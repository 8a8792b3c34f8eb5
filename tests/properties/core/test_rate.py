"""What holds of `core/rate`, whatever is put in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.core.rate import Rate


@given(
    st.integers(1, 20),
    st.integers(1, 5),
    st.lists(st.floats(0, 0.5, allow_nan=False), min_size=1, max_size=80),
)
@settings(max_examples=100, deadline=None)
def test_never_more_than_the_burst_and_the_rate_allow(
    per_second: int, burst: int, steps: list[float]
) -> None:
    rate, now, taken = Rate(float(per_second), burst), 0.0, 0
    for step in steps:
        now += step
        taken += rate.take(now)
    assert taken <= burst + now * per_second + 1e-6
