"""The design patterns that a Python definition shows by itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from ..definitions import Evidence
from ..evidence import (
    composite,
    context_manager,
    decorator,
    fluent,
    forwarding,
    generator,
    observer,
    told,
)
from ..markdown import code
from .names import FunctionNode, Names, dotted, outside_scopes
from .receivers import arguments, own_name

_SUBSCRIBERS = ("subscriber", "listener", "observer", "callback", "handler", "receiver", "watcher", "hook")
_ADDING = ("append", "add", "insert", "appendleft", "setdefault", "connect")
_PAIRS = (("__enter__", "__exit__"), ("__aenter__", "__aexit__"))
_ITERATING = (("__iter__", "__next__"), ("__aiter__", "__anext__"))


def of_function(node: FunctionNode, names: Names) -> tuple[Evidence, ...]:
    """What a function or method shows; `names` are those inside it."""
    own = list(outside_scopes(node.body))
    yields = [each.lineno for each in own if isinstance(each, ast.Yield | ast.YieldFrom)]
    managing = _managing(node, names)
    found: list[Evidence] = []
    if managing and yields:
        sentence = (
            f"{code('@' + managing[0])} ({{0}}) makes it one; the block of the {code('with')} "
            "runs at the yield ({1})."
        )
        found.append(told("Context manager", sentence, managing[1], yields[0]))
    elif yields:
        found.append(generator(yields))
    found += _wrapping(node, own)
    found += _kept_in_the_module(own)
    return tuple(found)


def of_class(node: ast.ClassDef, methods: Sequence[FunctionNode]) -> tuple[Evidence, ...]:
    """What a class shows; `methods` are those that have an instance."""
    by_name = {method.name: method for method in methods}
    found: list[Evidence] = []
    for first, last in _PAIRS:
        if first in by_name and last in by_name:
            found.append(context_manager(first, by_name[first].lineno, last, by_name[last].lineno))
    for first, last in _ITERATING:
        if first in by_name and last in by_name:
            sentence = f"{code(first)} ({{0}}) gives the iterator, {code(last)} ({{1}}) the next item."
            found.append(told("Iterator", sentence, by_name[first].lineno, by_name[last].lineno))
        elif first in by_name and (lines := _yields(by_name[first])):
            sentence = f"{code(first)} ({{0}}) is a generator over its items ({{1}})."
            found.append(told("Iterator", sentence, by_name[first].lineno, lines[0]))
    for found_by in (_observing, _composing, _forwarding):
        evidence = found_by(methods)
        if evidence is not None:
            found.append(evidence)
    found += _template(node, methods)
    found += _one_instance(node)
    returning = [(each.name, line) for each in methods for line in _returns_self(each)]
    if len({name for name, _ in returning} - {"__enter__", "__iter__", "__aiter__"}) > 1:
        found.append(fluent([each for each in returning if not each[0].startswith("__")]))
    return tuple(found)


# -- functions


def _managing(node: FunctionNode, names: Names) -> tuple[str, int] | None:
    for each in node.decorator_list:
        parts = dotted(each)
        target = names.target(parts) if parts else None
        if target in ("contextlib.contextmanager", "contextlib.asynccontextmanager"):
            return ".".join(parts or ()), each.lineno
    return None


def _wrapping(node: FunctionNode, own: list[ast.AST]) -> Iterator[Evidence]:
    """A function that gets one, and returns another that calls it."""
    given = {argument.arg for argument in arguments(node.args)}
    inner = {each.name: each for each in own if isinstance(each, FunctionNode)}
    for returned in own:
        if not isinstance(returned, ast.Return):
            continue
        for name in _names_in(returned.value):
            made = inner.get(name)
            if made is None:
                continue
            called = _called_in(made, given)
            if called is not None:
                yield decorator(called[0], code(name), made.lineno, called[1], returned.lineno)
                return
            deeper = next(_wrapping(made, list(outside_scopes(made.body))), None)
            if deeper is not None:
                sentence = f"It returns the decorator {code(name)} (line {made.lineno}). {deeper.said}"
                yield Evidence("Decorator", sentence, (made.lineno, *deeper.lines))
                return


def _names_in(value: ast.expr | None) -> list[str]:
    """The names that a returned value is, or is made of by one call: `inner`, `wraps(f)(inner)`."""
    match value:
        case ast.Name(id=name):
            return [name]
        case ast.Call(args=values):
            return [each.id for each in values if isinstance(each, ast.Name)]
    return []


def _called_in(function: FunctionNode, given: set[str]) -> tuple[str, int] | None:
    shadowed = {argument.arg for argument in arguments(function.args)}
    for each in ast.walk(function):
        match each:
            case ast.Call(func=ast.Name(id=name)) if name in given - shadowed:
                return name, each.lineno
    return None


def _kept_in_the_module(own: list[ast.AST]) -> Iterator[Evidence]:
    """`global x`, an assignment to it under an `if`, and `return x`."""
    shared = {name: each.lineno for each in own if isinstance(each, ast.Global) for name in each.names}
    for each in own:
        match each:
            case ast.If(test=test, body=body):
                asked = {inner.id for inner in ast.walk(test) if isinstance(inner, ast.Name)} & set(shared)
                made = _assigned(body, asked)
                returned = next(iter(_returned(own, asked)), None)
                if made is not None and returned is not None:
                    sentence = (
                        f"The module keeps the one instance in {code(made[0])}: it is made when it is "
                        "missing ({0}) and returned ever after ({1})."
                    )
                    yield told("Singleton (module state)", sentence, made[1], returned)
                    return


def _assigned(body: list[ast.stmt], names: set[str]) -> tuple[str, int] | None:
    for each in body:
        match each:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call()) if name in names:
                return name, each.lineno
    return None


def _returned(own: Iterable[ast.AST], names: set[str]) -> list[int]:
    """Where one of the names is returned as it is."""
    return [
        each.lineno
        for each in own
        if isinstance(each, ast.Return) and isinstance(each.value, ast.Name) and each.value.id in names
    ]


# -- classes


def _observing(methods: Sequence[FunctionNode]) -> Evidence | None:
    """One method puts what it is given into an attribute, another calls everything in it."""
    added: dict[str, tuple[str, int]] = {}
    for method in methods:
        given = {argument.arg for argument in arguments(method.args)[1:]}
        for name, line in _adds(method, given):
            added.setdefault(name, (method.name, line))
    for method in methods:
        for name, looped, item, body in _loops(method):
            if name not in added:
                continue
            named = any(word in name.lower() for word in _SUBSCRIBERS)
            called = _notified(body, item, any_method=named)
            if called is not None:
                adds, line = added[name]
                return observer(f"self.{name}", adds, line, method.name, looped, called)
    return None


def _adds(method: FunctionNode, given: set[str]) -> Iterator[tuple[str, int]]:
    own = own_name(method)
    for node in ast.walk(method):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(value=ast.Name(id=root), attr=name), attr=verb),
                args=values,
            ) if root == own and verb in _ADDING and _mentions(values, given):
                yield name, node.lineno
            case ast.Assign(
                targets=[ast.Subscript(value=ast.Attribute(value=ast.Name(id=root), attr=name))], value=value
            ) if root == own and _mentions([value], given):
                yield name, node.lineno


def _mentions(values: Iterable[ast.expr], names: set[str]) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id in names for value in values for each in ast.walk(value)
    )


def _loops(method: FunctionNode) -> Iterator[tuple[str, int, set[str], list[ast.stmt]]]:
    """Each loop over an attribute: its name, the line, the loop's variables and the body."""
    own = own_name(method)
    for node in ast.walk(method):
        if isinstance(node, ast.For | ast.AsyncFor):
            over = node.iter
            while isinstance(over, ast.Call):  # list(self.x), self.x.values(), tuple(self.x.items())
                if isinstance(over.func, ast.Attribute):
                    over = over.func.value
                elif len(over.args) == 1:
                    over = over.args[0]
                else:
                    break
            match over:
                case ast.Attribute(value=ast.Name(id=root), attr=name) if root == own:
                    items = {each.id for each in ast.walk(node.target) if isinstance(each, ast.Name)}
                    yield name, node.lineno, items, node.body


