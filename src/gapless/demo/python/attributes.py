"""The attributes that a class assigns, in its body and on its instances."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ..definitions import Attribute
from ..language import clipped, encodable
from .names import FunctionNode, outside_scopes
from .receivers import arguments, own_name
from .source import code_of

MAX_VALUE = 60
"""Characters of what a method assigns to an attribute."""


def attributes(body: list[ast.stmt]) -> Iterable[Attribute]:
    """The names that the body of a class assigns, each with the string that follows and documents it."""
    for at, statement in enumerate(body):
        following = body[at + 1] if at + 1 < len(body) else None
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                said = _said(following)
                yield Attribute(
                    name, code_of(annotation), code_of(value), said, statement.lineno, _is_public(name)
                )
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        said, public = _said(following), _is_public(target.id)
                        yield Attribute(target.id, None, code_of(value), said, statement.lineno, public)


def _is_public(name: str) -> bool:
    return not name.startswith("_")


def _said(statement: ast.stmt | None) -> str | None:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return encodable(text).strip() or None
    return None


def instance_attributes(methods: Iterable[FunctionNode]) -> list[Attribute]:
    """What `__init__` and `__post_init__` assign to the instance; of several assignments, the first."""
    found: dict[str, Attribute] = {}
    for method in methods:
        if method.name not in ("__init__", "__post_init__"):
            continue
        own = own_name(method)
        annotations = {each.arg: each.annotation for each in arguments(method.args)}
        for node in outside_scopes(method.body):
            match node:
                case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id=root), attr=name)) if root == own:
                    annotation = code_of(node.annotation)
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=root), attr=name)]) if root == own:
                    given = node.value.id if isinstance(node.value, ast.Name) else ""
                    annotation = code_of(annotations.get(given))
                case _:
                    continue
            value = None if annotation else clipped(code_of(node.value) or "", MAX_VALUE) or None
            found.setdefault(name, Attribute(name, annotation, value, None, node.lineno, _is_public(name)))
    return list(found.values())
