"""What a hub counts."""

from __future__ import annotations

import dataclasses

from gapless.core.counters import Counters


def test_everything_begins_at_nothing() -> None:
    assert set(Counters().snapshot().values()) == {0}


def test_a_snapshot_holds_every_counter_and_does_not_move() -> None:
    counters = Counters()
    counters.published += 2
    snapshot = counters.snapshot()
    counters.published += 1
    assert set(snapshot) == {field.name for field in dataclasses.fields(Counters)}
    assert snapshot["published"] == 2


def test_refusals_are_counted_by_their_reason_and_all_together() -> None:
    counters = Counters()
    for status in (401, 401, 403, 429, 503, 0, 400):
        counters.count_refusal(status)
    said = {name: n for name, n in counters.snapshot().items() if n}
    assert said == {
        "refused_connections": 7,
        "refused_credentials": 2,
        "refused_origins": 1,
        "refused_for_room": 2,
    }


def test_a_counter_that_is_not_declared_cannot_be_counted() -> None:
    counters = Counters()
    try:
        counters.nonsense = 1  # type: ignore[attr-defined]
    except AttributeError:
        return
    raise AssertionError("a misspelt counter would be counted nowhere")
