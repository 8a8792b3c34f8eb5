"""Small checkouts in four languages, and what is found in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from gapless.demo.index import Entry
from gapless.demo.page import render
from gapless.demo.survey import Survey

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
