"""Which languages there are, and which of them can be read on this machine."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import NamedTuple

from .language import Language
from .python import Python


class _Grammar(NamedTuple):
    """A language that is read by a package of its own, where that is installed."""

    name: str
    suffixes: tuple[str, ...]
    module: str


_GRAMMARS = (
    _Grammar("JavaScript", (".js", ".mjs", ".cjs", ".jsx"), "javascript"),
    _Grammar("TypeScript", (".ts", ".mts", ".cts", ".tsx"), "typescript"),
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
            found.append(import_module(f".trees.{grammar.module}", __package__).language())
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
