"""The section *How it Fits in the Architecture*: where it stands, what it uses, what uses it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .definitions import Class, Function, Usage, Whole
from .docstring import summary
from .index import Entry, Index, Key, Link, Outside
from .markdown import code, codes, listed, phrase
from .phrases import counted, is_test, kind, place, type_of, with_article

_USED: dict[Usage, str] = {
    "base": "base class",
    "decorator": "decorator",
    "call": "called",
    "raise": "raised",
    "except": "caught",
    "annotation": "in annotations",
    "name": "mentioned",
    "import": "imported",
}
"""In the order in which they are listed; a call of a class constructs."""


def how_it_fits(entry: Entry, index: Index) -> list[str]:
    """The blocks of the section; never empty."""
    return [
        *_standing(entry),
        *_relations(entry, index),
        *_collaborators(entry, index),
        *_users(entry, index),
    ]


def _collaborators(entry: Entry, index: Index) -> list[str]:
    """What the code names, by where it comes from; never empty."""
    inside = index.used_by(entry)
    outside = index.outside(entry)
    standard = [each for each in outside if each.standard]
    other = [each for each in outside if not each.standard]
    blocks = []
    if inside:
        blocks += [
            "It works together with these of the repository:",
            listed(_inside(entry, inside, index), "definitions"),
        ]
    if standard:
        blocks.append(f"From the standard library it uses {codes(_names(standard))}.")
    if other:
        blocks.append(f"From other packages it uses {codes(_names(other))}.")
    definition = entry.definition
    if isinstance(definition, Function) and definition.inner:
        blocks.append(f"Inside itself it defines {codes(definition.inner)}.")
    return blocks or [
        "It names nothing beyond itself, its own module's variables and what the language has built in."
    ]


def _inside(entry: Entry, links: Sequence[Link], index: Index) -> list[str]:
    grouped: dict[Key, list[Link]] = {}
    for link in links:
        grouped.setdefault(link.used.key, []).append(link)
    items = []
    for group in grouped.values():
        used = group[0].used
        said = summary(used.definition.docstring, 120)
        about = f"{code(used.name)} ({type_of(used, index)}, {place(used)})"
        items.append(f"{about}: {_ways(entry, group)}.{f' “{said}”' if said else ''}")
    return items


def _ways(entry: Entry, links: Sequence[Link]) -> str:
    """How one collaborator is used: `called in a and b; raised in c`."""
    ways: dict[tuple[int, str, str], dict[str, None]] = {}
    for link in links:
        verb = _verb(link)
        key = (list(_USED).index(link.usage), link.member, verb)
        ways.setdefault(key, {})[_within(entry, link.where)] = None
    said = []
    for (_, member, verb), places in sorted(ways.items(), key=lambda way: way[0]):
        inner = [code(where) for where in places if where]
        what = f"{code(member)} {verb}" if member else verb
        said.append(f"{what} in {phrase(inner)}" if inner else what)
    only = " (imported for type checkers only)" if all(link.typing_only for link in links) else ""
    return "; ".join(said) + only


def _verb(link: Link) -> str:
    if link.usage == "call" and not link.member and isinstance(link.used.definition, Class):
        return "constructed"
    return _USED[link.usage]


def _within(entry: Entry, where: str) -> str:
    """The method of a class's own; empty for a function and for the body of the class."""
    if isinstance(entry.definition, Function):
        return ""
    return where.removeprefix(entry.definition.name).removeprefix(".")


def _names(outside: Iterable[Outside]) -> list[str]:
    return sorted({each.name for each in outside})


