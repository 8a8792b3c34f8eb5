"""Bytes → lines, however they are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gapless.feeds.splitting import LineSplitter


def test_lines_end_with_lf_or_crlf_and_keep_other_control_characters() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"one\r\ntwo\rtwo\x1b[1m\n\npart") == ["one", "two\rtwo\x1b[1m", ""]
    assert splitter.feed(b"ial\n") == ["partial"]
    assert splitter.end() == []


def test_the_last_line_needs_no_line_break() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"a\nb") == ["a"]
    assert splitter.end() == ["b"]
    assert splitter.end() == []


def test_what_is_not_utf8_is_replaced() -> None:
    assert LineSplitter().feed(b"a\xffb\n") == ["a\ufffdb"]


@given(st.lists(st.binary(max_size=20)))
def test_how_the_bytes_are_cut_makes_no_difference(chunks: list[bytes]) -> None:
    whole, pieces = LineSplitter(), LineSplitter()
    expected = whole.feed(b"".join(chunks)) + whole.end()
    found = [line for chunk in chunks for line in pieces.feed(chunk)] + pieces.end()
    assert found == expected


@given(st.text(alphabet="aä€😀", min_size=1, max_size=60), st.integers(min_value=4, max_value=9))
def test_a_line_without_end_comes_in_bounded_pieces_cut_between_characters(text: str, most: int) -> None:
    splitter = LineSplitter(max_bytes=most)
    pieces = []
    for byte in text.encode():
        pieces += splitter.feed(bytes([byte]))
    pieces += splitter.end()
    assert "".join(pieces) == text
    assert all(len(piece.encode()) <= most for piece in pieces)
