"""Which languages there are, and which of them can be read on this machine."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from .language import Language, Layout, Module
from .python.measure import measure
from .python.modules import ModuleNames
from .python.source import parse_source


class Python:
    """The language that this package is written in."""

    name = "Python"
    fence = "python"
    suffixes = (".py",)
    separator = "."

    def layout(self, root: Path, files: tuple[str, ...]) -> Layout:
        return ModuleNames(root, tuple(file for file in files if file.endswith(".py")))

    def read(self, file: str, content: bytes, name: str) -> Module:
        return measure(parse_source(file, content), name, self)

    def importing(self, module: str, name: str) -> str:
        return f"from {module} import {name}" if name else f"import {module}"

    def is_standard(self, name: str) -> bool:
        return name.partition(".")[0] in sys.stdlib_module_names


class _Grammar(NamedTuple):
    """A language that is read by a package of its own, where that is installed."""

    name: str
    suffixes: tuple[str, ...]
    module: str


_GRAMMARS = (
    _Grammar("JavaScript", (".js", ".mjs", ".cjs", ".jsx"), "javascript"),
    _Grammar("TypeScript", (".ts", ".mts", ".cts", ".tsx"), "javascript"),
    _Grammar("Go", (".go",), "go"),
    _Grammar("Rust", (".rs",), "rust"),
)

SUFFIXES = (".py", *(suffix for grammar in _GRAMMARS for suffix in grammar.suffixes))
"""How the files end that are read when their grammar is installed."""


@cache
def languages() -> tuple[Language, ...]:
    """The languages that can be read: Python, and those whose grammar is installed."""
    found: list[Language] = [Python()]
    for grammar in _GRAMMARS:
        try:
            module = import_module(f".trees.{grammar.module}", __package__)
            found.append(getattr(module, grammar.name)())
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("tree_sitter"):
                raise
    return tuple(found)


def language_of(file: str) -> Language | None:
    """What reads a file, by its name; None when its grammar is not installed."""
    return _by_suffix().get(file[file.rfind(".") :])


def language_named(file: str) -> str:
    """What a file is written in, whether or not it can be read."""
    suffix = file[file.rfind(".") :]
    return next((grammar.name for grammar in _GRAMMARS if suffix in grammar.suffixes), "Python")


@cache
def _by_suffix() -> dict[str, Language]:
    return {suffix: language for language in languages() for suffix in language.suffixes}
