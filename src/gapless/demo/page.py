"""A finished Markdown page about one function or class."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ..options import KiB
from .complexity import rank
from .definitions import Class, Function
from .docstring import docstring_blocks
from .index import Entry, Index
from .interface import interface
from .markdown import code, codes, escaped, fenced, line_of
from .phrases import counted, is_public, is_test, type_of, with_article
from .surroundings import collaborators, how_it_fits

MAX_PAGE_BYTES = 396 * KiB
"""A page inside a JSON string, escapes included: with the rest of its event below 400 KiB."""

MAX_SECTION_BYTES = 48 * KiB
"""The same for each section but the source, which gets what is left."""

MAX_CUT_LINE = 2_000
"""Characters of a line that is longer than a page."""

MAX_DOCSTRING = 20_000
"""Characters of a docstring that are shown outside the source."""


def render(entry: Entry, index: Index, repository: str) -> str:
    """The page: a title, a header block, the source, and four sections, none of them empty."""
    definition = entry.definition
    before = [
        f"# {_titled(definition)} {code(definition.name)}",
        _header(entry, index, repository),
        "## Source",
    ]
    sections = {
        "Responsibility": _responsibility(entry, index),
        "Public interface": interface(entry, index),
        "Collaborators": collaborators(entry, index),
        "How it fits": how_it_fits(entry, index),
    }
    after = [block for title, blocks in sections.items() for block in (f"## {title}", *_bounded(blocks))]
    taken = json_bytes("\n\n".join([*before, *after]))
    return "\n\n".join([*before, *_source(entry, MAX_PAGE_BYTES - taken), *after]) + "\n"


def json_bytes(text: str) -> int:
    """How long a text is inside a JSON string, whichever way its characters are escaped there."""
    return len(json.dumps(text))


def _titled(definition: Function | Class) -> str:
    return "Class" if isinstance(definition, Class) else "Function"


def _header(entry: Entry, index: Index, repository: str) -> str:
    definition = entry.definition
    lines = definition.end - definition.start + 1
    return "\n".join(
        [
            f"- **Type:** {type_of(entry, index)}",
            f"- **Repository:** {escaped(repository)}",
            f"- **File:** {code(entry.module.file)}",
            "- **Language:** Python",
            f"- **Lines:** {_span(definition)} ({counted(lines, 'line')})",
            f"- **Complexity:** {_complexity(definition)}",
        ]
    )


def _complexity(definition: Function | Class) -> str:
    text = f"{definition.complexity}, rank {rank(definition.complexity)}"
    if isinstance(definition, Class) and len(definition.methods) > 1:
        hardest = max(definition.methods, key=lambda method: method.complexity)
        methods = counted(len(definition.methods), "method")
        highest = f"{hardest.complexity}, in {code(hardest.name)}"
        text += f" (the average of {methods} plus one; the highest is {highest})"
    return text


def _source(entry: Entry, most_bytes: int) -> list[str]:
    """The lines of the file, or as many of them as fit and a note about the rest."""
    definition = entry.definition
    lines = entry.module.lines[definition.start - 1 : definition.end]
    whole = fenced("\n".join(lines), "python")
    if json_bytes(whole) <= most_bytes:
        return [whole]
    # The note and the fences take less than this; a fence longer than that is no reason to fail.
    kept, left = [], most_bytes - KiB - 2 * json_bytes(whole.partition("python")[0])
    for line in lines:
        left -= json_bytes(line)
        if left < 0:
            break
        kept.append(line)
    if not kept:
        kept = [lines[0][:MAX_CUT_LINE]]
        note = f"*Line {definition.start} is too long for a page: this is its beginning.*"
        return [fenced(kept[0], "python"), note]
    first, last = definition.start + len(kept), definition.end
    missing = f"line {first} of the file is" if first == last else f"lines {first} to {last} of the file are"
    return [fenced("\n".join(kept), "python"), f"*The page would be too large: {missing} not shown.*"]


def _span(definition: Function | Class) -> str:
    one, last = str(definition.start), str(definition.end)
    return one if one == last else f"{one}–{last}"


def _responsibility(entry: Entry, index: Index) -> list[str]:
    definition = entry.definition
    if definition.docstring:
        return list(_said(definition.docstring))
    blocks = ["It has no docstring. What the code shows:"]
    blocks.append(_shape(definition, type_of(entry, index)) + _calls(entry, index))
    if is_test(entry.module.file) and definition.name.startswith("test_"):
        blocks.append(f"Its name says: {escaped(definition.name.removeprefix('test_').replace('_', ' '))}.")
    if definition.comment:
        said = definition.comment[:MAX_DOCSTRING].split("\n")
        blocks += ["The comment above it says:", "\n".join(f"> {line_of(line)}" for line in said)]
    return blocks


def _said(docstring: str) -> Iterator[str]:
    yield from docstring_blocks(docstring[:MAX_DOCSTRING])
    if len(docstring) > MAX_DOCSTRING:
        yield f"*{len(docstring) - MAX_DOCSTRING:,} more characters of the docstring stand in the source.*"


def _shape(definition: Function | Class, type_name: str) -> str:
    """What can be said of code that says nothing of itself."""
    if isinstance(definition, Function):
        names = [each.partition(":")[0].partition("=")[0].strip() for each in definition.signature.parameters]
        taken = [name for name in names if name not in ("*", "/")]
        takes = f"takes {codes(taken)}" if taken else "takes no arguments"
        returns = definition.signature.returns
        result = f" Its return annotation is {code(returns)}." if returns else ""
        return f"{with_article(type_name).capitalize()} that {takes}.{result}"
    public = [each.name for each in definition.methods if is_public(each.name)]
    derived = f" derived from {codes(definition.bases)}" if definition.bases else ""
    methods = counted(len(definition.methods), "method")
    shown = f"; public: {codes(public)}" if public else ""
    return f"{with_article(type_name).capitalize()}{derived} with {methods}{shown}."


def _calls(entry: Entry, index: Index) -> str:
    links = [link for link in index.used_by(entry) if link.usage == "call"]
    names = dict.fromkeys(".".join(filter(None, (link.used.definition.name, link.member))) for link in links)
    return f" It calls {codes(list(names))}." if names else ""


def _bounded(blocks: Sequence[str]) -> list[str]:
    """The blocks that fit into a section, and a note about those that do not."""
    kept: list[str] = []
    left = MAX_SECTION_BYTES
    for block in blocks:
        left -= json_bytes(block)
        if left < 0:
            return [*kept, "*The rest of this section would make the page too large.*"]
        kept.append(block)
    return kept
