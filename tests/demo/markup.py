"""Markdown as its parser sees it, and text that would like to be some."""

from __future__ import annotations

from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

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
