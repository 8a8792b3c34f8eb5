"""Who uses whom in a checkout: references resolved to the definitions they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from .definitions import Class, Function, Reference, Usage, Whole
from .language import Layout, Module

_MAX_HOPS = 20
"""Re-exports and base classes that are followed; longer chains are circles."""

Key = tuple[str, int, str]
_Load = Callable[[str], Module | None]


class Entry(NamedTuple):
    """What a page is about: a definition at the top level of a module, or the module as a whole."""

    module: Module
    definition: Function | Class | Whole

    @property
    def key(self) -> Key:
        """Unique in a checkout; a module may be called like what its first line defines."""
        definition = self.definition
        return self.module.file, definition.start, "" if isinstance(definition, Whole) else definition.name

    @property
    def name(self) -> str:
        """With its type, when it is a method that stands outside of that."""
        definition = self.definition
        if isinstance(definition, Function) and definition.owner:
            return f"{definition.owner}{self.module.language.separator}{definition.name}"
        return definition.name

    @property
    def qualified(self) -> str:
        """Its name with those of all around it, as its language writes them."""
        if isinstance(self.definition, Whole):
            return self.module.name
        separator = self.module.language.separator
        return f"{self.module.name.replace('.', separator)}{separator}{self.name}"


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

    @property
    def user_name(self) -> str:
        """The user as its language writes it."""
        return self.where.replace(".", self.module.language.separator)


class Outside(NamedTuple):
    """One use of something that the checkout does not define."""

    name: str
    standard: bool
    """Does it come with the language?"""
    where: str
    usage: Usage


class _Use(NamedTuple):
    """A reference that has not been followed yet, and what makes it."""

    module: Module
    user: Entry | None
    where: str
    reference: Reference


class Index:
    """Everything that the modules of one checkout say of each other, followed when it is asked for.

    Answers about the users of a definition are whole when every file that mentions it has been
    added; what a definition itself uses is looked up with `load`.

    Args:
        layouts: language → what its files are called.
        load: the module of a file, read if need be; None when it cannot be read.
    """

    def __init__(self, layouts: Mapping[str, Layout], load: _Load) -> None:
        self._layouts = layouts
        self._load = load
        self._modules: dict[str, Module] = {}
        self._defined: dict[str, dict[str, list[Function | Class]]] = {}
        self._uses: dict[str, list[_Use]] = {}
        """Part of a name → who mentions it."""
        self._imports: dict[str, list[_Use]] = {}
        """The same for import statements, which are uses of modules."""
        self._renamed: dict[str, set[str]] = {}
        self._importing: dict[str, list[Module]] = {}
        self._methods: dict[tuple[str, str, str], dict[str, list[Entry]]] = {}
        self._found: dict[tuple[str, str], tuple[Entry, tuple[str, ...]] | None] = {}
        self._files: dict[tuple[str, str, str], tuple[str, ...]] = {}
        self._incoming: dict[Key, list[Link]] = {}
        self._outgoing: dict[Key, tuple[list[Link], list[Outside]]] = {}

    def add(self, module: Module) -> None:
        """Take in one more module of the checkout."""
        defined: dict[str, list[Function | Class]] = {}
        for definition in module.definitions:
            entry = Entry(module, definition)
            owner = definition.owner if isinstance(definition, Function) else ""
            defined.setdefault(f"{owner}.{definition.name}" if owner else definition.name, []).append(
                definition
            )
            if owner:
                named = self._methods.setdefault((_directory(module), module.name, owner), {})
                named.setdefault(definition.name, []).append(entry)
            for where, reference in references(definition):
                self._note(_Use(module, entry, where, reference))
        for reference in module.references:
            self._note(_Use(module, None, "", reference))
        self._modules[module.file] = module
        self._incoming = {}
        self._defined[module.file] = defined
        for name, target in module.names.items():
            last = target.rpartition(".")[2]
            if last != name:
                self._renamed.setdefault(last, set()).add(name)
            if target != f"{module.name}.{name}":
                self._importing.setdefault(name, []).append(module)

    def names_of(self, entry: Entry) -> frozenset[str]:
        """Every name under which code can mention it: its own, and those that imports give it."""
        own = (
            entry.module.name.rpartition(".")[2]
            if isinstance(entry.definition, Whole)
            else entry.definition.name
        )
        names, waiting = {own}, [own]
        while waiting:
            for renamed in self._renamed.get(waiting.pop(), ()):
                if renamed not in names:
                    names.add(renamed)
                    waiting.append(renamed)
        return frozenset(names)

    def unread_for(self, entry: Entry) -> set[str]:
        """Files that have not been added and that the references of an entry, or to it, lead through.

        When these have been added, there may be more: what a package only hands on.
        """
        found: set[str] = set()

        def peek(file: str) -> Module | None:
            if file not in self._modules:
                found.add(file)
            return self._modules.get(file)

        for _, reference in _all_references(entry):
            self._follow(reference.target, entry.module, peek)
        for name in self.names_of(entry):
            for use in self._uses.get(name, ()):
                self._follow(use.reference.target, use.module, peek)
        return found

    def uses_of(self, entry: Entry) -> list[Link]:
        """Who uses it, in the order of files and lines; not itself."""
        if entry.key not in self._incoming:
            found: dict[int, Link] = {}
            for use in self._possible_uses(entry):
                link = self._link(use)
                if link is not None and _is_about(link, entry):
                    found[id(use)] = link  # one reference may be noted under several of the names
            order = sorted(
                found.values(), key=lambda link: (link.module.file, link.user is not None, link.line)
            )
            self._incoming = {entry.key: order}  # several sections of one page ask; then the next page does
        return self._incoming[entry.key]

    def _possible_uses(self, entry: Entry) -> Iterator[_Use]:
        noted = self._imports if isinstance(entry.definition, Whole) else self._uses
        for name in sorted(self.names_of(entry)):
            yield from noted.get(name, ())
        if isinstance(entry.definition, Class):
            # `x.store.keep()` names what it calls, but not the class that `store` is of
            methods = [each.name for each in entry.definition.methods]
            for name in dict.fromkeys([*methods, *self._methods_of(entry)]):
                yield from (use for use in self._uses.get(name, ()) if "." in use.reference.member)

    def used_by(self, entry: Entry) -> list[Link]:
        """What it uses of the checkout, in the order of its lines; not itself."""
        return self._outgoing_of(entry)[0]

    def outside(self, entry: Entry) -> list[Outside]:
        """What it uses from elsewhere, without what the language has built in."""
        return self._outgoing_of(entry)[1]

    def methods(self, entry: Entry) -> list[Entry]:
        """The methods of a type that stand outside of it, in the order of files and lines."""
        found = [each for same in self._methods_of(entry).values() for each in same]
        return sorted(found, key=lambda each: (each.module.file, each.definition.start))

    def bases(self, entry: Entry) -> list[Entry]:
        """The classes of this checkout that it derives from directly."""
        own = entry.definition.name
        return [link.used for link in self.used_by(entry) if link.usage == "base" and link.where == own]

    def ancestors(self, entry: Entry) -> list[Entry]:
        """The classes of this checkout that it derives from at all, nearest first."""
        found: dict[Key, Entry] = {}
        waiting = self.bases(entry)
        while waiting:
            base = waiting.pop(0)
            if base.key not in found and base.key != entry.key:
                found[base.key] = base
                waiting += self.bases(base)
        return list(found.values())

    def subclasses(self, entry: Entry) -> list[Entry]:
        """The classes of this checkout that derive from it directly."""
        found = {
            link.user.key: link.user
            for link in self.uses_of(entry)
            if link.user is not None and link.usage == "base" and link.where == link.user.definition.name
        }
        return list(found.values())

    def exported_by(self, entry: Entry) -> list[Module]:
        """The packages whose own file offers it under its name."""
        name = entry.definition.name
        return [
            module
            for module in sorted(self._importing.get(name, ()), key=lambda each: each.file)
            if module.file.rpartition("/")[2].partition(".")[0] in ("__init__", "index", "mod", "lib")
            and module is not entry.module
            and (name in module.exports or not module.exports)
            and self._find(module.names[name], module) == (entry, ())
        ]

    def _note(self, use: _Use) -> None:
        noted = self._imports if use.reference.usage == "import" else self._uses
        for part in {*use.reference.target.split("."), *use.reference.member.split(".")} - {""}:
            noted.setdefault(part, []).append(use)

    def _outgoing_of(self, entry: Entry) -> tuple[list[Link], list[Outside]]:
        if entry.key not in self._outgoing:
            links: list[Link] = []
            outside: list[Outside] = []
            for where, reference in _all_references(entry):
                use = _Use(entry.module, entry, where, reference)
                link = self._link(use)
                if link is not None:
                    links.append(link)
                elif not reference.member and (found := self._outside(use)) is not None:
                    outside.append(found)
            self._outgoing[entry.key] = links, outside
        return self._outgoing[entry.key]

    def _link(self, use: _Use) -> Link | None:
        """The use, if it is one of a definition of this checkout other than the user itself."""
        module, user, reference = use.module, use.user, use.reference
        if reference.usage == "import":
            place = self._place(reference.target, module)
            if place is None or place[0].whole is None or place[0] is module:
                return None
            found: tuple[Entry, tuple[str, ...]] | None = (Entry(place[0], place[0].whole), ())
        else:
            found = self._find(reference.target, module)
        if found is None:
            return None
        used, rest = found
        wanted = reference.member or (rest[0] if rest else "")
        if "." in wanted and (through := self._through(used, wanted)) is not None:
            used, wanted = through
        if user is not None and used.key == user.key:
            return None
        member = self._member(used, wanted)
        if reference.member and not member:
            return None
        if user is not None and member in ("", user.definition.name) and _is_method_of(user, used):
            return None  # it mentions its own type, or calls itself
        return Link(
            user, module, use.where, used, member, reference.usage, reference.line, reference.typing_only
        )

    def _through(self, used: Entry, member: str) -> tuple[Entry, str] | None:
        """`a.b` of a class, as the attribute `b` of the class that its attribute `a` is said to have."""
        name, _, rest = member.partition(".")
        target = used.definition.field_types.get(name) if isinstance(used.definition, Class) else None
        found = self._find(target, used.module) if target else None
        return (found[0], rest) if found is not None and not found[1] else None

    def _outside(self, use: _Use) -> Outside | None:
        target, language = use.reference.target, use.module.language
        top = target.partition(".")[0]
        if top in ("", "builtins", "__future__") or self._layouts[language.name].holds(target):
            return None
        if self._place(target, use.module) is not None:
            return None
        name = target.lstrip(":")
        if language.separator != ".":
            name = name.replace(".", language.separator)
        return Outside(name, language.is_standard(target), use.where, use.reference.usage)

    def _find(self, target: str, module: Module) -> tuple[Entry, tuple[str, ...]] | None:
        """The definition that an absolute name means in a module, and the parts that follow it."""
        key = target, module.file
        if key not in self._found:
            self._found[key] = self._follow(target, module, self._load)
        return self._found[key]

    def _follow(self, target: str, module: Module, load: _Load) -> tuple[Entry, tuple[str, ...]] | None:
        waiting = [(target, module)]
        for _ in range(_MAX_HOPS):
            if not waiting:
                break
            name, importer = waiting.pop()
            owners, rest = self._places(name, importer, load) or ((importer,), ())
            if not rest:
                continue
            defined = next((found for owner in owners if (found := self._defined_in(owner, rest))), None)
            if defined is not None:
                return defined
            owner = owners[0]
            known = owner.names.get(rest[0])
            if known is None:
                waiting += [(".".join((star, *rest)), owner) for star in reversed(owner.stars)]
            elif known != f"{owner.name}.{rest[0]}":
                waiting.append((".".join((known, *rest[1:])), owner))
        return None

    def _defined_in(self, owner: Module, rest: tuple[str, ...]) -> tuple[Entry, tuple[str, ...]] | None:
        defined = self._defined.get(owner.file, {})
        found = defined.get(rest[0])
        if not found:
            return None
        # TypeScript lets a type have the name of a value; the value is what code runs.
        best = min(found, key=lambda each: each.sort in ("type alias", "interface"))
        return Entry(owner, best), rest[1:]

    def _place(self, target: str, importer: Module) -> tuple[Module, tuple[str, ...]] | None:
        """The innermost module that a dotted name begins with, and the rest of it."""
        found = self._places(target, importer, self._load)
        return (found[0][0], found[1]) if found else None

    def _places(
        self, target: str, importer: Module, load: _Load
    ) -> tuple[tuple[Module, ...], tuple[str, ...]] | None:
        """The same, with all files of it where a package has several."""
        parts = tuple(target.split("."))
        for end in range(len(parts), 0, -1):
            name = ".".join(parts[:end])
            files = self._file(name, importer)
            if name == importer.name and importer.file not in files:
                files = (importer.file, *files)
            modules = tuple(each for file in files if (each := load(file)) is not None)
            if modules:
                return modules, parts[end:]
        return None

    def _file(self, name: str, importer: Module) -> tuple[str, ...]:
        language = importer.language.name
        key = language, name, importer.file.rpartition("/")[0]
        if key not in self._files:
            self._files[key] = self._layouts[language].find(name, importer.file)
        return self._files[key]

    def _methods_of(self, entry: Entry) -> Mapping[str, list[Entry]]:
        return self._methods.get((_directory(entry.module), entry.module.name, entry.definition.name), {})

    def _member(self, used: Entry, name: str) -> str:
        """The name, if the class or one of its bases in this checkout has such a method."""
        seen: set[Key] = set()
        waiting = [used] if name else []
        while waiting:
            entry = waiting.pop()
            if entry.key in seen or not isinstance(entry.definition, Class):
                continue
            seen.add(entry.key)
            if entry.definition.method(name) is not None:
                return name
            if name in self._methods_of(entry):
                return name
            for reference in entry.definition.references:
                found = self._find(reference.target, entry.module) if reference.usage == "base" else None
                if found is not None and not found[1]:
                    waiting.append(found[0])
        return ""


def references(definition: Function | Class | Whole, owner: str = "") -> Iterator[tuple[str, Reference]]:
    """Each reference with what makes it: a function, a method as `Class.method`, or the class itself."""
    if isinstance(definition, Function) and definition.owner:
        owner = f"{definition.owner}."
    name = f"{owner}{definition.name}"
    yield from ((name, reference) for reference in definition.references)
    if isinstance(definition, Class):
        for method in definition.methods:
            yield from references(method, f"{name}.")
        for inner in definition.classes:
            yield from references(inner, f"{name}.")


def _all_references(entry: Entry) -> Iterable[tuple[str, Reference]]:
    """Those of a definition; of a module those of its own code."""
    if isinstance(entry.definition, Whole):
        return (("", reference) for reference in entry.module.references)
    return references(entry.definition)


def _is_about(link: Link, entry: Entry) -> bool:
    """Is this a use of the entry? Of a method: one of its type with that member."""
    if link.used.key == entry.key:
        return True
    if link.usage == "import":  # of a package with several files, each is imported
        module = link.used.module
        return isinstance(entry.definition, Whole) and (module.name, _directory(module)) == (
            entry.module.name,
            _directory(entry.module),
        )
    owner = _owner(entry)
    return (
        bool(owner)
        and link.member == entry.definition.name
        and link.used.definition.name == owner
        and _directory(link.used.module) == _directory(entry.module)
    )


def _is_method_of(entry: Entry, owner: Entry) -> bool:
    return _owner(entry) == owner.definition.name and _directory(entry.module) == _directory(owner.module)


def _owner(entry: Entry) -> str:
    return entry.definition.owner if isinstance(entry.definition, Function) else ""


def _directory(module: Module) -> str:
    """Where a module lies: its neighbours may be files of the same package."""
    return module.file.rpartition("/")[0]
