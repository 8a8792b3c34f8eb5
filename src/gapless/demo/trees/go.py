"""Go: a directory is a package, and its files see each other's names."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tree_sitter_go
from tree_sitter import Node

from ..definitions import Attribute, Class, Function, Reference, Signature
from ..language import Layout, Module, clipped
from .reader import Reader, Shape, cleaned, parsed
from .tree import Grammar, Scope, children_of, end_of, kinds, line_of, one_line, text_of, walk

GRAMMAR = Grammar(
    names=kinds("identifier type_identifier package_identifier"),
    types=kinds("type_identifier"),
    members={"selector_expression": ("operand", "field"), "qualified_type": ("package", "name")},
    wrappers={"generic_type": "type"},
    calls={"call_expression": "function", "composite_literal": "type"},
    functions=kinds("function_declaration method_declaration func_literal"),
    returns=kinds("return_statement"),
    loops={"for_statement": ("", "")},
    branches=kinds("if_statement for_statement expression_case type_case communication_case"),
    bindings={
        "short_var_declaration": "left",
        "parameter_declaration": "name",
        "variadic_parameter_declaration": "name",
        "type_parameter_declaration": "name",
        "var_spec": "name",
        "const_spec": "name",
        "range_clause": "left",
        "receive_statement": "left",
        "type_switch_statement": "alias",
    },
    not_bound=kinds("selector_expression index_expression"),
    opaque=kinds("import_declaration package_clause label_name field_identifier"),
    plain_docs=True,
)

_BUILTIN_TEXT = """
    any append bool byte cap clear close comparable complex complex128 complex64 copy delete error
    false float32 float64 imag int int16 int32 int64 int8 iota len make max min new nil panic print
    println real recover rune string true uint uint16 uint32 uint64 uint8 uintptr _
