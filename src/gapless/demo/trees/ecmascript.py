"""The trees of JavaScript and TypeScript: which kinds of nodes there are, and what is read of some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tree_sitter import Node

from ..definitions import Attribute
from ..language import clipped
from .tree import Grammar, children_of, kinds, line_of, one_line, text_of, walk

EXTERNAL = ":"
"""What the target of an import from another package begins with."""

SUFFIXES = (".mjs", ".cjs", ".jsx", ".js", ".mts", ".cts", ".tsx", ".ts")

GRAMMAR = Grammar(
    names=kinds("identifier type_identifier shorthand_property_identifier"),
    types=kinds("type_identifier"),
    own=kinds("this super"),
    members={
        "member_expression": ("object", "property"),
        "nested_identifier": ("object", "property"),
        "nested_type_identifier": ("module", "name"),
    },
    wrappers={"generic_type": "name"},
    calls={"call_expression": "function", "new_expression": "constructor"},
    raising=kinds("throw_statement"),
    functions=kinds(
        "function_declaration function_expression generator_function",
        "generator_function_declaration arrow_function method_definition",
    ),
    returns=kinds("return_statement"),
    yields=kinds("yield_expression"),
    loops={"for_in_statement": ("left", "right")},
    branches=kinds(
        "if_statement for_statement for_in_statement while_statement do_statement switch_case",
        "catch_clause ternary_expression",
    ),
    operators=kinds("&& || ??"),
    bindings={
        "variable_declarator": "name",
        "formal_parameters": "",
        "arrow_function": "parameter",
        "catch_clause": "parameter",
        "for_in_statement": "left",
        "function_declaration": "name",
        "generator_function_declaration": "name",
        "class_declaration": "name",
        "type_parameter": "name",
    },
    not_bound=kinds("type_annotation member_expression call_expression arrow_function object"),
    opaque=kinds("jsx_attribute_name import_statement export_clause"),
    comments=kinds("comment html_comment hash_bang_line"),
)

FUNCTIONS = ("function_declaration", "generator_function_declaration", "function_signature")

VALUES = ("arrow_function", "function_expression", "generator_function")

CLASSES = {
    "class_declaration": "class",
    "abstract_class_declaration": "abstract class",
    "interface_declaration": "interface",
    "type_alias_declaration": "type alias",
    "enum_declaration": "enum",
}


def dotted_path(path: str) -> str:
    """A path as a name; the root of the checkout has none."""
    return path.strip("/").replace("/", ".")


def bare_path(path: str) -> str:
    """Without a suffix: `./x.js` may mean a file `x.ts`."""
    for suffix in SUFFIXES:
        if path.endswith(suffix):
            return path.removesuffix(suffix).removesuffix(".d")
    return path


def bare_value(node: Node | None) -> Node | None:
    """What a value is without parentheses and casts around it."""
    while node is not None and node.type in (
        "parenthesized_expression",
        "as_expression",
        "satisfies_expression",
    ):
        node = node.named_children[0] if node.named_children else None
    return node


def parameters_of(node: Node) -> Iterable[Node]:
    """The nodes of the parameters of a function."""
    alone = node.child_by_field_name("parameter")
    if alone is not None:
        return [alone]
    return [each for each in children_of(node, "parameters") if each.type != "comment"]


def given_names(parameters: Iterable[Node]) -> Iterator[str]:
    """The names that parameters give to what they get."""
    for each in parameters:
        for inner in walk([each], GRAMMAR.not_bound):
            if inner.type in ("identifier", "shorthand_property_identifier_pattern"):
                yield text_of(inner)


def bases_of(node: Node) -> Iterator[Node]:
    """What a class extends and implements."""
    for heritage in node.named_children:
        if heritage.type in ("class_heritage", "extends_type_clause"):
            for each in heritage.named_children:
                if each.type in ("extends_clause", "implements_clause"):
                    yield from (base for base in each.named_children if base.type != "type_arguments")
                elif each.type != "type_arguments":
                    yield each


def is_method(member: Node) -> bool:
    """Is this member of a class a function?"""
    value = member.child_by_field_name("value")
    return member.type in ("method_definition", "abstract_method_signature", "method_signature") or (
        value is not None and value.type in VALUES
    )


def attributes_of(members: Iterable[Node]) -> Iterator[Attribute]:
    """The members of a class that are no methods."""
    for member in members:
        if is_method(member) or member.type == "comment":
            continue
        name = member.child_by_field_name("name") or member.child_by_field_name("property")
        if member.type == "property_identifier":  # of an enum
            yield Attribute(text_of(member), None, None, None, line_of(member))
        elif name is not None:
            annotation = one_line(member, "type").removeprefix(":").strip()
            value = one_line(member, "value")
            hidden = text_of(name).startswith("#") or any(
                text_of(child) == "private" for child in member.children
            )
            yield Attribute(
                text_of(name),
                clipped(annotation) or None,
                clipped(value, 60) or None,
                None,
                line_of(member),
                not hidden,
            )
