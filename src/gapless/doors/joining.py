"""A page's script with all that it imports in any case, as one module.

Each module stays a scope of its own, and what it exports is the same for all: a part of the page that comes
later, by `import(…)`, takes what the page has already from there. What a module is, is not changed: names,
order of evaluation (what is imported comes first) and lines, without the empty ones, are those of the files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from .scripts import without_empty_lines

IMPORT = re.compile(r'^import ?(?:\{([^}]*)\} ?|\* ?as (\w+) )from ?"(\.[^"]+)";$', re.MULTILINE)
"""Names, or all of a module under one name. Packages and default exports there are none."""

LATER = re.compile(r'\bimport\("(\.[^"]+)"\)')

EXPORTED = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)

LISTED = re.compile(r"^export ?\{([^}]*)\};$", re.MULTILINE)

UNKNOWN = re.compile(r"^(?:import|export)\b(?!\().*", re.MULTILINE)
"""What is left of them when all forms that are known are taken away."""


class Joined(NamedTuple):
    """What a page asks for instead of its files."""

    script: str
    members: frozenset[str]
    """The modules that are in it, the page's script among them."""
    later: dict[str, str]
    """The modules that may be asked for afterwards, taking from the script what is in it."""


def join(entry: str, modules: Mapping[str, str]) -> Joined:
    """Put together what `entry` imports, directly or not. `modules`: name below one directory → text.

    The entry must not await anything before it ends: what it would wait for may come later, and import
    it. Raises ValueError, naming the module, for what would not mean the same when it is put together:
    modules that import each other, and forms of `import` and `export` that the page does not use.
    """
    order = _in_order(entry, modules)
    members = frozenset(order)
    parts = [_scope(name, modules[name], entry) for name in order if name != entry]
    own = _imported(entry, modules[entry], _variable)
    later, taken = _later(entry, members, modules)
    names = ",".join(f'{_variable(name)} as "{name}"' for name in order if name in taken)
    script = "".join([*parts, own, f"export{{{names}}};\n" if names else ""])
    return Joined(without_empty_lines(script), members, later)


def imports_of(name: str, text: str) -> list[str]:
    """The modules that this one imports in any case."""
    return [_resolved(name, address) for _, _, address in IMPORT.findall(text)]


def _in_order(entry: str, modules: Mapping[str, str]) -> list[str]:
    """Each module behind those that it imports, as they are evaluated."""
    order: list[str] = []
    path: list[str] = []

    def visit(name: str) -> None:
        if name in path:
            raise ValueError(
                f"{' imports '.join([*path[path.index(name) :], name])}: take out what both need"
            )
        if name in order:
            return
        path.append(name)
        for each in imports_of(name, modules[name]):
            visit(each)
        order.append(path.pop())

    visit(entry)
    return order


def _scope(name: str, text: str, entry: str) -> str:
    """A module as a function that is called at once and gives what the module exports."""
    exported = EXPORTED.findall(text) + [
        each.strip() for found in LISTED.findall(text) for each in found.split(",")
    ]
    body = LISTED.sub("", EXPORTED.sub("", _imported(name, text, _variable)))
    if unknown := UNKNOWN.search(body):
        raise ValueError(
            f"{name}: {unknown[0]!r} cannot be put together with others; write it as the others do"
        )
    home = posixpath.dirname(entry)
    body = LATER.sub(
        lambda found: f'import("./{posixpath.relpath(_resolved(name, found[1]), home or ".")}")', body
    )
    if posixpath.dirname(name) != home:
        body = body.replace(
            "import.meta.url", f'new URL("{posixpath.relpath(name, home or ".")}", import.meta.url).href'
        )
    return f"const {_variable(name)}=(()=>{{\n{body}\nreturn{{{','.join(exported)}}};\n}})();\n"


def _imported(name: str, text: str, source: Callable[[str], str | None]) -> str:
    """The module with its imports taken from variables. `source`: which one; None: it stays an import."""

    def taken(found: re.Match[str]) -> str:
        names, everything, address = found.groups()
        variable = source(_resolved(name, address))
        if variable is None:
            return found[0]
        return f"const {everything or '{' + names.replace(' as ', ':') + '}'}={variable};"

    return IMPORT.sub(taken, text)


def _later(
    entry: str, members: frozenset[str], modules: Mapping[str, str]
) -> tuple[dict[str, str], set[str]]:
    """What is reached by `import(…)` alone, as it is asked for then; what that takes from the script."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    waiting = [
        _resolved(name, address) for name in sorted(members) for address in LATER.findall(modules[name])
    ]
    while waiting:
        name = waiting.pop()
        if name in found or name in members or name not in modules:
            continue
        text = modules[name]
        found[name] = _beside(name, text, entry, members)
        imported = imports_of(name, text)
        taken |= members.intersection(imported) - {entry}
        waiting += imported + [_resolved(name, address) for address in LATER.findall(text)]
    return found, taken


def _beside(name: str, text: str, entry: str, members: frozenset[str]) -> str:
    """A module that comes later, taking all that the script has from there, in its first line."""
    taken = [each for each in imports_of(name, text) if each in members]
    if not taken:
        return text
    names = ", ".join(f'"{each}" as {_variable(each)}' for each in dict.fromkeys(taken))
    address = posixpath.relpath(entry, posixpath.dirname(name) or ".")
    body = _imported(name, text, lambda each: _variable(each) if each in members else None)
    prefix = "" if address.startswith(".") else "./"
    return f'import {{ {names} }} from "{prefix}{address}"; {body}'


def _variable(name: str) -> str:
    """A module's name as one of the language; no module of ours begins a name with a dollar."""
    return "$" + re.sub(r"\W", "_", name.removesuffix(".js"))


def _resolved(name: str, address: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), address))
