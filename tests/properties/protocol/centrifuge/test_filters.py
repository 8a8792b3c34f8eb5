"""What holds of `protocol/centrifuge/filters`, whatever is put in."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from gapless.protocol.centrifuge import filters
from gapless.protocol.centrifuge.messages import FilterNode as Node

from ....protocol.centrifuge.test_filters import leaf

values = st.sampled_from(["a", "b", "1", "2.0"])

leaves = (
    st.builds(leaf, st.sampled_from(["eq", "neq", "sw", "lt", "gte"]), values, key=st.sampled_from("kl"))
    | st.builds(
        leaf, st.sampled_from(["in", "nin"]), vals=st.lists(values, min_size=1, max_size=2).map(tuple)
    )
    | st.builds(leaf, st.sampled_from(["ex", "nex"]), key=st.sampled_from("kl"))
)


nodes = st.recursive(
    leaves,
    lambda inner: (
        st.builds(
            Node, st.sampled_from(["and", "or"]), nodes=st.lists(inner, min_size=1, max_size=3).map(tuple)
        )
        | st.builds(lambda node: Node(op="not", nodes=(node,)), inner)
    ),
    max_leaves=6,
)


tag_sets = st.dictionaries(st.sampled_from("kl"), values)


@given(nodes, nodes, st.lists(tag_sets, min_size=1, max_size=8))
def test_filters_with_equal_keys_match_the_same(
    one: Node, other: Node, publications: list[Mapping[str, str]]
) -> None:
    filters.validate(one)
    if filters.key(one) == filters.key(other):
        assert [filters.matches(one, tags) for tags in publications] == [
            filters.matches(other, tags) for tags in publications
        ]
    turned = Node(
        op=one.op, key=one.key, cmp=one.cmp, val=one.val, vals=one.vals[::-1], nodes=one.nodes[::-1]
    )
    assert filters.key(turned) == filters.key(one)
    for tags in publications:
        assert filters.matches(turned, tags) == filters.matches(one, tags)
        assert filters.matches(Node(op="not", nodes=(one,)), tags) != filters.matches(one, tags)
