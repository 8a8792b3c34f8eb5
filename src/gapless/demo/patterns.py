"""The design patterns of a definition: those its own code shows, and those that its users show."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .definitions import Class, Evidence, Function
from .evidence import in_lines
from .index import Entry, Index
from .markdown import code, codes
from .phrases import is_special, is_test

_MAKING = ("make", "create", "build", "new", "from", "factory", "of")
_KEPT = re.compile(r"(?:export\s+)?(?:const |let |var |static |pub |mut )*\w+\b[^=({]*=(?!=)")


def patterns(entry: Entry, index: Index) -> list[Evidence]:
    """In the order in which a page names them."""
    definition = entry.definition
    found = list(definition.patterns)
    if isinstance(definition, Class):
        for method in definition.methods:
            if not is_special(method.name):  # what those show is said of the class
                found += [_of_method(each, method) for each in method.patterns]
            found += _factory(entry, method, f"{definition.name}.{method.name}", index)
        found += _only_instance(entry, index)
    elif isinstance(definition, Function):
        found += _factory(entry, definition, entry.name, index)
    return found


def _of_method(evidence: Evidence, method: Function) -> Evidence:
    return evidence._replace(said=f"In {code(method.name)}: {evidence.said}")


def _factory(entry: Entry, function: Function, where: str, index: Index) -> Iterator[Evidence]:
    """A function that returns new objects: of several classes, or of one when it is named for that."""
    made: dict[str, list[int]] = {}
    for link in index.used_by(entry):
        is_result = link.where == where and link.usage == "call" and link.line in function.returned
        if is_result and isinstance(link.used.definition, Class) and not link.member:
            made.setdefault(link.used.definition.name, []).append(link.line)
    named = re.split(r"_|(?<=[a-z])(?=[A-Z])", function.name.strip("_"))[0].lower() in _MAKING
    if len(made) > 1 or (made and named):
        lines = [line for found in made.values() for line in found]
        what = "one of " if len(made) > 1 else "a new "
        said = f"{code(function.name)} returns {what}{codes(list(made))}, made {in_lines(lines)}."
        yield Evidence("Factory", said, tuple(lines))


def _only_instance(entry: Entry, index: Index) -> Iterator[Evidence]:
    """A class that is made once, for a variable of a module, and nowhere else outside of tests."""
    made = [
        link
        for link in index.uses_of(entry)
        if link.usage == "call" and not link.member and not is_test(link.module.file)
    ]
    own = [link for link in made if link.user is None]
    if len(made) != 1 or not own or index.subclasses(entry):
        return
    [link] = own
    line = link.module.lines[link.line - 1]
    if _KEPT.match(line):
        where = code(f"{link.module.file}:{link.line}")
        kept = code(line.strip()[:80])
        said = f"This repository makes one instance, and the module keeps it: {kept} ({where})."
        yield Evidence("Singleton (module state)", said, (link.line,))
