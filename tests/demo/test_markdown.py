"""What is quoted in Markdown stays what it was: text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from gapless.demo.markdown import code, codes, escaped, fenced, line_of, listed, phrase

from .markup import HARMFUL, LIVELY, MARKDOWN, kinds, tokens


@settings(deadline=None)
@given(LIVELY)
def test_a_code_span_is_one_code_span_with_the_text_in_it(text: str) -> None:
    [span] = [token for token in tokens(f"see {code(text)}!") if token.type == "code_inline"]
    if not any(ord(character) < 32 for character in text):
        assert span.content.strip() == text.strip()


def test_control_characters_in_a_code_span_are_shown() -> None:
    assert code("a\nb\x1b") == r"`a\nb\x1b`"
    assert code("") == "` `"


@settings(deadline=None)
@given(LIVELY)
def test_a_fence_holds_its_text_to_the_last_character(text: str) -> None:
    found = [token for token in MARKDOWN.parse(fenced(text, "text")) if token.type == "fence"]
    assert [token.content for token in found] == [f"{text}\n"]
    assert len(MARKDOWN.parse(fenced(text, "text"))) == 1


@settings(deadline=None)
@given(LIVELY)
def test_prose_has_no_markup_but_code_and_stress(text: str) -> None:
    allowed = {"inline", "text", "paragraph_open", "paragraph_close", "code_inline", "softbreak", "hardbreak"}
    allowed |= {"em_open", "em_close", "strong_open", "strong_close"}
    assert kinds("x " + escaped(text.replace("\n", " "))) <= allowed


@settings(deadline=None)
@given(LIVELY)
def test_a_line_of_prose_begins_no_block(text: str) -> None:
    line = text.replace("\n", " ").replace("\t", " ").strip()
    assert kinds(line_of(line)) & (HARMFUL | {"fence", "bullet_list_open", "ordered_list_open"}) == set()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain snake_case and a < b, 2 > 1", "plain snake_case and a < b, 2 > 1"),
        ("call __init__. or Task._step, or _x", "call `__init__`. or `Task._step`, or `_x`"),
        ("with *args and **kwargs", "with `*args` and `**kwargs`"),
        ("the *limit* is **not** a*b*c", r"the *limit* is **not** a\*b\*c"),
        ("``double`` and `single`", "`double` and `single`"),
        ("`over\n  two lines`", "`over two lines`"),
        ("see :meth:`close` or :py:class:`~a.b.C`", "see `close` or `a.b.C`"),
        ("<script> [a](b) &amp;", r"\<script> [a]\(b) \&amp;"),
        ("one `tick", r"one \`tick"),
    ],
)
def test_prose_stays_readable(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_phrase_names_all_and_of_very_many_the_first() -> None:
    assert [codes(list("abc")[:count]) for count in range(4)] == [
        "",
        "`a`",
        "`a` and `b`",
        "`a`, `b` and `c`",
    ]
    assert phrase(["x"] * 45).endswith("x, x and 5 more")


def test_a_list_is_bounded_and_counts_the_rest() -> None:
    lines = listed([f"item {number}" for number in range(43)], "items").split("\n")
    assert (len(lines), lines[-2:]) == (41, ["- item 39", "- … and 3 more items"])
