"""The order of a list in pages: where a page begins, whatever comes and goes between two of them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.watch.order import Kinds, Order

KINDS: Kinds = {"size": float, "colour": str}
SIZES = st.none() | st.integers(-3, 3) | st.floats(-3, 3)
COLOURS = st.none() | st.text("ab", max_size=3)


def placed(rows: dict[str, Any]) -> list[tuple[Any, str, None]]:
    return [(value, name, None) for name, value in rows.items()]


def pages(order: Order, rows: dict[str, Any], limit: int) -> list[list[str]]:
    """The names on each page, as somebody finds them who goes from one to the next."""
    found: list[list[str]] = []
    kind, way = order.by, order.descending
    while len(found) <= len(rows):
        first = order.first(limit + 1, placed(rows))
        found.append([row.name for row in first[:limit]])
        if len(first) <= limit:
            return found
        order = Order.read(KINDS, kind, way, order.cursor(first[limit - 1]))
    raise AssertionError(f"more pages than rows: {found}")


@given(st.dictionaries(st.text("xyz", max_size=3), SIZES), st.booleans(), st.integers(1, 4))
def test_numbers_in_pages_are_all_of_them_in_order(rows: dict[str, Any], down: bool, limit: int) -> None:
    found = [name for page in pages(Order("size", down), rows, limit) for name in page]
    known = sorted(name for name, value in rows.items() if value is not None)
    known.sort(key=lambda name: -rows[name] if down else rows[name])
    assert found == known + sorted(name for name, value in rows.items() if value is None)


@given(st.dictionaries(st.text("xyz", max_size=3), COLOURS), st.booleans(), st.integers(1, 4))
def test_texts_in_pages_are_all_of_them_in_order(rows: dict[str, Any], down: bool, limit: int) -> None:
    found = [name for page in pages(Order("colour", down), rows, limit) for name in page]
    known = sorted(name for name, value in rows.items() if value is not None)
    known.sort(key=lambda name: rows[name], reverse=down)
    assert found == known + sorted(name for name, value in rows.items() if value is None)


def test_rows_that_come_and_go_move_no_other_from_page_to_page() -> None:
    rows = {name: ord(name) for name in "bdfhj"}
    order = Order("size", descending=False)
    first = order.first(2, placed(rows))
    assert [row.name for row in first] == ["b", "d"]
    behind = Order.read(KINDS, "size", False, order.cursor(first[-1]))
    del rows["b"], rows["d"]
    rows |= {name: ord(name) for name in "ace"}
    second = behind.first(2, placed(rows))
    assert [row.name for row in second] == ["e", "f"]


def test_numbers_begin_with_the_largest_and_texts_with_the_first_letter() -> None:
    assert Order.read(KINDS, "size", None, "").descending
    assert not Order.read(KINDS, "colour", None, "").descending


@pytest.mark.parametrize(
    "said",
    [
        ["size", False, 1, "a"],  # the other way
        ["colour", True, "red", "a"],  # of another order
        ["size", True, "red", "a"],  # what is no number
        ["size", True, True, "a"],
        ["size", True, [1], "a"],
        ["size", True, 1, 7],
        ["size", True, 1],
        {},
        None,
    ],
)
def test_a_cursor_of_another_order_is_refused(said: Any) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()
    with pytest.raises(ValueError, match="cursor is what the page before said"):
        Order.read(KINDS, "size", True, cursor)


@pytest.mark.parametrize("cursor", ["x", "é", "AAAA", "W10", "\x00"])
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor is what the page before said"):
        Order.read(KINDS, "size", True, cursor)
