"""A parsed file → its module: functions and classes, with all that a page says of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace
from statistics import fmean

from ..definitions import Class, Failure, Function, Role, Usage, Whole
from ..language import MAX_NAME, Language, Module, clipped, encodable
from .attributes import attributes, instance_attributes
from .layout import Group, decorator_names, groups
from .names import (
    FunctionNode,
    Names,
    bound,
    dotted,
    import_references,
    imports,
    outside_scopes,
    star_imports,
)
from .patterns import of_class, of_function
from .receivers import arguments, attribute_types, own_name, variable_types
from .source import Source, code_of, signature_of

try:
    from radon.visitors import ComplexityVisitor
except ModuleNotFoundError as error:
    if error.name != "radon":
        raise
    raise ModuleNotFoundError(
        "the demo measures with radon: pip install 'gapless[demo]'", name="radon"
    ) from error

_Nodes = list[tuple[ast.AST, Usage]]


def measure(source: Source, name: str, language: Language) -> Module:
    """Measure the file that is imported as `name`, and every definition in it.

    A definition that cannot be measured is one of `failures`, and the others are there all the same.
    """
    body, is_package = source.tree.body, source.file.rpartition("/")[2] == "__init__.py"
    top = list(outside_scopes(body))
    imported = imports(top, name, is_package=is_package)
    names = Names(
        module=name,
        is_package=is_package,
        globals={each: f"{name}.{each}" for each in _bound_at_top(top)} | imported,
        typing_only=_typing_only(top, name, is_package=is_package),
    )
    names = replace(names, types=variable_types(top, names))
    reader = _Reader(source)
    read = [reader.definition(group, names) for group in reader.groups(body)]
    definitions = tuple(found for found in read if found is not None)
    imported_by = import_references(top, name, is_package=is_package)
    references = (*imported_by, *names.references([(each, "name") for each in body], deep=False))
    return Module(
        language=language,
        file=source.file,
        name=name,
        lines=source.lines,
        whole=_whole(source, name, definitions) if body else None,
        names=names.globals,
        stars=star_imports(top, name, is_package=is_package),
        exports=_exports(top),
        definitions=definitions,
        references=references,
        failures=tuple(reader.failures),
    )


def _whole(source: Source, name: str, definitions: tuple[Function | Class, ...]) -> Whole:
    try:
        mean = (
            fmean(each.complexity for each in definitions) if definitions else complexity_of_code(source.tree)
        )
    except RecursionError:
        mean = 1  # one expression, too deep for a visitor
    return Whole(
        name=name,
        start=1,
        line=1,
        end=len(source.lines),
        docstring=_docstring(source.tree),
        comment=None,
        decorators=(),
        conditions=(),
        complexity=mean,
        references=(),
        public=not any(part.startswith("_") and part != "__main__" for part in name.split(".")),
    )


class _Reader:
    """Goes through the definitions of one file."""

    def __init__(self, source: Source) -> None:
        self._lines = source.lines
        self.failures: list[Failure] = []

    def groups(self, body: list[ast.stmt]) -> list[Group]:
        """The definitions of a body that have a name fit for a title."""
        found = groups(body)
        for node in (group.node for group in found):
            if len(node.name) > MAX_NAME:
                reason = f"its name has {len(node.name)} characters"
                self.failures.append(Failure(clipped(node.name), node.lineno, reason))
        return [group for group in found if len(group.node.name) <= MAX_NAME]

    def definition(self, group: Group, names: Names) -> Function | Class | None:
        node = group.node
        try:
            if isinstance(node, ast.ClassDef):
                return self._class(node, group, names, f"{names.module}.{node.name}")
            return self._function(node, group, names, "function")
        except RecursionError:
            self.failures.append(Failure(node.name, node.lineno, "nested too deeply to be measured"))
            return None

    def _function(self, node: FunctionNode, group: Group, names: Names, role: Role) -> Function:
        local = {"function": "", "staticmethod": ""}.get(role, own_name(node))
        is_method = role not in ("function", "staticmethod")
        own_scope = list(outside_scopes(node.body))
        inside = _inside(node, replace(names, own=(local, names.own[1])))
        signature = signature_of(node, without_first=is_method)
        completing = [*group.overloads, *group.accessors]
        references = [
            *names.references(_outside(node)),
            *inside.references([(each, "name") for each in node.body]),
            *(found for each in completing for found in names.references(_outside(each))),
            *(
                found
                for each in group.accessors
                for found in _inside(each, inside).references([(one, "name") for one in each.body])
            ),
        ]
        return Function(
            name=node.name,
            start=group.start,
            line=node.lineno,
            end=_end(node),
            docstring=_docstring(node),
            comment=self._comment(group.start),
            decorators=_decorators(node),
            conditions=group.conditions,
            complexity=complexity_of(node),
            references=tuple(sorted(references, key=lambda reference: reference.line)),
            public=_is_public(node.name),
            patterns=of_function(node, inside),
            role=role,
            keyword="async def" if isinstance(node, ast.AsyncFunctionDef) else "def",
            signature=signature,
            parameters=tuple(
                name for each in signature.parameters if (name := _name_of(each)) not in ("*", "/")
            ),
            overloads=tuple(signature_of(each, without_first=is_method) for each in group.overloads),
            is_async=isinstance(node, ast.AsyncFunctionDef),
            is_generator=any(isinstance(each, ast.Yield | ast.YieldFrom) for each in own_scope),
            settable=any(
                parts[-1] == "setter" for each in group.accessors for parts in decorator_names(each)
            ),
            raises=_raises(own_scope, inside),
            inner=tuple(each.name for each in own_scope if isinstance(each, FunctionNode | ast.ClassDef)),
            returned=tuple(each.lineno for each in own_scope if isinstance(each, ast.Return) and each.value),
        )

    def _class(self, node: ast.ClassDef, group: Group, names: Names, qualified: str) -> Class:
        found = self.groups(node.body)
        methods = [(each.node, each) for each in found if not isinstance(each.node, ast.ClassDef)]
        roles = {method: _role(method) for method, _ in methods}
        ordinary = [method for method, _ in methods if roles[method] in ("method", "property")]
        inside = replace(names, own=("", qualified), own_types=attribute_types(node, ordinary, names))
        measured = tuple(self._function(method, each, inside, roles[method]) for method, each in methods)
        keywords = [f"{each.arg}={code_of(each.value)}" for each in node.keywords if each.arg]
        return Class(
            name=node.name,
            start=group.start,
            line=node.lineno,
            end=_end(node),
            docstring=_docstring(node),
            comment=self._comment(group.start),
            decorators=_decorators(node),
            conditions=group.conditions,
            complexity=complexity_of(node),
            references=tuple(names.references(_class_level(node), deep=False)),
            public=_is_public(node.name),
            patterns=of_class(node, ordinary),
            bases=(*(code_of(base) or "" for base in node.bases), *keywords),
            attributes=tuple(attributes(node.body)),
            instance_attributes=tuple(instance_attributes(method for method, _ in methods)),
            methods=measured,
            constructor=next(
                (
                    each
                    for name in ("__init__", "__new__")
                    for each in reversed(measured)
                    if each.name == name
                ),
                None,
            ),
            classes=tuple(
                self._class(each.node, each, names, f"{qualified}.{each.node.name}")
                for each in found
                if isinstance(each.node, ast.ClassDef)
            ),
        )

    def _comment(self, start: int) -> str | None:
        """The comment lines that end right above a definition, unless they begin the file."""
        first = start - 1
        while first > 0 and self._lines[first - 1].lstrip().startswith("#"):
            first -= 1
        lines = [line.strip().lstrip("#:").strip() for line in self._lines[first : start - 1]]
        said = [line for line in lines if any(map(str.isalpha, line))]
        return "\n".join(said) if first > 0 and said else None


def _outside(node: FunctionNode) -> _Nodes:
    """The parts of a `def` that are evaluated around it."""
    nodes: _Nodes = [(each, "decorator") for each in node.decorator_list]
    nodes += [(each, "annotation") for each in arguments(node.args)]
    nodes += [(each, "name") for each in (*node.args.defaults, *node.args.kw_defaults) if each is not None]
    return [*nodes, (node.returns, "annotation")] if node.returns is not None else nodes


def _inside(node: FunctionNode, names: Names) -> Names:
    """The names as the body of a function sees them."""
    everything = list(ast.walk(node))
    local = bound(node, everything)
    imported = imports(everything, names.module, is_package=names.is_package)
    inner = replace(names, locals=local, local_imports=imported)
    around = {name: target for name, target in names.types.items() if name not in local}
    return replace(inner, types=around | variable_types(everything, inner))


def _class_level(node: ast.ClassDef) -> _Nodes:
    nodes: _Nodes = [(base, "base") for base in node.bases]
    nodes += [(each, "decorator") for each in node.decorator_list]
    nodes += [(keyword.value, "name") for keyword in node.keywords]
    return nodes + [(each, "name") for each in node.body]


def _bound_at_top(top: Iterable[ast.AST]) -> set[str]:
    names = set()
    for node in top:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, FunctionNode | ast.ClassDef):
            names.add(node.name)
    return names


def _typing_only(top: Iterable[ast.AST], module: str, *, is_package: bool) -> frozenset[str]:
    guarded = [
        each
        for node in top
        if isinstance(node, ast.If) and (dotted(node.test) or ("",))[-1] == "TYPE_CHECKING"
        for each in outside_scopes(node.body)
    ]
    return frozenset(imports(guarded, module, is_package=is_package))


def _exports(top: list[ast.AST]) -> frozenset[str]:
    listed: set[str] = set()
    for node in top:
        match node:
            case (
                ast.Assign(
                    targets=[ast.Name(id="__all__")], value=ast.List(elts=items) | ast.Tuple(elts=items)
                )
                | ast.AnnAssign(
                    target=ast.Name(id="__all__"), value=ast.List(elts=items) | ast.Tuple(elts=items)
                )
                | ast.AugAssign(
                    target=ast.Name(id="__all__"), value=ast.List(elts=items) | ast.Tuple(elts=items)
                )
            ):
                listed.update(str(item.value) for item in items if isinstance(item, ast.Constant))
    return frozenset(listed)


def _name_of(parameter: str) -> str:
    return parameter.partition(":")[0].partition("=")[0].strip()


def _is_public(name: str) -> bool:
    return not name.startswith("_")


def _end(node: FunctionNode | ast.ClassDef) -> int:
    return node.end_lineno or node.lineno


def _docstring(node: FunctionNode | ast.ClassDef | ast.Module) -> str | None:
    return encodable(ast.get_docstring(node)) or None


def _decorators(node: FunctionNode | ast.ClassDef) -> tuple[str, ...]:
    return tuple(code_of(decorator) or "" for decorator in node.decorator_list)


def _role(node: FunctionNode) -> Role:
    for parts in decorator_names(node):
        if parts[-1] in ("staticmethod", "classmethod"):
            return "staticmethod" if parts[-1] == "staticmethod" else "classmethod"
        if parts[-1].endswith("property"):
            return "property"
    return "classmethod" if node.name in ("__new__", "__init_subclass__", "__class_getitem__") else "method"


def _raises(own_scope: list[ast.AST], inside: Names) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for node in own_scope:
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            parts = dotted(raised)
            if parts is not None and inside.target(parts) is not None:
                found[".".join(parts)] = None
    return tuple(found)


def complexity_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """What `radon cc` prints for a definition with its insides; of a class, the mean of its methods.

    Raises:
        RecursionError: an expression in it is nested too deeply for a visitor.
    """
    visitor = ComplexityVisitor.from_ast(node)
    return int((visitor.classes if isinstance(node, ast.ClassDef) else visitor.functions)[0].complexity)


def complexity_of_code(tree: ast.Module) -> int:
    """The same of a file without definitions. Raises RecursionError."""
    return int(ComplexityVisitor.from_ast(tree).complexity)
