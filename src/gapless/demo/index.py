"""Who uses whom in a checkout: references resolved to the definitions they mean."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .definitions import Class, Function, Module, Reference, Usage
from .modules import ModuleNames

_MAX_HOPS = 20
"""Re-exports and base classes that are followed; longer chains are circles."""


class Entry(NamedTuple):
    """A definition at the top level of a module: what a page is about."""

    module: Module
    definition: Function | Class

    @property
    def key(self) -> tuple[str, int]:
        """Unique in a checkout."""
        return self.module.file, self.definition.start

    @property
    def qualified(self) -> str:
        return f"{self.module.name}.{self.definition.name}"


class Link(NamedTuple):
    """One use of one definition by another one, or by the code of a module outside all of them."""

    user: Entry | None
    module: Module
    """The module of the user."""
    where: str
    """The function or method, as `Class.method`; empty for the module's own code."""
    used: Entry
    member: str
    """The method of `used`, where it is known."""
    usage: Usage
    line: int
    typing_only: bool


class Outside(NamedTuple):
    """One use of something that the checkout does not define."""

    name: str
    standard: bool
    """Is it in the standard library of the running Python?"""
    where: str
    usage: Usage


class Index:
    """Everything that the modules of one checkout say of each other."""

    def __init__(self, modules: Iterable[Module], names: ModuleNames) -> None:
        self._names = names
        self._modules = {module.file: module for module in modules}
        self._definitions = {
            module.file: {each.name: each for each in reversed(module.definitions)}
            for module in self._modules.values()
        }
        self._files: dict[tuple[str, str], str | None] = {}
        self._found: dict[tuple[str, str], tuple[Entry, tuple[str, ...]] | None] = {}
        self._outgoing: dict[tuple[str, int], list[Link]] = {}
        self._incoming: dict[tuple[str, int], list[Link]] = {}
        self._outside: dict[tuple[str, int], list[Outside]] = {}
        for module in self._modules.values():
            self._read(module)

    def uses_of(self, entry: Entry) -> list[Link]:
        """Who uses it, in the order of files and lines; not itself."""
        return self._incoming.get(entry.key, [])

    def used_by(self, entry: Entry) -> list[Link]:
        """What it uses of the checkout, in the order of its lines; not itself."""
        return self._outgoing.get(entry.key, [])

    def outside(self, entry: Entry) -> list[Outside]:
        """What it uses from elsewhere, builtins left out."""
        return self._outside.get(entry.key, [])

    def bases(self, entry: Entry) -> list[Entry]:
        """The classes of this checkout that it derives from directly."""
        own = entry.definition.name
        return [link.used for link in self.used_by(entry) if link.usage == "base" and link.where == own]

    def ancestors(self, entry: Entry) -> list[Entry]:
        """The classes of this checkout that it derives from at all, nearest first."""
        found: dict[tuple[str, int], Entry] = {}
        waiting = self.bases(entry)
        while waiting:
            base = waiting.pop(0)
            if base.key not in found and base.key != entry.key:
                found[base.key] = base
                waiting += self.bases(base)
        return list(found.values())

    def subclasses(self, entry: Entry) -> list[Entry]:
        """The classes of this checkout that derive from it directly."""
        return [
            link.user
            for link in self.uses_of(entry)
            if link.user is not None and link.usage == "base" and link.where == link.user.definition.name
        ]

    def exported_by(self, entry: Entry) -> list[Module]:
        """The packages whose `__init__` offers it under its name."""
        return [
            module
            for module in self._modules.values()
            if module.file.endswith("__init__.py")
            and module is not entry.module
            and entry.definition.name in module.names
            and self._find(module.names[entry.definition.name], module) == (entry, ())
        ]

    def _read(self, module: Module) -> None:
        for reference in module.references:
            self._link(module, None, "", reference)
        for definition in module.definitions:
            entry = Entry(module, definition)
            for where, reference in references(definition):
                self._link(module, entry, where, reference)

    def _link(self, module: Module, user: Entry | None, where: str, reference: Reference) -> None:
        found = self._find(reference.target, module)
        if found is None:
            if user is not None and not reference.member:
                self._note_outside(module, user, where, reference)
            return
        used, rest = found
        if user is not None and used.key == user.key:
            return
        member = self._member(used, reference.member or (rest[0] if rest else ""))
        if reference.member and not member:
            return
        link = Link(user, module, where, used, member, reference.usage, reference.line, reference.typing_only)
        self._incoming.setdefault(used.key, []).append(link)
        if user is not None:
            self._outgoing.setdefault(user.key, []).append(link)

    def _note_outside(self, module: Module, user: Entry, where: str, reference: Reference) -> None:
        top = reference.target.partition(".")[0]
        if top in ("", "builtins", "__future__") or self._names.holds(top):
            return
        if self._place(reference.target, module) is not None:
            return
        found = Outside(reference.target, top in sys.stdlib_module_names, where, reference.usage)
        self._outside.setdefault(user.key, []).append(found)

    def _find(self, target: str, module: Module) -> tuple[Entry, tuple[str, ...]] | None:
        """The definition that an absolute name means in a module, and the parts that follow it."""
        key = target, module.file
        if key not in self._found:
            self._found[key] = self._follow(target, module)
        return self._found[key]

    def _follow(self, target: str, module: Module) -> tuple[Entry, tuple[str, ...]] | None:
        waiting = [(target, module)]
        for _ in range(_MAX_HOPS):
            if not waiting:
                break
            name, importer = waiting.pop()
            owner, rest = self._place(name, importer) or (importer, ())
            if not rest:
                continue
            definition = self._definitions[owner.file].get(rest[0])
            if definition is not None:
                return Entry(owner, definition), rest[1:]
            known = owner.names.get(rest[0])
            if known is None:
                waiting += [(".".join((star, *rest)), owner) for star in reversed(owner.stars)]
            elif known != f"{owner.name}.{rest[0]}":
                waiting.append((".".join((known, *rest[1:])), owner))
        return None

    def _place(self, target: str, importer: Module) -> tuple[Module, tuple[str, ...]] | None:
        """The innermost module that a dotted name begins with, and the rest of it."""
        parts = tuple(target.split("."))
        for end in range(len(parts), 0, -1):
            name = ".".join(parts[:end])
            if name == importer.name:
                return importer, parts[end:]
            file = self._file(name, importer)
            if file is not None and file in self._modules:
                return self._modules[file], parts[end:]
        return None

    def _file(self, name: str, importer: Module) -> str | None:
        directory = importer.file.rpartition("/")[0]
        if (name, directory) not in self._files:
            self._files[name, directory] = self._names.find(name, importer.file)
        return self._files[name, directory]

    def _member(self, used: Entry, name: str) -> str:
        """The name, if the class or one of its bases in this checkout has such a method."""
        seen: set[tuple[str, int]] = set()
        waiting = [used] if name else []
        while waiting:
            entry = waiting.pop()
            if entry.key in seen or not isinstance(entry.definition, Class):
                continue
            seen.add(entry.key)
            if entry.definition.method(name) is not None:
                return name
            for reference in entry.definition.references:
                found = self._find(reference.target, entry.module) if reference.usage == "base" else None
                if found is not None and not found[1]:
                    waiting.append(found[0])
        return ""


def references(definition: Function | Class, owner: str = "") -> Iterator[tuple[str, Reference]]:
    """Each reference with what makes it: a function, a method as `Class.method`, or the class itself."""
    name = f"{owner}{definition.name}"
    yield from ((name, reference) for reference in definition.references)
    if isinstance(definition, Class):
        for method in definition.methods:
            yield from references(method, f"{name}.")
        for inner in definition.classes:
            yield from references(inner, f"{name}.")
