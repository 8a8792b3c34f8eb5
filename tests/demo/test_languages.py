"""TypeScript, JavaScript, Go and Rust: the same pages from their syntax trees."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from gapless.demo import languages
from gapless.demo.checkout import Skipped, find_checkout
from gapless.demo.worker import EVENTS, LOGS, Worker

from .test_worker import Stop
from .trees.planted import (
    ALL,
    GO,
    Plant,
)

# -- all of them


def test_every_language_is_documented_in_one_cycle_and_nothing_is_an_error(plant: Plant) -> None:
    found: list[tuple[str, Any]] = []
    Worker(plant(ALL), lambda channel, data: found.append((channel, data)), cycles=1).run(Stop())
    assert [data for channel, data in found if channel == LOGS and data["level"] == "error"] == []
    pages = [data["data"] for channel, data in found if channel == EVENTS and "page" in data["data"]]
    assert {each["language"] for each in pages} == {"typescript", "javascript", "go", "rust"}


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
