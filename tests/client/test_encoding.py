"""JSON that waits for a hub."""

from __future__ import annotations

import tracemalloc

import pytest

from gapless.client.encoding import encode


def test_many_that_wait_hold_little_more_than_what_they_say() -> None:
    tracemalloc.start()
    try:
        kept = [encode({"n": number}) for number in range(1000)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == 1000
    assert held < 200 * len(kept)


@pytest.mark.parametrize("data", [object(), 2**70, "\ud83d"])
def test_what_json_cannot_carry_is_named(data: object) -> None:
    with pytest.raises(TypeError, match="cannot be published as JSON"):
        encode(data)
