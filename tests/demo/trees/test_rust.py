"""Rust: pages from its syntax trees."""

from __future__ import annotations

from .planted import (
    RUST,
    ReadSurvey,
    found_in,
    page,
    section,
)


def test_rust_definitions_have_their_lines_and_their_complexity(survey: ReadSurvey) -> None:
    assert found_in(survey(RUST), "src/lib.rs") == {
        "Counter": ("struct", 7, 11, 1.5),
        "Counter::new": ("associated function", 14, 16, 1),
        "Counter::with": ("method", 18, 21, 1),
        "Counter::next": ("method of the trait Iterator", 27, 33, 3),
        "Counter::drop": ("method of the trait Drop", 37, 37, 1),
        "Shelf": ("trait", 40, 42, 1),
        "count": ("function", 44, 51, 4),
        "tests::it_counts": ("function", 57, 60, 1),
    }


def test_a_rust_page_reads_like_any_other(survey: ReadSurvey) -> None:
    text = page(survey(RUST), "Counter")
    assert section(text, "Class Responsibility and Purpose") == "Counts *things*."
    assert section(text, "Design Patterns Used") == (
        "- **Iterator.** It implements `Iterator` (line 24): `next` (line 27) gives the next item.\n"
        "- **Resource guard (RAII).** It implements `Drop` (line 36): `drop` (line 37) ends what it holds "
        "when it goes out of scope."
    )
    assert "It is decorated with `#[derive(Debug)]`." in text
    assert "`use wide_shop::Counter;`" in text
