"""A module or stylesheet as it is sent: without the comments and indentation, which only its readers need.

Nothing is renamed and no line moves: what a browser says about line 12 is about line 12 of the file.
"""

from __future__ import annotations

import re
from typing import cast

COMMENT = re.compile(r"[ \t]*(?:/\*(?:[^*]|\*(?!/))*\*/[ \t]*$|//.*$)", re.MULTILINE)
"""A comment that has its lines to itself, from the beginning of the first of them."""

INDENTATION = re.compile(r"[ \t]*")

CODE = re.compile(
    r"""
      /\*(?:[^*]|\*(?!/))*\*/ | //.*  # a comment behind code, or in front of it
    | "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*'
    | [^"'`/{}\n]+
    | [\s\S]
    """,
    re.VERBOSE,
)

EXPRESSION = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/")
"""A regular expression; a slash in brackets does not end it."""

QUOTED = re.compile(r"(?:[^`\\$]|\\[\s\S]|\$(?!\{))*")
"""What a template literal says up to its end, or to where a value stands in it."""

BEGINS_AN_EXPRESSION = re.compile(
    r"(?:^|[(,=:\[!&|?{};+*%~^<>-]|\b(?:return|typeof|case|in|of|await|yield))$"
)
"""After such code a slash begins a regular expression; after any other it divides."""


def without_comments(text: str) -> str:
    """A module, or a stylesheet, without the comments that have lines of their own and without indentation.

    Text and regular expressions stay as they are, byte for byte; so do comments beside code.
    """
    sent: list[str] = []
    braces: list[str] = []  # the open ones: "{" in code, "${" in a template literal
    before = ""  # the last that is neither space nor comment
    at = 0
    is_line_begin = True
    while at < len(text):
        if is_line_begin:
            comment = COMMENT.match(text, at)
            sent.append("\n" * comment[0].count("\n") if comment else "")
            at = (comment or _match(INDENTATION, text, at)).end()
            is_line_begin = False
            continue
        piece = _piece(text, at, before, braces)
        at += len(piece)
        sent.append(piece)
        is_line_begin = piece == "\n"
        if not piece.isspace() and not piece.startswith(("//", "/*")):
            before = piece.rstrip()
    return "".join(sent)


def _piece(text: str, at: int, before: str, braces: list[str]) -> str:
    """What stands at a place that is code. `braces` follow."""
    sign = text[at]
    if sign == "`" or (sign == "}" and braces and braces.pop() == "${"):
        end = _match(QUOTED, text, at + 1).end()
        if text.startswith("${", end):
            braces.append("${")
            return text[at : end + 2]
        return text[at : end + 1]
    if sign == "{":
        braces.append("{")
    piece = _match(CODE, text, at)[0]
    if piece == "/" and BEGINS_AN_EXPRESSION.search(before) and (found := EXPRESSION.match(text, at)):
        return found[0]
    return piece


def _match(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    """With a pattern that matches at any place."""
    return cast("re.Match[str]", pattern.match(text, at))
