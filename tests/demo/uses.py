"""Who uses what in a small checkout."""

from __future__ import annotations

from collections.abc import Callable

from gapless.demo.index import Entry, Link
from gapless.demo.survey import Survey

ReadSurvey = Callable[..., Survey]


RING = '''
class Ring:
    """A ring."""
    def append(self, x): ...
    def since(self): ...

def make() -> Ring: ...
'''


def entry(survey: Survey, qualified: str) -> Entry:
    found = [
        Entry(module, definition)
        for module in survey.modules.values()
        for definition in module.definitions
        if f"{module.name}.{definition.name}" == qualified
    ]
    assert len(found) == 1, qualified
    return found[0]


def uses(survey: Survey, qualified: str) -> list[str]:
    """Who uses a definition: `file:line where usage [member]`."""
    links = survey.index.uses_of(entry(survey, qualified))
    return [_told(link) for link in links]


def _told(link: Link) -> str:
    parts = [f"{link.module.file}:{link.line}", link.where or "-", link.usage, link.member]
    return " ".join(part for part in parts if part)


def outside(survey: Survey, qualified: str) -> list[tuple[str, bool]]:
    return [(each.name, each.standard) for each in survey.index.outside(entry(survey, qualified))]
