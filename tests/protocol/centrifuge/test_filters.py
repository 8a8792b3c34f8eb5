"""Filters on tags: which are valid, what they match, and which are the same."""

from __future__ import annotations

import pytest

from gapless.protocol.centrifuge import filters
from gapless.protocol.centrifuge.messages import FilterNode as Node


def leaf(cmp: str, val: str = "", vals: tuple[str, ...] = (), key: str = "k") -> Node:
    return Node(key=key, cmp=cmp, val=val, vals=vals)


# For each comparison: tags for which it holds, and tags for which it does not. None is no tag.
TABLE: list[tuple[Node, list[str | None], list[str | None]]] = [
    (leaf("eq", "a"), ["a"], ["b", "", "aa", None]),
    (leaf("neq", "a"), ["b", "", None], ["a"]),
    (leaf("in", vals=("a", "b")), ["a", "b"], ["c", "", None]),
    (leaf("in", vals=("a", "")), ["a", "", None], ["b"]),
    (leaf("nin", vals=("a", "b")), ["c", "", None], ["a", "b"]),
    (leaf("nin", vals=("a", "")), ["b"], ["a", "", None]),
    (leaf("ex"), ["", "a"], [None]),
    (leaf("nex"), [None], ["", "a"]),
    (leaf("sw", "ab"), ["ab", "abc"], ["a", "cab", "", None]),
    (leaf("ew", "ab"), ["ab", "cab"], ["b", "abc", "", None]),
    (leaf("ct", "ab"), ["ab", "cabc"], ["ba", "", None]),
    (leaf("lt", "10"), ["9", "9.99", "-11", "+1", ".5", "1."], ["10", "10.0", "11", "100", "x", "", None]),
    (leaf("lte", "10"), ["9", "10", "10.00"], ["10.01", "x", "", None]),
    (leaf("gt", "10"), ["10.01", "11", "100"], ["9", "10", "10.0", "x", "", None]),
    (leaf("gte", "10"), ["10", "010", "11"], ["9.99", "x", "", None]),
    (leaf("gt", "0.1"), ["0.10000000000000000000000001"], ["0.1", "0.09"]),
    (leaf("gt", "x"), [], ["x", "y", "1", None]),
    (leaf("gte", "0"), ["0"], ["NaN", "Infinity", "1_0", " 1", "1\n", "1e3", "٣", "0x1", "--1", "."]),
    (Node(op="not", nodes=(leaf("eq", "a"),)), ["b", None], ["a"]),
    (Node(op="not", nodes=(leaf("gt", "1"),)), ["0", "x", None], ["2"]),
    (Node(op="and", nodes=(leaf("gt", "1"), leaf("lt", "5"))), ["2"], ["1", "5", None]),
    (Node(op="or", nodes=(leaf("eq", "a"), leaf("eq", "b"))), ["a", "b"], ["c", None]),
    (Node(op="and", nodes=(leaf("ex"),)), ["a"], [None]),
    (
        Node(op="or", nodes=(leaf("nex"), Node(op="and", nodes=(leaf("ct", "a"), leaf("ct", "b"))))),
        ["ab", None],
        ["a", "b"],
    ),
]


@pytest.mark.parametrize(("node", "passes", "fails"), TABLE)
def test_what_matches(node: Node, passes: list[str | None], fails: list[str | None]) -> None:
    filters.validate(node)
    for expected, values in ((True, passes), (False, fails)):
        for value in values:
            tags = {"other": "a"} if value is None else {"k": value, "other": "z"}
            assert filters.matches(node, tags) is expected, value


def test_no_tags_at_all_are_no_tags() -> None:
    assert filters.matches(leaf("nex"), None)
    assert not filters.matches(leaf("eq", "a"), None)


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (Node(), "cmp is one of"),
        (leaf("like", "a"), "cmp is one of"),
        (Node(op="xor", nodes=(leaf("ex"),)), "op is and, or, not"),
        (Node(op="and"), "and needs a node"),
        (Node(op="or"), "or needs a node"),
        (Node(op="not"), "not takes one node, not 0"),
        (Node(op="not", nodes=(leaf("ex"), leaf("ex"))), "not takes one node, not 2"),
        (leaf("in"), "takes vals"),
        (leaf("nin"), "takes vals"),
        (leaf("in", "a", ("a",)), "no val"),
        (leaf("nin", "a", ("a",)), "no val"),
        (leaf("ex", "a"), "neither"),
        (leaf("nex", vals=("a",)), "neither"),
        *((leaf(cmp), "takes a val") for cmp in ("eq", "neq", "sw", "ew", "ct", "lt", "lte", "gt", "gte")),
        (leaf("eq", "a", ("a",)), "no vals"),
        (leaf("eq", "a", key=""), "needs a key"),
        (leaf("in", vals=("a",), key=""), "needs a key"),
        (Node(op="and", nodes=(leaf("ex"), Node(op="not", nodes=(leaf("eq"),)))), "takes a val"),
    ],
)
def test_what_cannot_be_meant(node: Node, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        filters.validate(node)


def test_existence_needs_no_key() -> None:
    filters.validate(leaf("ex", key=""))
    filters.validate(leaf("nex", key=""))


def test_nodes_are_bounded_exactly() -> None:
    filters.validate(Node(op="and", nodes=(leaf("ex"),) * 99))
    with pytest.raises(ValueError, match="100 nodes"):
        filters.validate(Node(op="and", nodes=(leaf("ex"),) * 100))
    deep = leaf("ex")
    for _ in range(20_000):
        deep = Node(op="not", nodes=(deep,))
    with pytest.raises(ValueError, match="100 nodes"):
        filters.validate(deep)
    while deep.nodes:  # taken apart slowly: the interpreter would recurse
        deep = deep.nodes[0]


def test_values_are_bounded_exactly() -> None:
    half = leaf("in", vals=("a",) * 500)
    filters.validate(Node(op="and", nodes=(half, half)))
    with pytest.raises(ValueError, match="1000"):
        filters.validate(Node(op="and", nodes=(half, half, leaf("in", vals=("a",)))))


def test_bytes_are_bounded_exactly() -> None:
    for node in (leaf("ex", key="k" * 65_536), leaf("eq", key="é", val="v" * 65_534)):
        filters.validate(node)
    over = Node(
        op="or", nodes=(leaf("eq", key="ab", val="v" * 40_000), leaf("in", key="c", vals=("é" * 12_767,)))
    )
    with pytest.raises(ValueError, match="65537 bytes of keys and values"):
        filters.validate(over)


def test_a_long_number_is_compared_and_not_remembered() -> None:
    filter_ = leaf("gt", key="n", val="9" * 65)
    assert filters.matches(filter_, {"n": "1" + "0" * 65})
    assert not filters.matches(filter_, {"n": "9" * 64})


# -- which are the same ----------------------------------------------------------------------------


def test_order_and_repetition_do_not_matter_to_the_key() -> None:
    a, b = leaf("eq", "a"), leaf("in", vals=("x", "y"))
    b2 = leaf("in", vals=("y", "x", "y"))
    assert filters.key(Node(op="and", nodes=(a, b))) == filters.key(Node(op="and", nodes=(b2, a, a)))
    assert filters.key(Node(op="and", nodes=(a, b))) != filters.key(Node(op="or", nodes=(a, b)))
    assert filters.key(a) != filters.key(leaf("neq", "a"))
    assert filters.key(a) != filters.key(leaf("eq", "a", key="l"))
    assert filters.key(leaf("in", vals=("a",))) != filters.key(leaf("eq", "a"))
    assert hash(filters.key(b)) == hash(filters.key(b2))
