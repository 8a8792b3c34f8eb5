"""Which names a piece of code mentions, and what each of them stands for in its file.

This is reading, not running: a name counts when the file's own imports, definitions and
annotations say what it is. What they leave open is left out rather than guessed.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..definitions import Reference, Usage

_BUILTINS = frozenset(dir(builtins))
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Mention(NamedTuple):
    """A dotted name as written, how it is used, and where."""

    parts: tuple[str, ...]
    usage: Usage
    line: int


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one file's top level, and of the code around the place that is being read.

    `own` is `self` or `cls` with the class it belongs to; `types` says of which class a variable
    is an instance, `own_types` the same of attributes of `self`. All targets are absolute.
    """

    module: str
    is_package: bool
    globals: Mapping[str, str]
    typing_only: frozenset[str] = frozenset()
    locals: frozenset[str] = frozenset()
    local_imports: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    own: tuple[str, str] = ("", "")
    own_types: Mapping[str, str] = field(default_factory=dict)

    def target(self, parts: tuple[str, ...]) -> str | None:
        """What a dotted name stands for; None for a local variable or a part of one."""
        root = parts[0]
        if root in self.local_imports:
            return ".".join((self.local_imports[root], *parts[1:]))
        if root in self.locals or root == self.own[0]:
            return None
        if root in self.globals:
            return ".".join((self.globals[root], *parts[1:]))
        # Also a name that nobody defines: a star import may bring it.
        return ".".join(("builtins" if root in _BUILTINS else self.module, *parts))

    def instance(self, parts: tuple[str, ...]) -> tuple[str, str] | None:
        """The class and the attribute of `variable.attribute`, where the class is known."""
        if len(parts) > 1 and parts[0] == self.own[0]:
            known = self.own_types.get(parts[1]) if len(parts) > 2 else None
            return (known, parts[2]) if known else (self.own[1], parts[1])
        known = self.types.get(parts[0]) if len(parts) > 1 else None
        return (known, parts[1]) if known else None

    def references(self, nodes: Iterable[tuple[ast.AST, Usage]], *, deep: bool = True) -> list[Reference]:
        """What the nodes mention, in the order of the source; `deep` and the rest as for `mentions`."""
        found = []
        for parts, usage, line in mentions(nodes, deep=deep):
            known = self.instance(parts)
            target = known[0] if known else self.target(parts)
            if target is not None:
                typing_only = parts[0] in self.typing_only and parts[0] not in self.locals
                found.append(Reference(target, usage, line, known[1] if known else "", typing_only))
        return sorted(found, key=lambda reference: reference.line)


def mentions(nodes: Iterable[tuple[ast.AST, Usage]], *, deep: bool) -> Iterator[Mention]:
    """Every dotted name in the nodes and what is inside them; not `deep`: but not in functions and classes.

    Each node comes with what a name in its place is used for. `a.b.c` is one mention, not three.
    Quoted annotations are read as what they quote.
    """
    stack = list(nodes)[::-1]
    while stack:
        node, usage = stack.pop()
        if not deep and isinstance(node, _DEFINITIONS):
            continue
        if isinstance(node, ast.Name | ast.Attribute):
            parts = dotted(node)
            if parts is not None:
                yield Mention(parts, usage, node.lineno)
                continue
        if usage == "annotation" and isinstance(node, ast.Constant) and isinstance(node.value, str):
            stack += [(quoted, usage) for quoted in _quoted(node)]
        stack += reversed(_children(node, usage))


def dotted(node: ast.AST) -> tuple[str, ...] | None:
    """`a.b.c` as its parts; None for anything that does not begin with a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else None


def _children(node: ast.AST, usage: Usage) -> list[tuple[ast.AST, Usage]]:
    """The nodes right inside one, each with what a name at that place would be used for."""
    default: Usage = "annotation" if usage == "annotation" else "name"
    special: dict[int, Usage] = {}
    match node:
        case ast.Call(func=func):
            # `raise Error(…)` raises; that it also calls goes without saying.
            special[id(func)] = usage if usage in ("raise", "decorator") else "call"
        case ast.Raise(exc=ast.AST() as raised):
            special[id(raised)] = "raise"
        case ast.ExceptHandler(type=ast.AST() as caught):
            special[id(caught)] = "except"
        case ast.Tuple() if usage == "except":
            default = "except"
        case ast.ClassDef(bases=bases, decorator_list=decorators):
            special.update((id(base), "base") for base in bases)
            special.update((id(each), "decorator") for each in decorators)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            special.update((id(each), "decorator") for each in node.decorator_list)
            special[id(node.returns)] = "annotation"
        case ast.arg(annotation=annotation) | ast.AnnAssign(annotation=annotation):
            special[id(annotation)] = "annotation"
        case ast.Subscript(value=value) if usage == "base":
            special[id(value)] = "base"
        case ast.Subscript(value=value, slice=inner) if (dotted(value) or ("",))[-1] == "Literal":
            special[id(inner)] = "name"
    return [(child, special.get(id(child), default)) for child in ast.iter_child_nodes(node)]


def _quoted(node: ast.Constant) -> list[ast.expr]:
    try:
        body = ast.parse(str(node.value).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    for inner in ast.walk(body):
        if isinstance(inner, ast.expr):
            inner.lineno = node.lineno
    return [body]


def bound(function: FunctionNode, everything: Iterable[ast.AST]) -> frozenset[str]:
    """Every name that is local to a function or to something inside it, given all the nodes of it.

    One set for all of it: a name that is local in a nested function and global around it is
    taken for local, so that the mistake is an omission and never a false statement.
    """
    names: set[str] = set()
    shared: set[str] = set()
    for node in everything:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                names.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                if node is not function:
                    names.add(name)
            case ast.Global(names=declared):
                shared.update(declared)
    return frozenset(names - shared)


def imports(nodes: Iterable[ast.AST], module: str, *, is_package: bool) -> dict[str, str]:
    """Imported names → absolute targets; of alternatives, the first. Star imports are not among them."""
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.setdefault(
                    alias.asname or alias.name.partition(".")[0],
                    alias.name if alias.asname else alias.name.partition(".")[0],
                )
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(node, module, is_package=is_package)
            for alias in node.names:
                if alias.name != "*":
                    found.setdefault(alias.asname or alias.name, f"{origin}.{alias.name}")
    return found


def import_references(nodes: Iterable[ast.AST], module: str, *, is_package: bool) -> list[Reference]:
    """The import statements as references to what they name."""
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [Reference(alias.name, "import", node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(node, module, is_package=is_package)
            names = [alias.name for alias in node.names if alias.name != "*"]
            found += [Reference(f"{origin}.{name}", "import", node.lineno) for name in names]
            found += [] if names else [Reference(origin, "import", node.lineno)]
    return found


def star_imports(nodes: Iterable[ast.AST], module: str, *, is_package: bool) -> tuple[str, ...]:
    """The modules of which everything is imported, in order."""
    return tuple(
        absolute(node, module, is_package=is_package)
        for node in nodes
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    )


def absolute(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    """The module that `from … import` names, without leading dots."""
    if not node.level:
        return node.module or ""
    package = module.split(".") if is_package else module.split(".")[:-1]
    package = package[: max(0, len(package) - node.level + 1)]
    return ".".join([*package, node.module] if node.module else package)


def outside_scopes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Every node of a body that runs with it: not the insides of functions, classes and lambdas."""
    stack = list(body)[::-1]
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (*_DEFINITIONS, ast.Lambda)):
            stack += list(ast.iter_child_nodes(node))[::-1]
