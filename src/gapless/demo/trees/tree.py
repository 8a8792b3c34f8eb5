"""What the syntax trees of all grammars have in common: names, calls, branches, scopes.

This is reading, not running: a name counts when the file's own imports, definitions and
annotations say what it is. What they leave open is left out rather than guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from ..definitions import Reference, Usage

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """The node types that one grammar has for what all of them have.

    Fields are named where a node has several children that matter.
    """

    names: frozenset[str]
    """Nodes that are a name by themselves."""
    types: frozenset[str] = frozenset()
    """Those among them that name a type."""
    own: frozenset[str] = frozenset()
    """The object that a method belongs to: `this`, `self`."""
    members: Mapping[str, tuple[str, str]]
    """`a.b`: node type → the fields of `a` and of `b`."""
    wrappers: Mapping[str, str] = field(default_factory=dict)
    """What only decorates a name, `Name<T>`: node type → the field of the name."""
    calls: Mapping[str, str]
    """Node type → the field of what is called or constructed."""
    raising: frozenset[str] = frozenset()
    functions: frozenset[str]
    """Every node that has a body of its own which runs later."""
    returns: frozenset[str]
    yields: frozenset[str] = frozenset()
    loops: Mapping[str, tuple[str, str]]
    """Node type → the fields of the variable and of what is gone through; empty: of a child of it."""
    branches: frozenset[str]
    """Nodes that add a way through the code."""
    operators: frozenset[str] = frozenset({"&&", "||"})
    bindings: Mapping[str, str]
    """What makes a name local: node type → the field with the names, or "" for all inside it."""
    not_bound: frozenset[str] = frozenset()
    """Nodes inside of bindings whose names are not bound: types, defaults."""
    opaque: frozenset[str] = frozenset()
    """Nodes whose names mean nothing outside of them."""
    comments: frozenset[str] = frozenset({"comment"})
    plain_docs: bool = False
    """Is every comment above a definition its documentation?"""
    tail_returns: bool = False
    """Is the last expression of a body its value?"""


def kinds(*names: str) -> frozenset[str]:
    """Kinds of nodes, named one behind the other in a text or several."""
    return frozenset(" ".join(names).split())


def text_of(node: Node | None, field: str = "") -> str:
    """The source of a node, or of one of its fields; empty without one."""
    if node is not None and field:
        node = node.child_by_field_name(field)
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")


def one_line(node: Node | None, field: str = "") -> str:
    """The same in one line."""
    return " ".join(text_of(node, field).split())


def children_of(node: Node | None, field: str = "") -> list[Node]:
    """The named children of a node, or of one of its fields; none without one."""
    if node is not None and field:
        node = node.child_by_field_name(field)
    return [] if node is None else node.named_children


def line_of(node: Node) -> int:
    """The line on which a node begins, counted from 1."""
    return node.start_point[0] + 1


def end_of(node: Node) -> int:
    """The last line that has a part of it."""
    row, column = node.end_point
    return row if column == 0 and row > node.start_point[0] else row + 1


def walk(nodes: Iterable[Node], into: Iterable[str] | None = None) -> Iterator[Node]:
    """The nodes and all inside them, in the order of the source; not inside those of the types `into`."""
    closed = frozenset(into or ())
    stack = list(nodes)[::-1]
    while stack:
        node = stack.pop()
        yield node
        if node.type not in closed:
            stack += node.children[::-1]


def inside(node: Node, grammar: Grammar) -> Iterator[Node]:
    """What runs when a function runs: not the insides of the functions that it makes."""
    return walk(node.children, grammar.functions)


def dotted(node: Node | None, grammar: Grammar) -> Parts | None:
    """`a.b.c` as its parts; None for what does not begin with a name."""
    parts: list[str] = []
    while node is not None:
        if node.type in grammar.names or node.type in grammar.own:
            return (text_of(node), *reversed(parts))
        if node.type in grammar.wrappers:
            node = node.child_by_field_name(grammar.wrappers[node.type])
        elif node.type in grammar.members:
            first, second = grammar.members[node.type]
            member = node.child_by_field_name(second)
            if member is None or (member.named_child_count and member.type not in grammar.wrappers):
                return None
            parts.append(text_of(member))
            node = node.child_by_field_name(first)
        else:
            return None
    return None


def mentions(nodes: Iterable[Node], grammar: Grammar) -> Iterator[tuple[Parts, Usage, int]]:
    """Every dotted name in the nodes, how it is used, and its line."""
    stack: list[tuple[Node, Usage]] = [(node, "name") for node in list(nodes)[::-1]]
    while stack:
        node, usage = stack.pop()
        kind = node.type
        if kind in grammar.opaque or kind in grammar.comments:
            continue
        if kind in grammar.names or kind in grammar.members or kind in grammar.wrappers:
            parts = dotted(node, grammar)
            if parts is not None:
                if usage == "name" and _names_type(node, grammar):
                    usage = "annotation"
                yield parts, usage, line_of(node)
                if kind not in grammar.wrappers:
                    continue
                named = node.child_by_field_name(grammar.wrappers[kind])
                stack += [(each, "name") for each in node.children[::-1] if each != named]
                continue
        called = node.child_by_field_name(grammar.calls[kind]) if kind in grammar.calls else None
        for child in node.children[::-1]:
            if child == called:
                stack.append((child, usage if usage == "raise" else "call"))
            elif kind in grammar.raising and child.is_named:
                stack.append((child, "raise"))
            else:
                stack.append((child, "name"))


def _names_type(node: Node, grammar: Grammar) -> bool:
    last: Node | None = node
    while last is not None and last.type not in grammar.types:
        if last.type in grammar.members:
            last = last.child_by_field_name(grammar.members[last.type][1])
        elif last.type in grammar.wrappers:
            last = last.child_by_field_name(grammar.wrappers[last.type])
        else:
            return False
    return last is not None


def bound(node: Node, grammar: Grammar) -> frozenset[str]:
    """Every name that is local to a function or to something inside it.

    One set for all of it: what is local in a nested function and global around it is taken for
    local, so that the mistake is an omission and never a false statement.
    """
    names: set[str] = set()
    for each in walk([node]):
        field_name = grammar.bindings.get(each.type)
        if field_name is None:
            continue
        fields = each.children_by_field_name(field_name) if field_name else each.children
        for inner in walk(fields, grammar.not_bound):
            if inner.type in grammar.names or inner.type == "shorthand_property_identifier_pattern":
                names.add(text_of(inner))
    return frozenset(names)


def complexity_of(node: Node, grammar: Grammar) -> int:
    """One, and one more for each branch, loop, case and short circuit inside."""
    found = 1
    for each in walk([node]):
        if each.type in grammar.branches:
            found += 1
        elif each.type == "binary_expression":
            operator = each.child_by_field_name("operator")
            found += operator is not None and operator.type in grammar.operators
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the names mean at one place of a file: absolute targets."""

    module: str
    names: Mapping[str, str]
    """Those of the file's top level, imported ones included."""
    locals: frozenset[str] = frozenset()
    types: Mapping[str, str] = field(default_factory=dict)
    """Variable → target of its type."""
    own: tuple[str, str] = ("", "")
    """What stands for the object of the method, and the target of its type."""

    def target(self, parts: Parts) -> str | None:
        """What a dotted name stands for; None for a local variable or a part of one."""
        root = parts[0]
        if root in self.locals or root == self.own[0]:
            return None
        return ".".join((self.names.get(root, f"{self.module}.{root}"), *parts[1:]))

    def reference(self, parts: Parts, usage: Usage, line: int) -> Reference | None:
        """The reference that a mention is, if it can be known of what."""
        known = self.own[1] if parts[0] == self.own[0] and self.own[0] else self.types.get(parts[0])
        if known and len(parts) > 1:
            if len(parts) > 2:
                return Reference(known, usage, line, f"{parts[1]}.{parts[2]}")
            return Reference(known, usage, line, parts[1])
        target = self.target(parts)
        return Reference(target, usage, line) if target is not None else None

    def references(self, nodes: Iterable[Node], grammar: Grammar) -> tuple[Reference, ...]:
        """What the nodes mention, in the order of the source."""
        found = (self.reference(*mention) for mention in mentions(nodes, grammar))
        return tuple(sorted((each for each in found if each is not None), key=lambda each: each.line))
