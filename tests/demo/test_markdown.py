"""What is quoted in Markdown stays what it was: text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gapless.demo.docstring import docstring_blocks, summary
from gapless.demo.markdown import code, codes, escaped, fenced, line_of, listed, phrase

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])

LIVELY = st.text(st.sampled_from(list("ab _*`~<>/!&#;[]():\\|=-+.1\n\t\"'\x1bé")), max_size=40)
"""Text in which most characters mean something to Markdown."""


def tokens(text: str) -> list[Token]:
    found = MARKDOWN.parse(text)
    return found + [inner for token in found for inner in token.children or ()]


def kinds(text: str) -> set[str]:
    return {token.type for token in tokens(text)}


HARMFUL = {
    "heading_open",
    "html_block",
    "html_inline",
    "link_open",
    "image",
    "hr",
    "table_open",
    "s_open",
    "code_block",
    "blockquote_open",
}


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


@settings(deadline=None)  # a loaded machine is no failure
@given(LIVELY, LIVELY, LIVELY)
def test_no_docstring_gets_out_of_its_section(first: str, second: str, third: str) -> None:
    text = f"{first}\n\n- {second}\n  {third}\n\nArgs:\n    x: {first}\n{second}\n\n:param y: {third}\n"
    assert kinds("\n\n".join(docstring_blocks(text))) & HARMFUL == set()


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


# -- docstrings


def test_paragraphs_lists_and_fields_are_markdown_and_the_rest_is_verbatim() -> None:
    blocks = docstring_blocks(
        """Summary
over two lines::

    indented

Name
----
x : int

* one
  more of it
* # two

Args:
    x: the __x__
    *rest (int): more
        of it

Raises:
    see below

:param x: the x
    on two lines
:raises Gone: late
:return: a thing
:meta private:

>>> 1 + 1
2
"""
    )
    assert blocks == [
        "Summary\nover two lines:",
        "```text\n    indented\n\nName\n----\nx : int\n```",
        "- one\n  more of it\n- \\# two",
        "**Args**\n\n- `x`: the `__x__`\n- `*rest (int)`: more\n  of it",
        "```text\nRaises:\n    see below\n```",
        "- `x`: the x\n  on two lines\n- raises `Gone`: late\n- returns: a thing\n- meta `private`",
        "```pycon\n>>> 1 + 1\n2\n```",
    ]


def test_fenced_code_and_headings_of_markdown_stay_what_they_are() -> None:
    blocks = docstring_blocks(
        "One.\n\n# Examples\n\nSo:\n```rust,ignore\nlet x = 1;\n\n# hidden\n```\nTwo.\n\n~~~\nopen"
    )
    assert blocks == [
        "One.",
        "**Examples**",
        "So:",
        "```rust\nlet x = 1;\n\n# hidden\n```",
        "Two.",
        "```text\nopen\n```",
    ]


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        (None, ""),
        ("One. Two.", "One."),
        ("One, e.g. this. Two.", "One, e.g. this."),
        ("Version 1.2 of\nit! Two", "Version 1.2 of it!"),
        ("Title\n\nOne.", "Title"),
        ("x" * 300, "x" * 239 + "…"),
    ],
)
def test_a_summary_is_the_first_sentence(docstring: str | None, sentence: str) -> None:
    assert summary(docstring) == sentence
