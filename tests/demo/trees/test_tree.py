"""What is read of any syntax tree: names, where they are used, which are local, how it branches."""

from __future__ import annotations

import pytest
import tree_sitter_go
from tree_sitter import Node

from gapless.demo.definitions import Reference
from gapless.demo.trees.go import GRAMMAR
from gapless.demo.trees.reader import parsed
from gapless.demo.trees.tree import (
    Scope,
    bound,
    complexity_of,
    dotted,
    end_of,
    line_of,
    mentions,
    one_line,
    text_of,
    walk,
)


def function(body: str, parameters: str = "") -> Node:
    code = f"package a\nfunc f({parameters}) {{\n{body}\n}}\n"
    root, _ = parsed(tree_sitter_go.language(), code.encode(), "Go")
    return root.named_children[1]


def test_lines_count_from_one_and_text_fits_into_one() -> None:
    node = function("x()\n\ty()")
    assert (line_of(node), end_of(node)) == (2, 5)
    assert text_of(node, "name") == "f"
    assert one_line(node, "body") == "{ x() y() }"
    assert (text_of(None), text_of(node, "nothing")) == ("", "")


def test_walking_goes_in_the_order_of_the_source_and_not_into_what_is_closed() -> None:
    node = function("a()\nfunc() { b() }()\nc()")
    names = [text_of(each) for each in walk([node]) if each.type == "identifier"]
    assert names == ["f", "a", "b", "c"]
    outside = [text_of(each) for each in walk([node], ["func_literal"]) if each.type == "identifier"]
    assert outside == ["f", "a", "c"]


@pytest.mark.parametrize(
    ("code", "parts"), [("a.b.c", ("a", "b", "c")), ("a", ("a",)), ("a().b", None), ("a[0].b", None)]
)
def test_a_dotted_name_begins_with_a_name(code: str, parts: tuple[str, ...] | None) -> None:
    statement = function(f"_ = {code}").child_by_field_name("body")
    assert statement is not None
    right = next(each for each in walk([statement]) if each.type == "assignment_statement")
    value = right.child_by_field_name("right")
    assert value is not None
    assert dotted(value.named_children[0], GRAMMAR) == parts


def test_what_is_called_is_told_from_what_is_only_named() -> None:
    body = function("a.b(c)").child_by_field_name("body")
    assert body is not None
    assert list(mentions([body], GRAMMAR)) == [(("a", "b"), "call", 3), (("c",), "name", 3)]


def test_parameters_and_whatever_is_assigned_anywhere_inside_are_local() -> None:
    names = bound(function("x := 1\nfor i := range x {}\nfunc() { y := 2 }()", "p int"), GRAMMAR)
    assert {"p", "x", "i", "y"} <= names


@pytest.mark.parametrize(
    ("body", "complexity"),
    [("", 1), ("if a {}", 2), ("if a && b || c {}", 4), ("for {}", 2), ("x := a + b", 1)],
)
def test_each_branch_and_short_circuit_is_one_more(body: str, complexity: int) -> None:
    assert complexity_of(function(body), GRAMMAR) == complexity


def test_a_scope_knows_imports_locals_types_and_its_own_object() -> None:
    scope = Scope(
        module="shop",
        names={"ring": "lib.ring"},
        locals=frozenset({"x"}),
        types={"r": "lib.ring.Ring"},
        own=("s", "shop.Stock"),
    )
    assert scope.target(("ring", "make")) == "lib.ring.make"
    assert scope.target(("other",)) == "shop.other"
    assert scope.target(("x", "y")) is None
    assert scope.reference(("s", "find"), "call", 3) == Reference("shop.Stock", "call", 3, "find")
    assert scope.reference(("r", "a", "b"), "call", 3) == Reference("lib.ring.Ring", "call", 3, "a.b")
    assert scope.reference(("x",), "name", 3) is None
