"""The running totals of a cycle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .definitions import Class, Function
from .index import Entry
from .language import Module
from .phrases import kind, rank

_KINDS = ("class", "function", "module")


@dataclass(slots=True)
class Totals:
    """What one cycle has found and documented so far; `total` counts pages since the worker began."""

    cycle: int = 0
    repository: str = ""
    files: int = 0
    """How many have been gone through, of `of`."""
    of: int = 0
    classes: int = 0
    functions: int = 0
    """Functions at the top level and methods, those of classes inside classes included."""
    lines: int = 0
    documented: int = 0
    errors: int = 0
    total: int = 0
    _complexity: float = 0
    _by_kind: Counter[str] = field(default_factory=Counter)
    _by_rank: Counter[str] = field(default_factory=Counter)
    _by_language: Counter[str] = field(default_factory=Counter)

    def next_cycle(self) -> Totals:
        """The totals to begin the next cycle with."""
        return Totals(cycle=self.cycle + 1, total=self.total)

    def begin(self, repository: str, files: int) -> None:
        """The cycle goes through so many files of a repository."""
        self.repository, self.of = repository, files

    def count_file(self, module: Module | None) -> None:
        """A file was gone through; None when it could not be read."""
        self.files += 1
        if module is None:
            self.errors += 1
        else:
            self.lines += len(module.lines)
            self.errors += len(module.failures)

    def count_page(self, entry: Entry) -> None:
        """A definition was documented, with all that is inside it."""
        definition = entry.definition
        self.documented += 1
        self.total += 1
        self._by_kind[kind(definition)] += 1
        self._by_rank[rank(definition.complexity)] += 1
        self._by_language[entry.module.language.name.lower()] += 1
        if isinstance(definition, Class | Function):
            self._count(definition)

    def data(self) -> dict[str, object]:
        """As it is published; breakdowns in a fixed order, languages by their names."""
        mean = self._complexity / self.functions if self.functions else 0.0
        return {
            "cycle": self.cycle,
            "files": self.files,
            "files_total": self.of,
            "classes": self.classes,
            "functions": self.functions,
            "lines": self.lines,
            "mean_complexity": round(mean, 2),
            "errors": self.errors,
            "documented": self.documented,
            "total_documented": self.total,
            "by_repo": {self.repository: self.documented} if self.documented else {},
            "by_language": dict(sorted(self._by_language.items())),
            "by_doc_type": {f"{name}_doc": self._by_kind[name] for name in _KINDS},
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
