"""Rust: methods stand in `impl` blocks, and modules follow the files of a crate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import tree_sitter_rust
from tree_sitter import Node

from ..definitions import Attribute, Class, Evidence, Function, Signature
from ..evidence import told
from ..language import Layout, Module, clipped
from ..markdown import code
from .reader import Reader, Shape, cleaned, parsed
from .rust_paths import STANDARD, Crates, Paths
from .tree import Grammar, Scope, children_of, kinds, line_of, one_line, text_of, walk

GRAMMAR = Grammar(
    names=kinds("identifier type_identifier crate super"),
    types=kinds("type_identifier"),
    own=kinds("self"),
    members={
        "field_expression": ("value", "field"),
        "scoped_identifier": ("path", "name"),
        "scoped_type_identifier": ("path", "name"),
    },
    wrappers={"generic_type": "type", "generic_function": "function"},
    calls={"call_expression": "function", "struct_expression": "name", "macro_invocation": "macro"},
    functions=kinds("function_item closure_expression"),
    returns=kinds("return_expression"),
    yields=kinds("yield_expression"),
    loops={"for_expression": ("pattern", "value")},
    branches=kinds("if_expression for_expression while_expression loop_expression match_arm try_expression"),
    bindings={
        "let_declaration": "pattern",
        "let_condition": "pattern",
        "parameter": "pattern",
        "closure_parameters": "",
        "for_expression": "pattern",
        "match_pattern": "",
        "type_parameter": "name",
        "function_item": "name",
    },
    not_bound=kinds("scoped_identifier type_identifier generic_type reference_type condition"),
    opaque=kinds("use_declaration lifetime visibility_modifier attribute_item label"),
    comments=kinds("line_comment block_comment"),
    tail_returns=True,
)

_TYPES = {
    "struct_item": "struct",
    "enum_item": "enum",
    "union_item": "union",
    "trait_item": "trait",
    "type_item": "type alias",
}
_MARKS = {
    "Iterator": ("Iterator", "next", "gives the next item"),
    "DoubleEndedIterator": ("Iterator", "next_back", "gives the next item from the end"),
    "Drop": ("Resource guard (RAII)", "drop", "ends what it holds when it goes out of scope"),
}


class Rust:
    """Read with the grammar of tree-sitter-rust."""

    name = "Rust"
    fence = "rust"
    suffixes = (".rs",)
    separator = "::"

    def layout(self, root: Path, files: tuple[str, ...]) -> Layout:
        return Crates(root, tuple(file for file in files if file.endswith(".rs")))

    def importing(self, module: str, name: str) -> str:
        return f"use {'::'.join([*module.split('.'), *([name] if name else [])])};"

    def is_standard(self, name: str) -> bool:
        return name.partition(".")[0] in STANDARD

    def read(self, file: str, content: bytes, name: str) -> Module:
        root, lines = parsed(tree_sitter_rust.language(), content, self.name)
        return _File(self, file, name, root, lines).module()


class _Impl(NamedTuple):
    """A function of an `impl` block, or one at the top level."""

    node: Node
    owner: str
    trait: str
    where: str
    """The inline modules around it."""


class _File:
    """Goes through the items of one file."""

    def __init__(self, language: Rust, file: str, name: str, root: Node, lines: tuple[str, ...]) -> None:
        self._language = language
        self._name = name
        self._root = root
        self._lines = lines
        self._paths = Paths(name)
        self._functions: list[_Impl] = []
        self._types: list[Node] = []
        self._traits: dict[str, list[Node]] = {}
        self._items(root.named_children, "")
        self._reader = Reader(file, lines, root, GRAMMAR, Scope(module=name, names=self._paths.names))

    def module(self) -> Module:
        reader = self._reader
        shapes = [self._shape(each) for each in self._functions]
        shapes = [each for each in shapes if reader.fits(each.name, each.node)]
        functions = [reader.function(each) for each in shapes]
        types = [
            self._type(node, shapes, functions)
            for node in self._types
            if reader.fits(text_of(node, "name"), node)
        ]
        return reader.module(
            self._language,
            [*types, *functions],
            self._paths.imports,
            docstring=self._docstring(),
            stars=self._paths.stars,
            exports=self._paths.exports,
        )

    def _docstring(self) -> str | None:
        said = [text_of(each) for each in self._root.children if each.type in GRAMMAR.comments]
        return cleaned([text for text in said if text.startswith(("//!", "/*!"))]) or None

    def _items(self, nodes: list[Node], where: str) -> None:
        for node in nodes:
            name = text_of(node, "name")
            if node.type in _TYPES:
                self._types.append(node)
                self._paths.define(name)
            elif node.type in ("function_item", "macro_definition"):
                self._functions.append(_Impl(node, "", "", where))
                self._paths.define(name, where)
            elif node.type in ("const_item", "static_item"):
                self._paths.define(name)
            elif node.type == "impl_item":
                owner = text_of(_named(node.child_by_field_name("type"))).rpartition("::")[2]
                trait = one_line(node, "trait")
                body = node.child_by_field_name("body")
                if owner and trait:
                    self._traits.setdefault(owner, []).append(node)
                for each in children_of(node, "body") if owner else ():
                    if each.type == "function_item":
                        self._functions.append(_Impl(each, owner, trait, where))
            elif node.type == "use_declaration":
                self._paths.use(node.child_by_field_name("argument"), line_of(node), public=_is_public(node))
            elif node.type == "mod_item":
                body = node.child_by_field_name("body")
                if body is not None:
                    self._items(body.named_children, f"{where}{name}::")
                else:
                    self._paths.define_module(name, line_of(node))

    def _local(self, node: Node) -> str:
        return f"{self._name}.{text_of(node, 'name')}"

    def _shape(self, found: _Impl) -> Shape:
        node = found.node
        name = text_of(node, "name")
        parameters = [
            each for each in children_of(node, "parameters") if each.type in ("parameter", "self_parameter")
        ]
        words = [
            one_line(each)
            for each in node.children
            if each.type in ("visibility_modifier", "function_modifiers")
        ]
        returns = one_line(node, "return_type")
        has_self = any(each.type == "self_parameter" for each in parameters)
        types: dict[str, str] = {}
        for each in walk([node]):
            if each.type in ("parameter", "let_declaration"):
                pattern = text_of(each, "pattern")
                target = self._target(each.child_by_field_name("type"), found.owner) or self._made(
                    each.child_by_field_name("value"), found.owner
                )
                if target and pattern.isidentifier():
                    types[pattern] = target
        macro = node.type == "macro_definition"
        sort = (
            "macro"
            if macro
            else "method"
            if has_self
            else "associated function"
            if found.owner
            else "function"
        )
        if found.trait:
            sort += f" of the trait {found.trait}"
        return Shape(
            name=f"{found.where}{name}" if not found.owner else name,
            node=node,
            span=node,
            keyword=" ".join([*words, "macro_rules!" if macro else "fn"]),
            signature=Signature(
                tuple(clipped(one_line(each)) for each in parameters),
                clipped(returns) or None,
                " -> ",
                one_line(node, "type_parameters"),
            ),
            given=tuple(text_of(each, "pattern") for each in parameters if each.type == "parameter"),
            public=_is_public(node) or bool(found.trait),
            sort=f"async {sort}" if any("async" in each for each in words) else sort,
            owner=found.owner,
            own="self" if has_self else "",
            own_type=f"{self._name}.{found.owner}" if has_self else "",
            is_async=any("async" in each for each in words),
            types=types,
        )

    def _type(self, node: Node, shapes: list[Shape], functions: list[Function]) -> Class:
        name, body = text_of(node, "name"), node.child_by_field_name("body")
        members = children_of(body)
        declared = [each for each in members if each.type in ("function_item", "function_signature_item")]
        inside = [self._declared(each, node) for each in declared]
        traits = [each.child_by_field_name("trait") for each in self._traits.get(name, [])]
        bases = [
            each for each in (*children_of(node, "bounds"), *filter(None, traits)) if each.type != "lifetime"
        ]
        heading = text_of(node).removesuffix(text_of(body))
        around = [each for each in node.children if each != body]
        measured = self._reader.type_of(
            name,
            node,
            node,
            sort=_TYPES[node.type],
            public=_is_public(node),
            shapes=[*inside, *(each for each in shapes if each.owner == name)],
            methods=[self._reader.function(each) for each in inside],
            outside=[each for each in functions if each.owner == name],
            base_nodes=[found for each in bases if (found := _named(each)) is not None],
            body=[*around, *(each for each in members if each not in declared)],
            bases=tuple(dict.fromkeys(clipped(one_line(each)) for each in bases)),
            heading=clipped(" ".join(heading.split()).rstrip("; ")),
            attributes=tuple(_attributes(body)),
            field_types=dict(self._typed_fields(node)),
        )
        return replace(measured, patterns=(*self._marked(name), *measured.patterns))

    def _declared(self, node: Node, trait: Node) -> Shape:
        """A method that a trait asks for or gives."""
        shape = self._shape(_Impl(node, "", "", ""))
        return replace(shape, public=True, keyword="", own="self", own_type=self._local(trait), sort="")

    def _marked(self, name: str) -> Iterator[Evidence]:
        """Patterns that the language itself knows by a trait."""
        for block in self._traits.get(name, []):
            trait = one_line(block, "trait").partition("<")[0].rpartition("::")[2]
            if trait in _MARKS:
                pattern, method, does = _MARKS[trait]
                for each in children_of(block, "body"):
                    if each.type == "function_item" and text_of(each, "name") == method:
                        sentence = f"It implements {code(trait)} ({{0}}): {code(method)} ({{1}}) {does}."
                        yield told(pattern, sentence, line_of(block), line_of(each))

    def _typed_fields(self, node: Node) -> Iterator[tuple[str, str]]:
        for each in children_of(node, "body"):
            target = (
                self._target(each.child_by_field_name("type"), "") if each.type == "field_declaration" else ""
            )
            if target:
                yield text_of(each, "name"), target

    def _target(self, node: Node | None, owner: str) -> str:
        """The target of the one type that an annotation names: `T`, `&T`, `&mut a::T<U>`."""
        named = _named(node)
        return self._paths.target(text_of(named), owner) if named is not None else ""

    def _made(self, value: Node | None, owner: str) -> str:
        """`T { … }`, and `T::new(…)` as far as a constructor is called like one."""
        if value is not None and value.type == "struct_expression":
            return self._target(value.child_by_field_name("name"), owner)
        called = (
            value.child_by_field_name("function")
            if value is not None and value.type == "call_expression"
            else None
        )
        path, _, name = text_of(called).rpartition("::")
        made = name in ("new", "default") or name.startswith("with_")
        return self._paths.target(path, owner) if made and path[:1].isupper() else ""


def _named(node: Node | None) -> Node | None:
    """The name inside of references and type arguments."""
    while node is not None and node.type in ("reference_type", "generic_type", "pointer_type"):
        node = node.child_by_field_name("type")
    return node if node is not None and node.type in ("type_identifier", "scoped_type_identifier") else None


def _is_public(node: Node) -> bool:
    return any(each.type == "visibility_modifier" for each in node.children)


def _attributes(body: Node | None) -> Iterator[Attribute]:
    for each in children_of(body):
        if each.type == "field_declaration":
            name = text_of(each, "name")
            yield Attribute(
                name,
                clipped(one_line(each, "type")),
                None,
                None,
                line_of(each),
                _is_public(each),
            )
        elif each.type == "enum_variant":
            name = text_of(each, "name")
            inner = one_line(each, "body")
            yield Attribute(
                clipped(f"{name}{inner if inner.startswith('(') else ''}"), None, None, None, line_of(each)
            )
