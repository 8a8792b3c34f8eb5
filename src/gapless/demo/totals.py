"""The running totals of a cycle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .complexity import rank
from .definitions import Class, Function, Module
from .phrases import kind


@dataclass(slots=True)
class Totals:
    """What one cycle has found and documented so far; `pages` counts since the worker began."""

    cycle: int = 0
    files: int = 0
    classes: int = 0
    functions: int = 0
    """Functions at the top level and methods, those of classes inside classes included."""
    lines: int = 0
    documented: int = 0
    errors: int = 0
    pages: int = 0
    _complexity: int = 0
    _by_kind: Counter[str] = field(default_factory=Counter)
    _by_rank: Counter[str] = field(default_factory=Counter)

    def next_cycle(self) -> Totals:
        """The totals to begin the next cycle with."""
        return Totals(cycle=self.cycle + 1, pages=self.pages)

    def count_file(self, module: Module | None) -> None:
        """A file was read; None when it could not be."""
        self.files += 1
        if module is None:
            self.errors += 1
        else:
            self.lines += len(module.lines)
            self.errors += len(module.failures)

    def count_page(self, definition: Function | Class) -> None:
        """A definition was documented, with all that is inside it."""
        self.documented += 1
        self.pages += 1
        self._by_kind[kind(definition)] += 1
        self._by_rank[rank(definition.complexity)] += 1
        self._count(definition)

    def data(self) -> dict[str, object]:
        """As it is published: names as in the reference, breakdowns in a fixed order."""
        mean = self._complexity / self.functions if self.functions else 0.0
        return {
            "cycle": self.cycle,
            "files": self.files,
            "classes": self.classes,
            "functions": self.functions,
            "documented": self.documented,
            "lines": self.lines,
            "mean_complexity": round(mean, 2),
            "errors": self.errors,
            "pages": self.pages,
            "by_kind": {name: self._by_kind[name] for name in ("class", "function")},
            "by_rank": {letter: self._by_rank[letter] for letter in "ABCDEF"},
        }

    def _count(self, definition: Function | Class) -> None:
        if isinstance(definition, Function):
            self.functions += 1
            self._complexity += definition.complexity
            return
        self.classes += 1
        for method in definition.methods:
            self._count(method)
        for inner in definition.classes:
            self._count(inner)
