"""TypeScript, JavaScript, Go and Rust: the same pages from their syntax trees."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gapless.demo import languages
from gapless.demo.checkout import Skipped, find_checkout
from gapless.demo.index import Entry
from gapless.demo.page import render
from gapless.demo.survey import Survey
from gapless.demo.worker import EVENTS, LOGS, Worker

from .test_worker import Stop

ReadSurvey = Callable[..., Survey]
Plant = Callable[..., Path]

TYPESCRIPT = {
    "src/bus.ts": """import { Store, type Kept } from "./store.js";
import * as path from "node:path";
import { z } from "zod";

/**
 * Hands events on.
 *
 * @param first which one
 */
export class Bus<T> extends Base implements Sink {
  private listeners: Array<(event: T) => void> = [];
  readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** Adds one. */
  subscribe(listener: (event: T) => void): this {
    this.listeners.push(listener);
    return this;
  }

  async publish(event: T): Promise<void> {
    for (const listener of this.listeners) {
      listener(event);
    }
    if (event && this.store) await this.store.keep(path.join("a", "b"));
  }

  #hidden() {}
}

export const bus = new Bus<string>(new Store());

export interface Sink { subscribe(listener: unknown): void; size: number }
export type Name = string | Kept;
export enum Level { Low, High = 2 }

function guarded(inner: () => void) {
  return () => {
    try { inner(); } catch (error) { throw new Error("no"); }
  };
}
export { guarded as guard };
""",
    "src/store.ts": """export interface Kept { at: number }
// Where things are kept.
export class Store {
  keep(what: string) { return what; }
}
export function makeStore(): Store {
  return new Store();
}
""",
    "src/index.ts": 'export { guard } from "./bus";\nexport * from "./store";\n',
    "src/use.test.ts": 'import { guard, makeStore } from "./index";\nguard(() => makeStore());\n',
}

JAVASCRIPT = {
    "lib/app.js": """'use strict'
const { find, other: renamed } = require('./find');
const find2 = require('./find').find;

exports.start = function start(req, res) { return find(req) || renamed(); };

app.handle = function handle(req) { return req ? 1 : 2; };

function* numbers() { yield 1; yield 2; }

module.exports = { numbers, start: exports.start };
""",
    "lib/find.js": """exports.find = (x) => x;
function other() { return exports.find(1); }
exports.other = other;
""",
}

GO = {
    "go.mod": "module example.org/shop/v2\n\ngo 1.22\n",
    "hub.go": """// Package shop sells.
package shop

import (
	"sync"

	"example.org/shop/v2/store"
)

// Hub tells everybody.
type Hub struct {
	*Base
	store     *store.Store // where it is kept
	listeners []func(string)
	closed    bool
}

type (
	// Name is one.
	Name string
	Sink interface {
		Send(text string) error
	}
)

var once sync.Once

// NewHub makes one.
func NewHub(s *store.Store) *Hub {
	return &Hub{store: s}
}

func (h *Hub) Listen(listener func(string)) {
	h.listeners = append(h.listeners, listener)
}

func Shared() { once.Do(func() {}) }
""",
    "tell.go": """package shop

func (h *Hub) Tell(text string) error {
	for _, listen := range h.listeners {
		listen(text)
	}
	switch {
	case h.closed && text != "":
		return nil
	default:
		return h.store.Keep(text)
	}
}
""",
    "store/store.go": """package store

type Store struct{ kept []string }

func (s *Store) Keep(text string) error {
	s.kept = append(s.kept, text)
	return nil
}
""",
    "cmd/main.go": """package main

import shop "example.org/shop/v2"

func main() {
	h := &shop.Hub{}
	h.Tell("x")
	shop.NewHub(nil)
}
""",
}

RUST = {
    "Cargo.toml": '[package]\nname = "wide-shop"\n',
    "src/lib.rs": """//! A shop.
mod store;
pub use crate::store::Store;
use std::collections::HashMap;

/// Counts *things*.
#[derive(Debug)]
pub struct Counter<'a> {
    pub store: &'a Store,
    left: u8,
}

impl<'a> Counter<'a> {
    pub fn new(store: &'a Store) -> Self {
        Counter { store, left: 3 }
    }

    pub fn with(mut self, left: u8) -> Self {
        self.left = left;
        self
    }
}

impl<'a> Iterator for Counter<'a> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.left == 0 || self.store.is_empty() {
            return None;
        }
        self.left -= 1;
        Some(self.left)
    }
}

impl<'a> Drop for Counter<'a> {
    fn drop(&mut self) {}
}

pub trait Shelf: Send {
    fn put(&self, item: HashMap<u8, u8>) -> bool;
}

