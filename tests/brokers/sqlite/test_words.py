"""The words of publications: what was typed, as an expression of the index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.brokers.sqlite import words


@given(st.text(max_size=40))
def test_whatever_is_typed_is_an_expression(query: str) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(words.TABLE)
        expression = words.expression(1, query.encode("utf-8", "ignore").decode())
        if expression is not None:
            connection.execute("SELECT rowid FROM words WHERE words MATCH ?", (expression,)).fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("query", ["", " ", '"', "-", "* **", '"..." &', "!?"])
def test_without_a_letter_or_a_digit_there_is_no_word_to_look_for(query: str) -> None:
    assert words.expression(1, query) is None


@pytest.fixture
def index() -> Iterator[sqlite3.Connection]:
    """Two streams with the same words."""
    connection = sqlite3.connect(":memory:")
    connection.execute(words.TABLE)
    for row, stream in ((1, 1), (2, 12)):
        connection.execute(
            "INSERT INTO words (rowid, stream, text) VALUES (?, ?, ?)",
            (row, words.token(stream), f"disk full on s{stream}"),
        )
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("stream", "query", "found"),
    [
        (1, "full disk", [1]),
        (12, "full disk", [2]),
        (1, '"full disk"', []),
        (1, '"disk full"', [1]),
        (1, '"disk full', [1]),
        (1, "dis*", [1]),
        (1, "dis", []),
        (1, "disk empty", []),
        (1, "s12", []),
        (12, "disk OR nothing", []),
    ],
)
def test_what_was_typed_finds_rows_of_its_stream(
    index: sqlite3.Connection, stream: int, query: str, found: list[int]
) -> None:
    expression = words.expression(stream, query)
    assert expression is not None
    rows = index.execute("SELECT rowid FROM words WHERE words MATCH ?", (expression,)).fetchall()
    assert [row for (row,) in rows] == found