def _notified(body: list[ast.stmt], items: set[str], *, any_method: bool) -> int | None:
    for statement in body:
        for node in ast.walk(statement):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in items:
                    return node.lineno
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if any_method and name in items:
                    return node.lineno
    return None


def _composing(methods: Sequence[FunctionNode]) -> Evidence | None:
    for method in methods:
        if method.name.startswith("__"):
            continue
        for name, looped, items, body in _loops(method):
            for statement in body:
                for node in ast.walk(statement):
                    match node:
                        case ast.Call(func=ast.Attribute(value=ast.Name(id=item), attr=verb)) if (
                            item in items and verb == method.name
                        ):
                            return composite(f"self.{name}", method.name, looped, node.lineno)
    return None


def _forwarding(methods: Sequence[FunctionNode]) -> Evidence | None:
    """What the constructor was given gets the calls of a method of the same name."""
    constructor = next((each for each in methods if each.name == "__init__"), None)
    if constructor is None:
        return None
    given = {argument.arg for argument in arguments(constructor.args)[1:]}
    kept: dict[str, int] = {}
    for node in outside_scopes(constructor.body):
        match node:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(), attr=name)], value=ast.Name(id=source)
            ) if source in given:
                kept[name] = node.lineno
    for method in methods:
        if method is constructor:
            continue
        for node in ast.walk(method):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Attribute(value=ast.Name(id=root), attr=name), attr=verb)
                ) if root == own_name(method) and name in kept and verb == method.name:
                    return forwarding(method.name, f"self.{name}", kept[name], node.lineno)
                case ast.Call(func=ast.Attribute(value=ast.Name(id=root), attr=name)) if (
                    root == own_name(method) and name in kept and method.name == "__call__"
                ):
                    return forwarding(method.name, f"self.{name}", kept[name], node.lineno)
    return None


