"""Of which class a variable is an instance, where an annotation or one single assignment says so."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable

from .names import FunctionNode, Names, dotted

_TRANSPARENT = {"Annotated", "ClassVar", "Final", "InitVar", "Optional", "ReadOnly"}


def variable_types(nodes: Iterable[ast.AST], names: Names) -> dict[str, str]:
    """Variable → absolute name of its class, for `x: Class`, and for `x = Class()` if nothing else binds x.

    Whether the name is one of a class, the reader of the result must see; `x = function()` looks
    the same.
    """
    declared: dict[str, str] = {}
    assigned: dict[str, list[str | None]] = {}
    stores: Counter[str] = Counter()
    for node in nodes:
        match node:
            case ast.arg(arg=name, annotation=annotation):
                stores[name] += 1
                _declare(declared, name, annotation, names)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                _declare(declared, name, annotation, names)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func)):
                assigned.setdefault(name, []).append(_target(func, names))
            case ast.Name(id=name, ctx=ast.Store()):
                stores[name] += 1
    return _agreed(assigned, stores) | declared


def attribute_types(node: ast.ClassDef, methods: Iterable[FunctionNode], names: Names) -> dict[str, str]:
    """The same for the attributes of `self`: declared in the class, or assigned in a method."""
    declared: dict[str, str] = {}
    assigned: dict[str, list[str | None]] = {}
    stores: Counter[str] = Counter()
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            _declare(declared, statement.target.id, statement.annotation, names)
    for method in methods:
        own = own_name(method)
        parameters = {argument.arg: argument.annotation for argument in arguments(method.args)}
        for inner in ast.walk(method):
            match inner:
                case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id=root), attr=name)) if root == own:
                    _declare(declared, name, inner.annotation, names)
                case ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id=root), attr=name)],
                    value=ast.Constant(value=None),
                ) if root == own:
                    stores[name] -= 1  # None has no methods to call; what else it becomes, counts
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=root), attr=name)]) if root == own:
                    assigned.setdefault(name, []).append(_value_class(inner.value, parameters, names))
                case ast.Attribute(value=ast.Name(id=root), attr=name, ctx=ast.Store()) if root == own:
                    stores[name] += 1
    return _agreed(assigned, stores) | declared


def own_name(method: FunctionNode) -> str:
    """What a method calls its instance: its first positional parameter."""
    positional = [*method.args.posonlyargs, *method.args.args]
    return positional[0].arg if positional else ""


def arguments(of: ast.arguments) -> list[ast.arg]:
    """All parameters, however they are passed."""
    starred = [argument for argument in (of.vararg, of.kwarg) if argument is not None]
    return [*of.posonlyargs, *of.args, *of.kwonlyargs, *starred]


def class_of(annotation: ast.AST | None) -> tuple[str, ...] | None:
    """The one class that an annotation names: `T`, `"T"`, `T | None`, `Optional[T]`, `T[int]`."""
    match annotation:
        case ast.Constant(value=str(quoted)):
            try:
                return class_of(ast.parse(quoted.strip(), mode="eval").body)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None
        case ast.BinOp(left=one, op=ast.BitOr(), right=ast.Constant(value=None)):
            return class_of(one)
        case ast.BinOp(left=ast.Constant(value=None), op=ast.BitOr(), right=one):
            return class_of(one)
        case ast.Subscript(value=value, slice=inner):
            parts = dotted(value)
            if parts is None or parts[-1] not in _TRANSPARENT:
                return parts
            return class_of(inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner)
        case ast.Name() | ast.Attribute():
            return dotted(annotation)
    return None


def _declare(declared: dict[str, str], name: str, annotation: ast.AST | None, names: Names) -> None:
    parts = class_of(annotation)
    target = names.target(parts) if parts else None
    if target is not None:
        declared.setdefault(name, target)


def _value_class(value: ast.expr, parameters: dict[str, ast.expr | None], names: Names) -> str | None:
    match value:
        case ast.Call(func=func):
            return _target(func, names)
        case ast.Name(id=name) if name in parameters:
            parts = class_of(parameters[name])
            return names.target(parts) if parts else None
    return None


def _target(func: ast.expr, names: Names) -> str | None:
    parts = dotted(func)
    return names.target(parts) if parts else None


def _agreed(assigned: dict[str, list[str | None]], stores: Counter[str]) -> dict[str, str]:
    """Those that are bound in no other way and always to the same class."""
    return {
        name: targets[0]
        for name, targets in assigned.items()
        if len(targets) == stores[name] and targets[0] is not None and len(set(targets)) == 1
    }
