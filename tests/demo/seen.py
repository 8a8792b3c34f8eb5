"""The design patterns that are named of a piece of code."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from gapless.demo.index import Entry
from gapless.demo.patterns import patterns
from gapless.demo.survey import Survey

ReadSurvey = Callable[..., Survey]


def found_in(survey: ReadSurvey, code: str, name: str = "", **others: str) -> dict[str, str]:
    """Pattern → what is said, of the last definition of the code or the one of that name."""
    read = survey({"a.py": textwrap.dedent(code), **{f"{file}.py": text for file, text in others.items()}})
    module = read.modules["a.py"]
    [*_, definition] = [each for each in module.definitions if not name or each.name == name]
    return {each.pattern: each.said for each in patterns(Entry(module, definition), read.index)}
