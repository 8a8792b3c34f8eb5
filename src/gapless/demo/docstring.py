"""Docstrings as Markdown, whatever convention they follow."""

from __future__ import annotations

import re
import textwrap

from .markdown import code, escaped, fenced, line_of, listed

_MARKED = re.compile(r"\s|[-+>#=|.:@~*]|[0-9]+[.)]\s|\[")
_ITEM = re.compile(r"([-*+•])\s+(\S.*)")
_FIELDS = {
    "Args",
    "Arguments",
    "Attributes",
    "Keyword Args",
    "Parameters",
    "Raises",
    "Warns",
    "Yields",
    "Returns",
}
_FIELD = re.compile(r"(\*{0,2}[\w.]+(?: \([^)]*\))?(?:, \*{0,2}[\w.]+)*)\s*:\s*(.*)")
_ROLE_FIELD = re.compile(r":([a-z]+)((?: [\w.*~]+)*):(.*)")
_LABELS = {"param": "", "parameter": "", "arg": "", "keyword": "", "return": "returns", "raise": "raises"}


def docstring_blocks(text: str) -> list[str]:
    """A docstring as Markdown: paragraphs, lists and lists of fields as such, everything else verbatim.

    What else is indented or marked up means different things in different conventions; it is
    shown as it stands in the source.
    """
    blocks: list[str] = []
    verbatim: list[str] = []
    for block in re.split(r"\n(?:[ \t]*\n)+", text.strip("\n")):
        rendered = _field_section(block) or _field_list(block) or _paragraph(block)
        if rendered is None:
            verbatim.append(block)
            continue
        blocks += _verbatim(verbatim)
        verbatim = []
        blocks.append(rendered)
    return blocks + _verbatim(verbatim)


def summary(docstring: str | None, most: int = 240) -> str:
    """The first sentence of a docstring as prose in one line; empty without one."""
    first = (docstring or "").strip().partition("\n\n")[0]
    line = " ".join(first.split())
    end = re.search(r"(?<!e\.g)(?<!i\.e)(?<! vs)(?<!etc)[.!?](?=\s)", line)
    sentence = line[: end.end()] if end else line
    return escaped(sentence if len(sentence) <= most else sentence[: most - 1] + "…")


def _field_section(block: str) -> str | None:
    """`Raises:` and its like with one indented `name: text` after the other, as a list."""
    title, _, inner = block.partition(":\n")
    if title not in _FIELDS:
        return None
    items: list[str] = []
    for line in textwrap.dedent(inner).split("\n"):
        field = _FIELD.fullmatch(line)
        if field is not None:
            items.append(f"{code(field[1])}: {escaped(field[2])}")
        elif items and line[:1] == " ":
            items[-1] += f"\n{line_of(line.strip())}"
        else:
            return None
    return f"**{title}**\n\n{listed(items)}"


def _field_list(block: str) -> str | None:
    """`:param name: text` and its like, each on a line of its own, as a list."""
    items: list[str] = []
    for line in block.split("\n"):
        field = _ROLE_FIELD.fullmatch(line)
        if field is not None:
            subject = code(field[2].strip()) if field[2] else ""
            words = filter(None, (_LABELS.get(field[1], field[1]), subject))
            said = escaped(field[3].strip())
            items.append(" ".join(words) + (f": {said}" if said else ""))
        elif items and line[:1] == " ":
            items[-1] += f"\n{line_of(line.strip())}"
        else:
            return None
    return listed(items)


def _paragraph(block: str) -> str | None:
    """The block as a paragraph or a list; None when it is neither."""
    lines = [line.rstrip() for line in block.split("\n")]
    if _ITEM.match(lines[0]) and all(_ITEM.match(line) or line[:1] == " " for line in lines):
        matches = [(_ITEM.match(line), line) for line in lines]
        return "\n".join(
            f"- {line_of(item[2])}" if item else f"  {line_of(line.strip())}" for item, line in matches
        )
    if any(_MARKED.match(line) for line in lines):
        return None
    return escaped("\n".join([*lines[:-1], re.sub("::$", ":", lines[-1])]))


def _verbatim(blocks: list[str]) -> list[str]:
    if not blocks:
        return []
    language = "pycon" if all(block.lstrip().startswith(">>>") for block in blocks) else "text"
    return [fenced("\n\n".join(blocks), language)]
