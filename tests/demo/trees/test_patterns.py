"""Design patterns in any grammar: named where the code shows them."""

from __future__ import annotations

from .planted import (
    TYPESCRIPT,
    ReadSurvey,
    page,
    section,
)


def test_typescript_patterns_are_named_where_the_code_shows_them(survey: ReadSurvey) -> None:
    found = survey(TYPESCRIPT)
    assert section(page(found, "guarded"), "Design Patterns Used") == (
        "- **Decorator.** It takes `inner`, wraps it in a function (line 41), which calls it (line 42), "
        "and returns that (line 41)."
    )
    assert "- **Factory.** `makeStore` returns a new `Store`, made in line 7." in page(found, "makeStore")
    assert section(page(found, "Store"), "Design Patterns Used") == "None that the code shows."
    assert "> Where things are kept." in page(found, "Store")
