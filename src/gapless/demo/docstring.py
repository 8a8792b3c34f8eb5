"""Docstrings as Markdown, whatever convention they follow."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from .markdown import code, escaped, fenced, line_of, listed

_MARKED = re.compile(r"\s|[-+>#=|.:@~*]|[0-9]+[.)]\s|\[")
_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})([^`]*)$")
_HEADING = re.compile(r"#{1,6} (\w[^\n#]*)")
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
    for block in _blocks(text):
        rendered = (
            _code(block)
            or _heading(block)
            or _field_section(block)
            or _field_list(block)
            or _paragraph(block)
        )
        if rendered is None:
            verbatim.append(block)
            continue
        blocks += _verbatim(verbatim)
        verbatim = []
        blocks.append(rendered)
    return blocks + _verbatim(verbatim)


def _blocks(text: str) -> Iterator[str]:
    """What blank lines separate; a fenced block is one, whatever stands in it."""
    lines: list[str] = []
    fence = ""
    for line in text.strip("\n").split("\n"):
        marks = _FENCE.match(line)
        ends = bool(fence) and line.strip() == fence
        if lines and ((not fence and marks) or (not fence and not line.strip())):
            yield "\n".join(lines)
            lines = []
        if fence or line.strip():
            lines.append(line)
        if ends:
            yield "\n".join(lines)
            lines, fence = [], ""
        elif not fence and marks:
            fence = marks[1]
    if lines:
        yield "\n".join(lines)


def _code(block: str) -> str | None:
    """A fenced block as one."""
    first, _, rest = block.partition("\n")
    marks = _FENCE.match(first)
    if marks is None:
        return None
    inner = rest.removesuffix(marks[1]).rstrip() if rest.rstrip().endswith(marks[1]) else rest
    return fenced(textwrap.dedent(inner), re.sub(r"\W.*", "", marks[2]) or "text")


def _heading(block: str) -> str | None:
    """`# Examples` as a bold line: it must not be a heading of the page."""
    found = _HEADING.fullmatch(block)
    return f"**{escaped(found[1].replace('*', ''))}**" if found else None


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
