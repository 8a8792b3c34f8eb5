"""Pages of small checkouts, and their sections."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from gapless.demo.index import Entry
from gapless.demo.page import render
from gapless.demo.survey import Survey

ReadSurvey = Callable[..., Survey]


MADE = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def page(survey: Survey, name: str) -> str:
    for module in survey.modules.values():
        for definition in module.definitions:
            if f"{module.name}.{definition.name}" == name:
                return render(Entry(module, definition), survey.index, "shop", MADE)
    raise AssertionError(name)


def page_of_module(survey: Survey, name: str) -> str:
    [module] = [each for each in survey.modules.values() if each.name == name]
    assert module.whole is not None
    return render(Entry(module, module.whole), survey.index, "shop", MADE)


def section(text: str, title: str) -> str:
    """What stands between one bold title of the page and the next, or in its source."""
    parts = re.split(r"^(`{3,})python\n.*?^\1$", text, maxsplit=1, flags=re.DOTALL | re.MULTILINE)
    if title == "Source Code":
        return text[len(parts[0]) : len(text) - len(parts[-1])].strip()
    after = r"\n\n\*\*(?:\w+ Resp|Public I|Design P|How it F)|\n\n---\n\n\*Gen"
    before = rf"\n\*\*(?:\w+ )?{title}[^*\n]*\*\*\n\n"
    [inside] = re.findall(rf"{before}(.*?)(?={after})", parts[-1], flags=re.DOTALL)
    return str(inside)


PURPOSE = "Responsibility and Purpose"


INTERFACE = "Public Interface"


PATTERNS = "Design Patterns Used"


FITS = "How it Fits in the Architecture"
