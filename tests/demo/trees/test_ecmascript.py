"""What is read of the trees of JavaScript and TypeScript."""

from __future__ import annotations

import pytest
import tree_sitter_typescript
from tree_sitter import Node

from gapless.demo.trees.ecmascript import (
    attributes_of,
    bare_path,
    bare_value,
    bases_of,
    dotted_path,
    given_names,
    is_method,
    parameters_of,
)
from gapless.demo.trees.reader import parsed
from gapless.demo.trees.tree import children_of, text_of, walk


def first(code: str, kind: str) -> Node:
    root, _ = parsed(tree_sitter_typescript.language_typescript(), code.encode(), "TypeScript")
    return next(each for each in walk([root]) if each.type == kind)


@pytest.mark.parametrize(
    ("path", "bare"), [("./x.js", "./x"), ("./x.d.ts", "./x"), ("./x.tsx", "./x"), ("./x.css", "./x.css")]
)
def test_a_path_is_one_without_its_suffix(path: str, bare: str) -> None:
    assert bare_path(path) == bare


def test_a_path_becomes_a_name_and_the_root_has_none() -> None:
    assert dotted_path("src/shop/") == "src.shop"
    assert dotted_path("/") == ""


def test_a_value_is_looked_at_without_what_is_around_it() -> None:
    value = first("const a = ((b as any) satisfies C)", "variable_declarator").child_by_field_name("value")
    assert text_of(bare_value(value)) == "b"
    assert bare_value(None) is None


@pytest.mark.parametrize(
    ("code", "kind", "names"),
    [
        ("x => x", "arrow_function", ["x"]),
        ("function f(a, {b, c: d}, [e], ...rest) {}", "function_declaration", ["a", "b", "d", "e", "rest"]),
        ("function f(a: number, b?: string) {}", "function_declaration", ["a", "b"]),
    ],
)
def test_parameters_give_their_names(code: str, kind: str, names: list[str]) -> None:
    assert list(given_names(parameters_of(first(code, kind)))) == names


def test_a_class_has_what_it_extends_and_implements_without_arguments() -> None:
    found = bases_of(first("class A extends b.C<D> implements E, F<G> {}", "class_declaration"))
    assert [text_of(each).partition("<")[0] for each in found] == ["b.C", "E", "F"]


def test_members_are_methods_or_attributes() -> None:
    code = "class A { n: number = 1; #m = 2; private p; f() {} g = () => 1; /* said */ }"
    members = children_of(first(code, "class_declaration"), "body")
    assert [text_of(each, "name") for each in members if is_method(each)] == ["f", "g"]
    assert [(each.name, each.annotation, each.value, each.public) for each in attributes_of(members)] == [
        ("n", "number", "1", True),
        ("#m", None, "2", False),
        ("p", None, None, False),
    ]