def _template(node: ast.ClassDef, methods: Sequence[FunctionNode]) -> Iterator[Evidence]:
    """A method that is written here calls one that subclasses must write."""
    open_ones = {each.name: each.lineno for each in methods if _is_left_open(each)}
    for method in methods:
        if method.name in open_ones:
            continue
        for inner in ast.walk(method):
            match inner:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=root), attr=name)) if (
                    root == own_name(method) and name in open_ones
                ):
                    sentence = (
                        f"{code(method.name)} calls {code(name)} ({{0}}), "
                        "which is left to the subclasses ({1})."
                    )
                    yield told("Template method", sentence, inner.lineno, open_ones[name])
                    return


def _is_left_open(method: FunctionNode) -> bool:
    marked = any((dotted(each) or ("",))[-1] == "abstractmethod" for each in method.decorator_list)
    raised = [each.exc for each in method.body if isinstance(each, ast.Raise)]
    named = [each.func if isinstance(each, ast.Call) else each for each in raised]
    return marked or any(isinstance(each, ast.Name) and each.id == "NotImplementedError" for each in named)


def _one_instance(node: ast.ClassDef) -> Iterator[Evidence]:
    """A class attribute that `__new__` or a class method fills with the only instance."""
    for method in node.body:
        if not isinstance(method, ast.FunctionDef):
            continue
        own = own_name(method)
        for inner in ast.walk(method):
            match inner:
                case ast.If(
                    test=test,
                    body=[
                        ast.Assign(targets=[ast.Attribute(value=ast.Name(id=root), attr=name)]) as made,
                        *_,
                    ],
                ) if (
                    root in (own, node.name)
                    and (method.name == "__new__" or own == "cls")
                    and _makes(made.value, own, node.name)
                    and any(isinstance(each, ast.Attribute) and each.attr == name for each in ast.walk(test))
                ):
                    sentence = (
                        f"{code(method.name)} keeps the one instance in {code(f'{root}.{name}')} ({{0}}) "
                        "when there is none yet ({1})."
                    )
                    yield told("Singleton", sentence, made.lineno, inner.lineno)
                    return


def _makes(value: ast.expr, own: str, name: str) -> bool:
    match value:
        case ast.Call(func=ast.Name(id=called)):
            return called in (own, name)
        case ast.Call(func=ast.Attribute(attr="__new__")):
            return True
    return False


def _yields(method: FunctionNode) -> list[int]:
    return [
        each.lineno for each in outside_scopes(method.body) if isinstance(each, ast.Yield | ast.YieldFrom)
    ]


def _returns_self(method: FunctionNode) -> list[int]:
    own = own_name(method)
    return _returned(outside_scopes(method.body), {own}) if own else []
