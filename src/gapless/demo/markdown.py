"""Markdown that cannot be broken by what it quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TICKS = re.compile(r"`+")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TOKEN = re.compile(
    r"(?<![\w*\\])(?P<stars>\*{1,2})(?![\s*])(?P<stressed>[^*\n]+)(?<![\s\\])(?P=stars)(?![\w*])"
    r"|(?P<rest>(?<![\w*])\*{1,2}[^\W\d]\w*(?![\w*]))"  # *args
    r"|(?P<word>(?<![\w.])[\w.]*_[\w.]*)"
    r"|[*`]"
    r"|\\(?=[!-/:-@\[-`{-~])"  # a backslash before punctuation
    r"|<(?=[A-Za-z/!?])"  # a tag or an address
    r"|&(?=#?\w+;)"  # an entity
    r"|~(?=~)"
    r"|(?<=\])[(\[:]"  # the second half of a link
)
_LINE_START = re.compile(r"\A(?:(\d+)([.)])|([#>=+|:-]))")
_ROLE = re.compile(r"(?<![\w:]):[A-Za-z][\w:]*:`~?(?!`)")
_OUTER_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")

MAX_ITEMS = 40
"""Entries of one list; what is more is counted in its last entry."""


def code(text: str) -> str:
    """A code span in one line; control characters appear as their escapes."""
    plain = _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)
    ticks = "`" * (_longest(plain) + 1)
    pad = " " if plain and (plain[0] in "` " or plain[-1] in "` ") else ""
    return f"{ticks}{pad}{plain or ' '}{pad}{ticks}"


def codes(texts: Sequence[str]) -> str:
    """Code spans as a phrase: `a`, `b` and `c`."""
    return phrase([code(text) for text in texts])


def phrase(parts: Sequence[str]) -> str:
    """`a, b and c`; of very many, the first and a count."""
    if len(parts) > MAX_ITEMS:
        return f"{', '.join(parts[:MAX_ITEMS])} and {len(parts) - MAX_ITEMS} more"
    return " and ".join([*([", ".join(parts[:-1])] if len(parts) > 1 else []), *parts[-1:]])


def fenced(text: str, language: str) -> str:
    """A code block whose fence is longer than any run of backticks inside."""
    fence = "`" * max(3, _longest(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def listed(items: Sequence[str], what: str = "entries") -> str:
    """A list of at most `MAX_ITEMS`; items may have several lines."""
    shown = list(items[:MAX_ITEMS])
    if len(items) > MAX_ITEMS:
        shown.append(f"… and {len(items) - MAX_ITEMS} more {what}")
    return "\n".join("- " + re.sub(r"\n(?!\n|$)", "\n  ", item) for item in shown).rstrip("\n")


def escaped(text: str) -> str:
    """Prose of unknown origin: its code spans and its stress stay, nothing else in it is markup."""
    text = _ROLE.sub("`", text)  # :meth:`close` is a code span to every reader but Sphinx
    parts, at = [], 0
    for span in _SPAN.finditer(text):
        parts += [_inert(text[at : span.start()]), code(" ".join(span[2].split()))]
        at = span.end()
    return "".join([*parts, _inert(text[at:])])


def line_of(text: str) -> str:
    """`escaped`, and neither heading, quote, list nor rule when it stands at the beginning of a line."""
    return _LINE_START.sub(lambda found: f"{found[1] or ''}\\{found[2] or found[3]}", escaped(text), count=1)


def _inert(text: str) -> str:
    return _TOKEN.sub(_passive, _CONTROL.sub(_visible, text))


def _passive(token: re.Match[str]) -> str:
    """Emphasis stays; names that Markdown would take for it become code; the rest is escaped."""
    match token.lastgroup:
        case "stressed":
            return f"{token['stars']}{_inert(token['stressed'])}{token['stars']}"
        case "rest":
            return code(token["rest"])
        case "word" if _OUTER_UNDERSCORE.search(token["word"]):
            name = token["word"].strip(".")
            before, _, after = token["word"].partition(name)
            return f"{before}{code(name)}{after}"
        case "word":
            return token["word"]
    return "\\" + token[0]


def _visible(found: re.Match[str]) -> str:
    return "\n" if found[0] == "\n" else " " if found[0] == "\t" else repr(found[0])[1:-1]


def _longest(text: str) -> int:
    return max((len(run[0]) for run in _TICKS.finditer(text)), default=0)
