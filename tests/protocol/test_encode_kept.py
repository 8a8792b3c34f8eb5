"""JSON that waits for a hub."""

from __future__ import annotations

import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest

from gapless.protocol.encode import encode


def test_many_that_wait_hold_little_more_than_what_they_say() -> None:
    tracemalloc.start()
    try:
        kept = [encode({"n": number}) for number in range(1000)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == 1000
    assert held < 200 * len(kept)


def test_values_are_those_that_a_hub_takes() -> None:
    assert encode({"price": Decimal("1.50"), "at": {Path("/a")}}) == b'{"price":"1.50","at":["/a"]}'
    with pytest.raises(TypeError, match=r"data\.x is of the type object: convert it"):
        encode({"x": object()})


@pytest.mark.parametrize("data", [object(), 2**70, "\ud83d"])
def test_what_json_cannot_carry_is_named(data: object) -> None:
    with pytest.raises(TypeError, match="cannot be published as JSON"):
        encode(data)
