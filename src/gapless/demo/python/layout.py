"""Where definitions stand in a body: under which conditions, and which of them are one thing."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..definitions import Condition
from .names import FunctionNode, dotted
from .source import code_of

_ACCESSORS = {"getter", "setter", "deleter"}

DefinitionNode = FunctionNode | ast.ClassDef


@dataclass(slots=True)
class Group:
    """A definition with those that only complete it."""

    node: DefinitionNode
    conditions: tuple[Condition, ...]
    overloads: list[FunctionNode] = field(default_factory=list)
    accessors: list[FunctionNode] = field(default_factory=list)
    """Setters and deleters of a property."""

    @property
    def start(self) -> int:
        """The first line that belongs to it, decorators included."""
        return min(first_line(node) for node in (*self.overloads, self.node))


def groups(body: Sequence[ast.stmt]) -> list[Group]:
    """The definitions of a body, those inside its `if` and `try` statements included, in order.

    Overloads join the implementation that follows them; without one, the last overload stands for it.
    """
    found: list[Group] = []
    overloads: list[FunctionNode] = []
    for node, conditions in _placed(body):
        if isinstance(node, ast.ClassDef):
            found.append(Group(node, conditions))
        elif overloads and overloads[-1].name == node.name:
            found[-1].node = node
            found[-1].overloads = overloads
        elif (owner := _owner(node, found)) is not None:
            owner.accessors.append(node)
        else:
            found.append(Group(node, conditions))
        if isinstance(node, ast.ClassDef) or not _is_overload(node):
            overloads = []
        elif overloads and overloads[-1].name == node.name:
            overloads = [*overloads, node]
        else:
            overloads = [node]
    return found


def first_line(node: DefinitionNode) -> int:
    """The line of the first decorator, else that of `def` or `class`."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def decorator_names(node: DefinitionNode) -> list[tuple[str, ...]]:
    """What decorates a definition, as dotted parts, without arguments."""
    bare = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
    return [parts for parts in map(dotted, bare) if parts is not None]


def _is_overload(node: DefinitionNode) -> bool:
    return any(parts[-1] == "overload" for parts in decorator_names(node))


def _owner(node: FunctionNode, found: list[Group]) -> Group | None:
    """The property that `@name.setter` completes."""
    for parts in decorator_names(node):
        if len(parts) == 2 and parts[0] == node.name and parts[1] in _ACCESSORS:
            return next((group for group in reversed(found) if group.node.name == node.name), None)
    return None


def _placed(body: Sequence[ast.stmt]) -> Iterator[tuple[DefinitionNode, tuple[Condition, ...]]]:
    stack: list[tuple[ast.stmt, tuple[Condition, ...]]] = [(each, ()) for each in reversed(body)]
    while stack:
        statement, conditions = stack.pop()
        if isinstance(statement, DefinitionNode):
            yield statement, conditions
            continue
        inner = []
        for block, condition in _blocks(statement):
            under = conditions if condition is None else (*conditions, condition)
            inner += [(each, under) for each in block]
        stack += reversed(inner)


def _blocks(statement: ast.stmt) -> list[tuple[list[ast.stmt], Condition | None]]:
    match statement:
        case ast.If(test=test, body=body, orelse=other):
            code = code_of(test) or ""
            return [(body, Condition("if", code)), (other, Condition("unless", code))]
        case ast.Try() | ast.TryStar():
            caught = [
                (
                    handler.body,
                    Condition(
                        f"if the try of line {statement.lineno} fails with",
                        code_of(handler.type) or "Exception",
                    ),
                )
                for handler in statement.handlers
            ]
            return [(statement.body, None), *caught, (statement.orelse, None), (statement.finalbody, None)]
        case ast.Match(subject=subject, cases=cases):
            word = f"if {code_of(subject)} matches"
            return [(case.body, Condition(word, code_of(case.pattern) or "")) for case in cases]
        case ast.With(body=body) | ast.AsyncWith(body=body):
            return [(body, None)]
        case ast.For(body=body, orelse=other) | ast.While(body=body, orelse=other):
            return [(body, None), (other, None)]
    return []
