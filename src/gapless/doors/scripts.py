"""A module or stylesheet as it is sent: without the comments and spaces that only its readers need.

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

SPACES = re.compile(
    r"""
      [ ]+(?=[=(){}\[\],;:?!<>&|*%"'`])  # in front of a sign that nothing can be taken together with
    | (?<=[=(){}\[\],;:?!<>&|*%"'`])[ ]+  # behind one
    | (?<=[\w)\]])[ ](?=[+-][ ][\w(\["'`])  # around a plus or minus between two values
    | (?<=[\w)\]"'`][ ][+-])[ ](?=[\w(\["'`])
    """,
    re.VERBOSE,
)
"""Spaces of a module that part nothing."""

SPACES_OF_STYLE = re.compile(r"[ ]+(?=[{},;>])|(?<=[{},;>:])[ ]+")
"""Those of a stylesheet: a space in front of a colon is a descendant, one around a plus belongs to `calc`."""


def as_module(text: str) -> str:
    """A module without comments, indentation, and the spaces that part nothing.

    Text and regular expressions stay as they are, byte for byte.
    """
    return _shortened(text, SPACES)


def without_empty_lines(text: str) -> str:
    """Modules put together: their lines are not those of one file anyhow. What they quote keeps its own."""
    sent: list[str] = []
    braces: list[str] = []
    before = ""
    at = 0
    while at < len(text):
        piece = _piece(text, at, before, braces)
        if piece != "\n" or (sent and sent[-1] != piece):
            sent.append(piece)
        if not piece.isspace():
            before = piece.rstrip()
        at += len(piece)
    return "".join(sent)


def as_stylesheet(text: str) -> str:
    """The same of a stylesheet."""
    return _shortened(text, SPACES_OF_STYLE)


def _shortened(text: str, spaces: re.Pattern[str]) -> str:
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
        end = at + len(piece)
        if piece.startswith("//"):
            pass
        elif piece.startswith("/*"):
            sent.append(" " + "\n" * piece.count("\n"))
        elif piece[0] in "\"'`/{}\n":
            sent.append(piece)
        else:
            # What stands on either side decides about the spaces at its ends.
            left, right = text[at - 1 : at].strip() or "\n", text[end : end + 1] or "\n"
            sent.append(spaces.sub("", left + piece + right)[1:-1])
        at = end
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