"""
_BUILTIN = frozenset(_BUILTIN_TEXT.split())
_SORTS = {"struct_type": "struct", "interface_type": "interface", "function_type": "function type"}
_VERSION = re.compile(r"v\d+")


class Packages:
    """The packages of a checkout, by the import paths that its go.mod files give them."""

    def __init__(self, root: Path, files: tuple[str, ...]) -> None:
        self._root = root
        self._modules: dict[str, str | None] = {}
        self._by_name: dict[str, list[str]] = {}
        for file in files:
            self._by_name.setdefault(self.name(file), []).append(file)

    def name(self, file: str) -> str:
        """The import path; without a go.mod the directory. Tests of a package from outside lie in it, too."""
        directory = posixpath.dirname(file)
        above = directory
        while True:
            module = self._module(above)
            if module is not None:
                return (
                    posixpath.join(module, posixpath.relpath(directory, above))
                    if directory != above
                    else module
                )
            if not above:
                return directory or self._root.name
            above = posixpath.dirname(above)

    def find(self, name: str, importer: str) -> tuple[str, ...]:
        return tuple(self._by_name.get(name, ()))

    def holds(self, target: str) -> bool:
        return target in self._by_name

    def _module(self, directory: str) -> str | None:
        """The module path that the go.mod of a directory declares."""
        if directory not in self._modules:
            try:
                text = (self._root / directory / "go.mod").read_text("utf-8")
            except (OSError, ValueError):
                text = ""
            found = re.search(r"^module\s+\"?([^\s\"]+)", text, re.MULTILINE)
            self._modules[directory] = found[1] if found else None
        return self._modules[directory]


class Go:
    """Read with the grammar of tree-sitter-go."""

    name = "Go"
    fence = "go"
    suffixes = (".go",)
    separator = "."

    def layout(self, root: Path, files: tuple[str, ...]) -> Layout:
        return Packages(root, tuple(file for file in files if file.endswith(".go")))

    def importing(self, module: str, name: str) -> str:
        return f'import "{module}"'

    def is_standard(self, name: str) -> bool:
        return "." not in name.partition("/")[0] or "/" not in name

    def read(self, file: str, content: bytes, name: str) -> Module:
        root, lines = parsed(tree_sitter_go.language(), content, self.name)
        return _File(self, file, name, root, lines).module()


class _Type(NamedTuple):
    """A type, and the statement that declares it: in a group, its own lines of that."""

    name: str
    spec: Node
    span: Node


class _File:
    """Goes through the declarations of one file."""

    def __init__(self, language: Go, file: str, name: str, root: Node, lines: tuple[str, ...]) -> None:
        self._language = language
        self._name = name
        self._root = root
        self._file = file
        self._imports: list[Reference] = []
        self._names = {builtin: f"builtins.{builtin}" for builtin in _BUILTIN}
        self._types = list(self._declared_types())
        self._functions = [
            each
            for each in root.named_children
            if each.type in ("function_declaration", "method_declaration")
        ]
        self._bind()
        self._reader = Reader(file, lines, root, GRAMMAR, Scope(module=name, names=self._names))

    def module(self) -> Module:
        reader = self._reader
        shapes = [self._shape(each) for each in self._functions]
        shapes = [each for each in shapes if reader.fits(each.name, each.node)]
        functions = [reader.function(each) for each in shapes]
        types = [
            self._type(each, shapes, functions) for each in self._types if reader.fits(each.name, each.spec)
        ]
        return reader.module(self._language, [*types, *functions], self._imports, docstring=self._docstring())

    def _docstring(self) -> str | None:
        clause = next((each for each in self._root.children if each.type == "package_clause"), None)
        return self._reader.above(clause).docstring if clause is not None else None

    def _declared_types(self) -> Iterator[_Type]:
        for statement in self._root.named_children:
            if statement.type == "type_declaration":
                specs = [
                    each for each in statement.named_children if each.type in ("type_spec", "type_alias")
                ]
                for each in specs:
                    yield _Type(
                        text_of(each, "name"),
                        each,
                        statement if len(specs) == 1 else each,
                    )

    def _bind(self) -> None:
        for node in (*(each.spec for each in self._types), *self._functions):
            if node.type != "method_declaration":
                name = text_of(node, "name")
                self._names[name] = f"{self._name}.{name}"
        for statement in self._root.named_children:
            if statement.type in ("var_declaration", "const_declaration"):
                for each in walk([statement], GRAMMAR.functions):
                    if each.type in ("var_spec", "const_spec"):
                        for named in each.children_by_field_name("name"):
                            self._names[text_of(named)] = f"{self._name}.{text_of(named)}"
            elif statement.type == "import_declaration":
                for each in walk([statement]):
                    if each.type == "import_spec":
                        self._import(each)

    def _import(self, spec: Node) -> None:
        path = text_of(spec, "path").strip('"`')
        last = [part for part in path.split("/") if not _VERSION.fullmatch(part)] or [path]
        name = text_of(spec, "name") or last[-1].removeprefix("go-").partition(".")[0]
        self._imports.append(Reference(path, "import", line_of(spec)))
        if name not in ("_", "."):
            self._names[name] = path

    def _shape(self, node: Node) -> Shape:
        name = text_of(node, "name")
        receiver = node.child_by_field_name("receiver")
        held = receiver.named_children[0] if receiver is not None and receiver.named_children else None
        own = text_of(held, "name") if held is not None else ""
        owner = _bare_type(held.child_by_field_name("type")) if held is not None else ""
        parameters = [each for each in children_of(node, "parameters") if each.type != "comment"]
        result = one_line(node, "result")
        types: dict[str, str] = {}
        for each in walk([node]):
            if each.type in ("parameter_declaration", "var_spec"):
                target = self._target(each.child_by_field_name("type"))
                types |= {text_of(named): target for named in each.children_by_field_name("name") if target}
            elif each.type == "short_var_declaration":
                types |= self._made(each)
        return Shape(
            name=name,
            node=node,
            span=node,
            keyword=f"func {one_line(receiver)}".strip(),
            signature=Signature(
                tuple(clipped(one_line(each)) for each in parameters),
                clipped(result) or None,
                " ",
                one_line(node, "type_parameters"),
            ),
            given=tuple(
                text_of(named) for each in parameters for named in each.children_by_field_name("name")
            ),
            public=name[:1].isupper(),
            sort="method" if owner else "function",
            owner=owner,
            own=own,
            own_type=f"{self._name}.{owner}" if owner else "",
            types={variable: target for variable, target in types.items() if variable != own},
        )

    def _made(self, node: Node) -> dict[str, str]:
        """`x := T{…}` and `x := &T{…}`."""
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None or len(left.named_children) != 1 or len(right.named_children) != 1:
            return {}
        value = right.named_children[0]
        if value.type == "unary_expression":
            value = value.child_by_field_name("operand") or value
        target = self._target(value.child_by_field_name("type")) if value.type == "composite_literal" else ""
        return {text_of(left.named_children[0]): target} if target else {}

    def _type(self, declared: _Type, shapes: list[Shape], functions: list[Function]) -> Class:
        name, spec, span = declared
        kind = spec.child_by_field_name("type")
        sort = _SORTS.get(kind.type, "type") if kind is not None else "type"
        own = [shape for shape in shapes if shape.owner == name]
        embedded = [each for each in _fields(kind) if not each.children_by_field_name("name")]
        base_nodes = [
            found for each in embedded if (found := _named(each.child_by_field_name("type"))) is not None
        ]
        shown = [self._declared_method(each) for each in children_of(kind) if each.type == "method_elem"]
        heading = f"type {name}{one_line(spec, 'type_parameters')} "
        heading += sort if sort in ("struct", "interface") else clipped(one_line(kind), 80)
        return self._reader.type_of(
            name,
            spec,
            span,
            sort=sort,
            public=name[:1].isupper(),
            shapes=own,
            methods=[self._reader.function(each) for each in shown],
            outside=[each for each in functions if each.owner == name],
            base_nodes=base_nodes,
            body=[kind] if kind is not None else [],
            bases=tuple(one_line(each, "type") for each in embedded),
            heading=heading,
            attributes=tuple(_attributes(kind)),
            field_types=dict(self._typed_fields(spec)),
        )

    def _declared_method(self, node: Node) -> Shape:
        name = text_of(node, "name")
        return Shape(
            name=name,
            node=node,
            span=node,
            keyword="",
            signature=Signature(
                tuple(one_line(each) for each in children_of(node, "parameters")),
                one_line(node, "result") or None,
                " ",
            ),
            given=(),
            public=name[:1].isupper(),
        )

    def _typed_fields(self, spec: Node) -> Iterator[tuple[str, str]]:
        for each in _fields(spec.child_by_field_name("type")):
            target = self._target(each.child_by_field_name("type"))
            for name in each.children_by_field_name("name"):
                if target:
                    yield text_of(name), target

    def _target(self, node: Node | None) -> str:
        """The target of the one type that an annotation names: `T`, `*T`, `p.T`."""
        named = _named(node)
        if named is None:
            return ""
        first, _, rest = text_of(named).partition(".")
        if first in _BUILTIN:
            return ""
        target = self._names.get(first, f"{self._name}.{first}")
        return f"{target}.{rest}" if rest else target


def _named(node: Node | None) -> Node | None:
    while node is not None and node.type in ("pointer_type", "generic_type"):
        node = node.child_by_field_name("type") or (node.named_children[0] if node.named_children else None)
    return node if node is not None and node.type in ("type_identifier", "qualified_type") else None


def _bare_type(node: Node | None) -> str:
    return text_of(_named(node))


def _fields(kind: Node | None) -> Iterator[Node]:
    if kind is not None and kind.type == "struct_type":
        for listed in kind.named_children:
            yield from (each for each in listed.named_children if each.type == "field_declaration")


def _attributes(kind: Node | None) -> Iterator[Attribute]:
    for each in _fields(kind):
        after = each.next_sibling
        said = (
            cleaned([text_of(after)])
            if after is not None and after.type == "comment" and line_of(after) == end_of(each)
            else None
        )
        for name in each.children_by_field_name("name"):
            annotation = clipped(one_line(each, "type"))
            yield Attribute(text_of(name), annotation, None, said, line_of(each), text_of(name)[:1].isupper())
