"""JavaScript and TypeScript: what their files are called by each other, and which grammar reads them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from tree_sitter import Node

from ..definitions import Class, Function, Reference, Role, Signature
from ..language import Language, Layout, Module, clipped
from .ecmascript import (
    CLASSES,
    EXTERNAL,
    FUNCTIONS,
    GRAMMAR,
    SUFFIXES,
    VALUES,
    attributes_of,
    bare_path,
    bare_value,
    bases_of,
    dotted_path,
    given_names,
    is_method,
    parameters_of,
)
from .reader import Reader, Shape, cleaned, parsed
from .tree import Scope, children_of, end_of, line_of, one_line, text_of, walk

_NODE_TEXT = """
    assert async_hooks buffer child_process cluster console crypto dgram diagnostics_channel dns
    domain events fs http http2 https inspector module net os path perf_hooks process punycode
    querystring readline repl stream string_decoder timers tls trace_events tty url util v8 vm wasi
    worker_threads zlib
"""

_NODE = frozenset(_NODE_TEXT.split())


class Files:
    """The files of a checkout as import statements name them: by their path, without a suffix."""

    def __init__(self, files: tuple[str, ...]) -> None:
        self._by_name: dict[str, list[str]] = {}
        for file in files:
            self._by_name.setdefault(self.name(file), []).append(file)

    def name(self, file: str) -> str:
        return dotted_path(bare_path(file))

    def find(self, name: str, importer: str) -> tuple[str, ...]:
        return tuple(self._by_name.get(name) or self._by_name.get(f"{name}.index") or ())

    def holds(self, target: str) -> bool:
        return not target.startswith(EXTERNAL)


class JavaScript:
    """Read with the grammar of tree-sitter-javascript. Raises ModuleNotFoundError: it is not installed."""

    name = "JavaScript"
    fence = "javascript"
    suffixes: tuple[str, ...] = (".js", ".mjs", ".cjs", ".jsx")
    separator = "."

    def __init__(self) -> None:
        self.grammar = import_module(f"tree_sitter_{self.fence}")

    def layout(self, root: Path, files: tuple[str, ...]) -> Layout:
        return Files(tuple(file for file in files if file.endswith(SUFFIXES)))

    def importing(self, module: str, name: str) -> str:
        path = f"./{module.removesuffix('.index').replace('.', '/')}"
        return f'import {{ {name} }} from "{path}"' if name else f'import "{path}"'

    def is_standard(self, name: str) -> bool:
        top = name.removeprefix(EXTERNAL)
        return top.startswith("node:") or top.partition(".")[0].partition("/")[0] in _NODE

    def compiled(self, file: str) -> object:
        """The grammar for a file of this name."""
        return self.grammar.language()

    def read(self, file: str, content: bytes, name: str) -> Module:
        root, lines = parsed(self.compiled(file), content, self.name)
        return _File(self, file, name, root, lines).module()


class TypeScript(JavaScript):
    """JavaScript with types, and with two grammars, one of which knows JSX: of tree-sitter-typescript."""

    name = "TypeScript"
    fence = "typescript"
    suffixes = (".ts", ".mts", ".cts", ".tsx")

    def compiled(self, file: str) -> object:
        return self.grammar.language_tsx() if file.endswith(".tsx") else self.grammar.language_typescript()


class _Declared(NamedTuple):
    """A declaration, and the statement that it is a part of."""

    node: Node
    span: Node
    exported: bool
    name: str = ""
    owner: str = ""


class _File:
    """Goes through the statements of one file."""

    def __init__(self, language: Language, file: str, name: str, root: Node, lines: tuple[str, ...]) -> None:
        self._language = language
        self._file = file
        self._name = name
        self._root = root
        self._imports: list[Reference] = []
        self._stars: list[str] = []
        self._names: dict[str, str] = {}
        self._exports: set[str] = set()
        self._declared = list(self._declarations())
        self._bind()
        scope = Scope(module=name, names=self._names)
        self._reader = Reader(file, lines, root, GRAMMAR, scope)

    def module(self) -> Module:
        reader = self._reader
        definitions = [
            self._class(each) if each.node.type in CLASSES else self._function(each)
            for each in self._declared
            if reader.fits(each.name, each.node)
        ]
        return reader.module(
            self._language,
            definitions,
            self._imports,
            docstring=self._docstring(),
            stars=self._stars,
            exports=self._exports,
        )

    def _docstring(self) -> str | None:
        """The first comment, when it is about the file and not about what follows."""
        first = next((each for each in self._root.children if each.type != "hash_bang_line"), None)
        if first is None or first.type != "comment" or not text_of(first).startswith("/**"):
            return None
        after = first.next_sibling
        about_file = any(tag in text_of(first) for tag in ("@file", "@module", "@overview"))
        apart = after is None or line_of(after) > end_of(first) + 1
        said = text_of(first).lower()
        if not (about_file or apart) or ("license" in said or "licence" in said or "copyright" in said):
            return None
        return cleaned([text_of(first)]) or None

    # -- what is declared

    def _declarations(self) -> Iterator[_Declared]:
        for statement in self._root.named_children:
            yield from self._in_statement(statement, statement, exported=False)

    def _in_statement(self, node: Node, span: Node, *, exported: bool) -> Iterator[_Declared]:
        match node.type:
            case "export_statement":
                declared = node.child_by_field_name("declaration")
                value = node.child_by_field_name("value")
                if declared is not None:
                    yield from self._in_statement(declared, span, exported=True)
                elif value is not None and value.type in VALUES:
                    yield _Declared(value, span, True, (text_of(value, "name") or "default"))
                self._exported_names(node)
            case "ambient_declaration":
                for each in node.named_children:
                    yield from self._in_statement(each, span, exported=exported)
            case "lexical_declaration" | "variable_declaration":
                declarators = [each for each in node.named_children if each.type == "variable_declarator"]
                for each in declarators:
                    value = bare_value(each.child_by_field_name("value"))
                    if value is not None and value.type in VALUES:
                        whole = span if len(declarators) == 1 else each
                        yield _Declared(value, whole, exported, text_of(each, "name"))
            case "internal_module" | "module":
                for each in children_of(node, "body"):
                    yield from self._in_statement(each, each, exported=exported)
            case "expression_statement":
                yield from self._assigned(node.named_children[0] if node.named_children else None, span)
            case kind if kind in FUNCTIONS or kind in CLASSES:
                yield _Declared(node, span, exported, (text_of(node, "name") or "default"))

    def _assigned(self, node: Node | None, span: Node) -> Iterator[_Declared]:
        """`exports.x = function …`, `module.exports = …`, `app.x = function …`, `namespace N { … }`."""
        if node is not None and node.type == "internal_module":
            yield from self._in_statement(node, span, exported=False)
            return
        if node is None or node.type != "assignment_expression":
            return
        left, value = one_line(node, "left"), node.child_by_field_name("right")
        while value is not None and value.type == "assignment_expression":  # exports = module.exports = …
            left, value = one_line(value, "left"), value.child_by_field_name("right")
        if value is None or value.type not in (*VALUES, "class"):
            return
        owner, _, name = left.rpartition(".")
        if left == "module.exports":
            name, owner = (text_of(value, "name") or "exports"), ""
        elif owner in ("exports", "module.exports"):
            owner = ""
        if name.isidentifier() and value.type in VALUES:
            yield _Declared(
                value, span, True, name, owner.removesuffix(".prototype") if owner != "this" else ""
            )

    # -- what names mean

    def _bind(self) -> None:
        for each in self._declared:
            if not each.owner:
                self._names[each.name] = f"{self._name}.{each.name}"
            if each.exported:
                self._exports.add(each.name)
                if "default" in [child.type for child in each.span.children]:
                    self._names["default"] = f"{self._name}.{each.name}"
        for statement in self._root.named_children:
            if statement.type == "import_statement":
                self._import(statement)
            for node in walk([statement], GRAMMAR.functions):
                if node.type == "variable_declarator":
                    self._required(node)

    def _import(self, statement: Node) -> None:
        source = self._target(statement.child_by_field_name("source"))
        self._imports.append(Reference(source, "import", line_of(statement)))
        for node in walk([statement]):
            match node.type:
                case "import_specifier":
                    name = text_of(node, "name")
                    self._names[(text_of(node, "alias") or name)] = f"{source}.{name}"
                case "namespace_import":
                    self._names[text_of(node.named_children[0])] = source
                case "import_clause":
                    for each in node.named_children:
                        if each.type == "identifier":
                            self._names[text_of(each)] = f"{source}.default"

    def _required(self, node: Node) -> None:
        """`const x = require("./x")`, `const { a, b: c } = require("./x")`, `require("./x").a`."""
        value, name = node.child_by_field_name("value"), node.child_by_field_name("name")
        member = ""
        if value is not None and value.type == "member_expression":
            member = text_of(value, "property")
            value = value.child_by_field_name("object")
        called = text_of(value, "function") if value is not None and value.type == "call_expression" else ""
        if name is None:
            return
        if called != "require" or value is None:
            for each in walk([name]):
                if each.type == "identifier":
                    self._names.setdefault(text_of(each), f"{self._name}.{text_of(each)}")
            return
        strings = [each for each in children_of(value, "arguments") if each.type == "string"]
        if not strings:
            return
        source = self._target(strings[0])
        self._imports.append(Reference(source, "import", line_of(node)))
        if name.type == "identifier":
            self._names[text_of(name)] = f"{source}.{member}" if member else source
        for each in name.named_children:
            if each.type == "shorthand_property_identifier_pattern":
                self._names[text_of(each)] = f"{source}.{text_of(each)}"
            elif each.type == "pair_pattern":
                key, local = (
                    text_of(each, "key"),
                    text_of(each, "value"),
                )
                self._names[local] = f"{source}.{key}"

    def _exported_names(self, node: Node) -> None:
        source = node.child_by_field_name("source")
        target = self._target(source) if source is not None else self._name
        if source is not None:
            self._imports.append(Reference(target, "import", line_of(node)))
            if not any(each.type in ("export_clause", "namespace_export") for each in node.named_children):
                self._stars.append(target)
        for each in walk([node], GRAMMAR.functions):
            if each.type == "export_specifier":
                name = text_of(each, "name")
                alias = text_of(each, "alias") or name
                self._exports.add(alias)
                if source is not None or alias != name:
                    self._names[alias] = f"{target}.{name}"

    def _target(self, source: Node | None) -> str:
        """What an import names: a file of the checkout by its path, or another package."""
        path = text_of(source).strip("\"'`")
        if not path.startswith("."):
            return f"{EXTERNAL}{path.replace('.', '_') if path.startswith('@') else path}"
        here = posixpath.dirname(self._file)
        return dotted_path(bare_path(posixpath.normpath(posixpath.join(here, path))))

    # -- definitions

    def _function(self, each: _Declared) -> Function:
        return self._reader.function(
            self._shape(
                each.node, each.span, each.name, bool(each.owner) or each.name in self._exports, each.owner
            )
        )

    def _shape(
        self, node: Node, span: Node, name: str, public: bool, owner: str = "", in_class: str = ""
    ) -> Shape:
        generator = node.type.startswith("generator") or any(child.type == "*" for child in node.children)
        is_async = any(child.type == "async" for child in node.children)
        word = "" if in_class else "function*" if generator else "function"
        keyword = f"{'async ' * is_async}{word}".strip()
        parameters = list(parameters_of(node))
        typed = [(text_of(each, "pattern"), each.child_by_field_name("type")) for each in parameters]
        declared = [
            (text_of(each, "name"), each) for each in walk([node]) if each.type == "variable_declarator"
        ]
        types = {given: target for given, kind in typed if (target := self._type(kind))}
        for variable, declarator in declared:
            target = self._type(declarator.child_by_field_name("type")) or self._made(
                declarator.child_by_field_name("value")
            )
            if target:
                types[variable] = target
        returns = one_line(node, "return_type").removeprefix(":").strip() or None
        role: Role = "property" if any(child.type == "get" for child in node.children) else "method"
        if any(child.type == "static" for child in node.children):
            role = "staticmethod"
        own_type = f"{self._name}.{in_class or owner}" if in_class or owner else ""
        sort = " ".join(["async"] * is_async + ["generator"] * generator + ["function"])
        return Shape(
            name=name,
            node=node,
            span=span,
            keyword=keyword,
            signature=Signature(
                tuple(clipped(one_line(each)) for each in parameters),
                clipped(returns) if returns else None,
                ": ",
                one_line(node, "type_parameters"),
            ),
            given=tuple(given_names(parameters)),
            public=public,
            sort=sort,
            role=role if in_class else "function",
            owner=owner,
            own="this" if own_type else "",
            own_type=own_type,
            is_async=is_async,
            is_generator=generator,
            constructs=name == "constructor",
            types=types,
        )

    def _class(self, each: _Declared) -> Class:
        node, reader = each.node, self._reader
        body = node.child_by_field_name("body") or node.child_by_field_name("value")
        members = children_of(body)
        shapes = [shape for member in members if (shape := self._member(member, each.name)) is not None]
        methods = [reader.function(shape) for shape in shapes]
        bases = list(bases_of(node))
        heading = text_of(node)[: (body.start_byte - node.start_byte) if body is not None else None]
        inside = [member for member in members if not is_method(member)]
        constructor = next((method for method in methods if method.name == "constructor"), None)
        return reader.type_of(
            each.name,
            node,
            each.span,
            sort=CLASSES[node.type],
            public=each.name in self._exports,
            shapes=shapes,
            methods=methods,
            base_nodes=bases,
            body=inside if node.type != "type_alias_declaration" else [body] if body is not None else [],
            bases=tuple(clipped(one_line(base)) for base in bases),
            heading=clipped(" ".join(heading.split()).rstrip("= ")),
            attributes=tuple(attributes_of(members)),
            field_types=dict(self._typed_fields(node)),
            constructor=constructor,
        )

    def _member(self, member: Node, owner: str) -> Shape | None:
        name = text_of(member, "name")
        value = member.child_by_field_name("value")
        public = not (name.startswith("#") or any(text_of(child) == "private" for child in member.children))
        if member.type in ("method_definition", "abstract_method_signature", "method_signature"):
            return self._shape(member, member, name, public, in_class=owner)
        if value is not None and value.type in VALUES:
            return self._shape(value, member, name, public, in_class=owner)
        return None

    def _typed_fields(self, node: Node) -> Iterator[tuple[str, str]]:
        """The fields of a class with the targets of their types."""
        if node.type not in CLASSES:
            return
        for each in walk([node]):
            name = each.child_by_field_name("name") or each.child_by_field_name("property")
            match each.type:
                case "public_field_definition" | "property_signature" | "field_definition":
                    target = self._type(each.child_by_field_name("type")) or self._made(
                        each.child_by_field_name("value")
                    )
                    if target:
                        yield text_of(name), target
                case "required_parameter" if any(
                    child.type == "accessibility_modifier" for child in each.children
                ):
                    if target := self._type(each.child_by_field_name("type")):
                        yield text_of(each, "pattern"), target
                case "assignment_expression":
                    left, made = (
                        text_of(each, "left"),
                        self._made(each.child_by_field_name("right")),
                    )
                    if left.startswith("this.") and left.count(".") == 1 and made:
                        yield left.removeprefix("this."), made

    def _type(self, annotation: Node | None) -> str:
        """The target of the one class that an annotation names: `T`, `T<…>`, `T | null`."""
        if annotation is None or not annotation.named_children:
            return ""
        node = annotation.named_children[0] if annotation.type == "type_annotation" else annotation
        if node.type == "union_type":
            named = [each for each in node.named_children if text_of(each) not in ("null", "undefined")]
            node = named[0] if len(named) == 1 else node
        if node.type == "generic_type":
            node = node.child_by_field_name("name") or node
        return self._class_target(node) if node.type in ("type_identifier", "nested_type_identifier") else ""

    def _made(self, value: Node | None) -> str:
        made = (
            value.child_by_field_name("constructor")
            if value is not None and value.type == "new_expression"
            else None
        )
        return self._class_target(made) if made is not None else ""

    def _class_target(self, node: Node) -> str:
        first, _, rest = text_of(node).partition(".")
        target = self._names.get(first, f"{self._name}.{first}")
        return f"{target}.{rest}" if rest else target
