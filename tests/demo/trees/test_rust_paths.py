"""What the paths of Rust name."""

from __future__ import annotations

from .planted import (
    RUST,
    ReadSurvey,
    users,
)


def test_rust_paths_lead_through_crates_modules_and_variables(survey: ReadSurvey) -> None:
    found = survey(RUST)
    assert users(found, "Counter::with") == ["src/lib.rs:46 count call with"]
    assert users(found, "Counter::new") == ["src/lib.rs:45 count call new"]
    assert users(found, "Store::is_empty") == ["src/lib.rs:28 Counter::next call is_empty"]
    assert users(found, "count") == ["src/lib.rs:59 tests::it_counts call"]