pub fn count(store: &Store) -> u8 {
    let counter = Counter::new(store);
    match counter.with(2).last() {
        Some(n) if n > 1 => n,
        Some(n) => n,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts() {
        count(&Store::default());
    }
}
""",
    "src/store.rs": """#[derive(Default)]
pub struct Store(Vec<u8>);

impl Store {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
""",
}

ALL = {
    **{f"ts/{name}": code for name, code in TYPESCRIPT.items()},
    **{f"js/{name}": code for name, code in JAVASCRIPT.items()},
    **{f"go/{name}": code for name, code in GO.items()},
    **{f"rust/{name}": code for name, code in RUST.items()},
}


def entries(survey: Survey) -> Iterator[Entry]:
    for module in survey.modules.values():
        yield from (Entry(module, each) for each in module.definitions)


def found_in(survey: Survey, file: str) -> dict[str, tuple[str, int, int, float]]:
    """Name → sort, first line, last line, complexity."""
    return {
        each.name: (
            each.definition.sort,
            each.definition.start,
            each.definition.end,
            each.definition.complexity,
        )
        for each in entries(survey)
        if each.module.file == file
    }


def page(survey: Survey, name: str) -> str:
    [entry] = [each for each in entries(survey) if each.name == name]
    return render(entry, survey.index, "shop", datetime(2026, 1, 2, tzinfo=UTC))


def users(survey: Survey, name: str) -> list[str]:
    [entry] = [each for each in entries(survey) if each.name == name]
    links = survey.index.uses_of(entry)
    return [
        f"{link.module.file}:{link.line} {link.user_name or '-'} {link.usage} {link.member}".strip()
        for link in links
    ]


def section(text: str, title: str) -> str:
    return text.split(f"**{title}", 1)[1].split("**\n\n", 1)[1].split("\n\n**", 1)[0].split("\n\n---", 1)[0]


# -- TypeScript


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


def test_typescript_patterns_are_named_where_the_code_shows_them(survey: ReadSurvey) -> None:
    found = survey(TYPESCRIPT)
    assert section(page(found, "guarded"), "Design Patterns Used") == (
        "- **Decorator.** It takes `inner`, wraps it in a function (line 41), which calls it (line 42), "
        "and returns that (line 41)."
    )
    assert "- **Factory.** `makeStore` returns a new `Store`, made in line 7." in page(found, "makeStore")
    assert section(page(found, "Store"), "Design Patterns Used") == "None that the code shows."
    assert "> Where things are kept." in page(found, "Store")


# -- JavaScript


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


# -- Go


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


# -- Rust


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


def test_rust_paths_lead_through_crates_modules_and_variables(survey: ReadSurvey) -> None:
    found = survey(RUST)
    assert users(found, "Counter::with") == ["src/lib.rs:46 count call with"]
    assert users(found, "Counter::new") == ["src/lib.rs:45 count call new"]
    assert users(found, "Store::is_empty") == ["src/lib.rs:28 Counter::next call is_empty"]
    assert users(found, "count") == ["src/lib.rs:59 tests::it_counts call"]


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


# -- all of them


def test_every_language_is_documented_in_one_cycle_and_nothing_is_an_error(plant: Plant) -> None:
    found: list[tuple[str, Any]] = []
    Worker(plant(ALL), lambda channel, data: found.append((channel, data)), cycles=1).run(Stop())
    assert [data for channel, data in found if channel == LOGS and data["level"] == "error"] == []
    pages = [data["data"] for channel, data in found if channel == EVENTS and "page" in data["data"]]
    assert {each["language"] for each in pages} == {"typescript", "javascript", "go", "rust"}


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("a.go", b"package a\n\xff", "not utf-8 in line 2: invalid start byte"),
        ("a.rs", b"fn a() {}\n\0", "a null byte in line 2"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    survey: ReadSurvey, file: str, content: bytes, reason: str
) -> None:
    assert survey({file: content}).unreadable == {file: reason}


@pytest.mark.parametrize("suffix", ["js", "ts", "tsx", "go", "rs"])
@pytest.mark.parametrize(
    "content",
    [
        "",
        "}}}}",
        "(" * 5000,
        "class",
        "func (",
        "fn x<",
        "export default",
        "impl",
        "\ufeff",
        "type = ; { [",
        "a.b.c = () =>",
    ],
)
def test_what_is_broken_is_no_crash(survey: ReadSurvey, suffix: str, content: str) -> None:
    found = survey({f"a.{suffix}": content, f"b.{suffix}": "function f() { return g(1) }\n"})
    assert set(found.modules) | set(found.unreadable) == {f"a.{suffix}", f"b.{suffix}"}


def test_a_language_without_its_grammar_is_skipped_with_one_word(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter_go", None)
    for name in [name for name in sys.modules if name.startswith("gapless.demo.trees.go")]:
        monkeypatch.delitem(sys.modules, name)
    languages.languages.cache_clear()
    languages._by_suffix.cache_clear()
    found: list[tuple[str, Any]] = []
    try:
        root = plant({"a.go": GO["hub.go"], "b.py": "def f(): ...\n"})
        assert find_checkout(root).skipped == (Skipped("a.go", "no grammar for Go"),)
        Worker(root, lambda channel, data: found.append((channel, data)), cycles=1).run(Stop())
    finally:
        languages.languages.cache_clear()
        languages._by_suffix.cache_clear()
    [line] = [data for channel, data in found if channel == LOGS and data.get("file") == "a.go"]
    assert (line["event"], line["reason"]) == ("skipped", "no grammar for Go")
    assert {
        data["data"]["target"] for channel, data in found if channel == EVENTS and "page" in data["data"]
    } == {
        "b",
        "f",
    }
