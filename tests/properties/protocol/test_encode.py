"""What holds of `protocol/encode`, whatever is put in."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gapless.protocol.encode import encode

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_it_is_one_line_of_json_that_says_the_same(value: Any) -> None:
    encoded = encode(value)
    assert b"\n" not in encoded
    assert json.loads(encoded) == value