def _standing(entry: Entry) -> list[str]:
    definition, module = entry.definition, entry.module
    if isinstance(definition, Whole):
        return [f"It is the file {code(module.file)}, {counted(len(module.lines), 'line')} long."]
    others = len(module.definitions) - 1
    company = (
        f"together with {counted(others, 'other definition')}" if others else "the only definition there"
    )
    text = f"It stands in the module {code(module.name)} ({code(module.file)}), {company}."
    if module.docstring:
        text += f" The module says of itself: “{summary(module.docstring)}”"
    conditions = definition.conditions
    blocks = [text, *(f"It is defined only {each.word} {code(each.code)}." for each in conditions)]
    if definition.decorators:
        blocks.append(f"It is decorated with {codes(_as_written(definition.decorators))}.")
    twins = [
        each.line
        for each in module.definitions
        if Entry(module, each).name == entry.name and each is not definition
    ]
    if twins:
        lines = phrase([str(line) for line in twins])
        blocks.append(
            f"The same file defines this name again in {'line' if len(twins) == 1 else 'lines'} {lines}."
        )
    return blocks


def _as_written(decorators: Iterable[str]) -> list[str]:
    return [each if each.startswith("#") else f"@{each}" for each in decorators]


def _relations(entry: Entry, index: Index) -> list[str]:
    blocks = []
    definition = entry.definition
    if isinstance(definition, Class) and definition.bases:
        known = {base.definition.name: f" ({place(base)})" for base in index.bases(entry)}
        bases = [
            f"{code(base)}{known.get(base.partition('[')[0].rpartition('.')[2], '')}"
            for base in definition.bases
        ]
        blocks.append(f"It derives from {phrase(bases)}.")
    derived = [f"{code(each.qualified)} ({place(each)})" for each in index.subclasses(entry)]
    if derived:
        blocks.append(f"{phrase(derived)} {'derives' if len(derived) == 1 else 'derive'} from it.")
    exporting = [module.name for module in index.exported_by(entry)]
    if exporting:
        blocks.append(f"{codes(exporting)} {'offers' if len(exporting) == 1 else 'offer'} it under its name.")
    return blocks


def _users(entry: Entry, index: Index) -> list[str]:
    links = index.uses_of(entry)
    tests = [link for link in links if is_test(link.module.file)]
    others = [link for link in links if not is_test(link.module.file)]
    blocks = []
    if others:
        blocks += ["It is used by:", listed(_by_user(others), "users")]
    if tests:
        blocks += ["Tests and their helpers use it:", listed(_by_user(tests), "users")]
    if blocks:
        return blocks
    return [_unused(entry)]


def _unused(entry: Entry) -> str:
    definition, what = entry.definition, kind(entry.definition)
    if is_test(entry.module.file) and definition.name.lower().startswith("test"):
        return f"Nothing names it: it is {with_article(what)} that a test runner finds by its name."
    if definition.decorators and what == "function":
        return "Nothing else in this repository names it; its decorators may hand it on."
    if isinstance(definition, Whole):
        return "Nothing else in this repository imports it by its name."
    outside = "; its users, if any, are outside" if definition.public else ""
    return f"Nothing else in this repository names it{outside}."


def _by_user(links: Sequence[Link]) -> list[str]:
    """One entry per function, method, class body or module that uses it."""
    grouped: dict[tuple[str, str], list[Link]] = {}
    for link in links:
        grouped.setdefault((link.module.file, link.where), []).append(link)
    items = []
    for (file, where), group in grouped.items():
        lines = list(dict.fromkeys(str(link.line) for link in group))
        user = code(group[0].user_name) if where else "the module itself"
        shown = ", ".join(lines[:8]) + (f" and {len(lines) - 8} more" if len(lines) > 8 else "")
        items.append(
            f"{user} in {code(file)}, {'line' if len(lines) == 1 else 'lines'} {shown}: {_verbs(group)}"
        )
    return items


def _verbs(links: Sequence[Link]) -> str:
    verbs: dict[tuple[int, str], str] = {}
    for link in links:
        said = f"{code(link.member)} {_verb(link)}" if link.member else _verb(link)
        verbs[list(_USED).index(link.usage), link.member] = said
    return ", ".join(verbs[key] for key in sorted(verbs))
