"""TypeScript and JavaScript: pages from their syntax trees."""

from __future__ import annotations

from .planted import (
    JAVASCRIPT,
    TYPESCRIPT,
    ReadSurvey,
    found_in,
    page,
    section,
    users,
)


def test_typescript_definitions_have_their_lines_and_their_complexity(survey: ReadSurvey) -> None:
    assert found_in(survey(TYPESCRIPT), "src/bus.ts") == {
        "Bus": ("class", 10, 32, 1.75),  # 1, 1, 4 and 1
        "Sink": ("interface", 36, 36, 1),
        "Name": ("type alias", 37, 37, 1),
        "Level": ("enum", 38, 38, 1),
        "guarded": ("function", 40, 44, 2),
    }


def test_typescript_names_lead_through_imports_types_and_index_files(survey: ReadSurvey) -> None:
    found = survey(TYPESCRIPT)
    assert users(found, "Store") == [
        "src/bus.ts:34 - call",
        "src/bus.ts:12 Bus annotation",
        "src/bus.ts:14 Bus.constructor annotation",
        "src/bus.ts:28 Bus.publish call keep",
        "src/store.ts:6 makeStore annotation",
        "src/store.ts:7 makeStore call",
    ]
    assert users(found, "makeStore") == ["src/use.test.ts:2 - call"]
    assert users(found, "guarded") == ["src/use.test.ts:2 - call"]


def test_a_typescript_page_reads_like_any_other(survey: ReadSurvey) -> None:
    text = page(survey(TYPESCRIPT), "Bus")
    assert "**Type:** Class Documentation\n" in text
    assert "**Language:** TypeScript\n**Lines:** 10-32\n**Complexity:** 1.8\n" in text
    assert "```typescript\nexport class Bus<T> extends Base implements Sink {\n" in text
    assert section(text, "Class Responsibility and Purpose") == "Hands events on.\n\n- `first`: which one"
    interface = text.split("**Public Interface (Key Methods)**")[1]
    assert "- `readonly" not in interface
    assert "- `store: Store`" in interface
    assert (
        "- `subscribe(listener: (event: T) => void): this` – Adds one. (line 19; complexity 1)" in interface
    )
    assert "1 private method is not listed." in interface
    assert section(text, "Design Patterns Used") == (
        "- **Observer.** `subscribe` adds to the list of subscribers `listeners` (line 20); "
        "`publish` goes through it (line 25) and notifies each (line 26).\n"
        "- **Singleton (module state).** This repository makes one instance, and the module keeps it: "
        "`export const bus = new Bus<string>(new Store());` (`src/bus.ts:34`)."
    )
    assert "From the standard library it uses `node:path.join`." in text


def test_javascript_knows_modules_of_both_kinds(survey: ReadSurvey) -> None:
    found = survey(JAVASCRIPT)
    assert found_in(found, "lib/app.js") == {
        "start": ("function", 5, 5, 2),
        "app.handle": ("function", 7, 7, 2),
        "numbers": ("generator function", 9, 9, 1),
    }
    assert users(found, "find") == ["lib/app.js:5 start call"]
    assert users(found, "other") == ["lib/app.js:5 start call", "lib/find.js:3 - name"]
    assert "- **Iterator.** It is a generator: it yields in line 9." in page(found, "numbers")
