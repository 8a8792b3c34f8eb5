"""Go: pages from its syntax trees."""

from __future__ import annotations

from .planted import (
    GO,
    ReadSurvey,
    entries,
    found_in,
    page,
    section,
    users,
)


def test_go_definitions_have_their_lines_and_their_complexity(survey: ReadSurvey) -> None:
    found = survey(GO)
    assert found_in(found, "hub.go") == {
        "Hub": ("struct", 11, 16, 1),
        "Name": ("type", 20, 20, 1),
        "Sink": ("interface", 21, 23, 1),
        "NewHub": ("function", 29, 31, 1),
        "Hub.Listen": ("method", 33, 35, 1),
        "Shared": ("function", 37, 37, 1),
    }
    assert found_in(found, "tell.go") == {"Hub.Tell": ("method", 3, 13, 4)}


def test_go_files_of_a_package_know_each_other_and_others_import_it(survey: ReadSurvey) -> None:
    found = survey(GO)
    assert users(found, "Hub.Tell") == ["cmd/main.go:7 main call Tell"]
    assert users(found, "Store.Keep") == ["tell.go:11 Hub.Tell call Keep"]
    assert users(found, "NewHub") == ["cmd/main.go:8 main call"]
    assert [
        each.name for each in found.index.methods(next(each for each in entries(found) if each.name == "Hub"))
    ] == [
        "Hub.Listen",
        "Hub.Tell",
    ]


def test_a_go_page_reads_like_any_other(survey: ReadSurvey) -> None:
    found = survey(GO)
    text = page(found, "Hub")
    assert section(text, "Class Responsibility and Purpose") == "Hub tells everybody."
    interface = text.split("**Public Interface (Key Methods)**")[1]
    assert "```go\ntype Hub struct\n```" in interface
    assert "- `Listen(listener func(string))` (line 33; complexity 1)" in interface
    assert "- `Tell(text string) error` (line 3 of `tell.go`; complexity 4)" in interface
    assert '`import "example.org/shop/v2"`' in interface
    text = page(found, "Hub.Tell")
    assert text.startswith("# Hub.Tell\n\n**Type:** Function Documentation\n")
    assert "```go\nfunc (h *Hub) Tell(text string) error\n```" in text
    assert "It takes `text` and returns `error`. It calls `Store.Keep`. It is used by `main`." in text
    assert "- **Factory.** `NewHub` returns a new `Hub`, made in line 30." in page(found, "NewHub")
    assert "**Singleton (module state).** `once.Do` (line 37)" in page(found, "Shared")
