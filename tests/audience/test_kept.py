"""What is kept: by number, by bytes of a key, by bytes of all."""

from __future__ import annotations

import pytest

from gapless.audience.kept import Kept
from gapless.isolation.outgoing import MESSAGE_BYTES, Outgoing


def told(kept: Kept, key: str) -> list[str]:
    return [str(one.data) for one in kept.of(key)]


def test_the_newest_of_each_key_are_kept() -> None:
    kept = Kept(2, 10_000, 100_000)
    for n in range(4):
        kept.add("a", Outgoing(f"a{n}"))
    kept.add("b", Outgoing("b0"))
    assert told(kept, "a") == ["a2", "a3"]
    assert told(kept, "b") == ["b0"]
    assert told(kept, "c") == []
    assert kept.bytes == 3 * (MESSAGE_BYTES + 2)


def test_bytes_bite_before_the_number_does_and_a_message_above_them_is_not_kept() -> None:
    kept = Kept(100, 10 * MESSAGE_BYTES, 100_000)
    for n in range(20):
        kept.add("a", Outgoing(str(n)))
    assert told(kept, "a") == [str(n) for n in range(11, 20)]
    kept.add("a", Outgoing("x" * 10_000))
    assert told(kept, "a")[-1] == "19"


def test_the_key_that_was_silent_for_longest_loses_first() -> None:
    kept = Kept(100, 10_000, 5 * MESSAGE_BYTES)
    for key in ("a", "b", "a", "c", "d"):
        kept.add(key, Outgoing("x"))
    assert told(kept, "b") == []
    assert told(kept, "a") == ["x", "x"]
    assert kept.bytes <= 5 * MESSAGE_BYTES


def test_a_bound_below_nothing_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="max_bytes"):
        Kept(1, -1, 1)
