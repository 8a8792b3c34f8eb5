"""Docstrings become Markdown that stays in its section."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from gapless.demo.docstring import docstring_blocks, summary

from .markup import HARMFUL, LIVELY, kinds


@settings(deadline=None)  # a loaded machine is no failure
@given(LIVELY, LIVELY, LIVELY)
def test_no_docstring_gets_out_of_its_section(first: str, second: str, third: str) -> None:
    text = f"{first}\n\n- {second}\n  {third}\n\nArgs:\n    x: {first}\n{second}\n\n:param y: {third}\n"
    assert kinds("\n\n".join(docstring_blocks(text))) & HARMFUL == set()


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
