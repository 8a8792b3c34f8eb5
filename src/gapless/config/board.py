"""`[board]`: what the page's board shows, as tiles of channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from pydantic import Field

from ..board import KINDS, Board
from ..errors import ConfigError
from .formats import closest
from .values import Problem, Section


class BoardSection(Section):
    """`[board]`, and one table `[[board.tiles]]` for each tile, whose kind is `tile`."""

    title: str = ""
    tiles: list[dict[str, Any]] = Field(default_factory=list)

    def board(self) -> Board | None:
        """The board; None where no tile is named. Raises ConfigError for what cannot be."""
        if not self.tiles:
            return None
        return Board([KINDS[said["tile"]](**_rest(said)) for said in self.tiles], self.title)

    def problems(self) -> Iterator[Problem]:
        """What each tile says wrong, and whether all of them together can be a board."""
        found = [problem for at, said in enumerate(self.tiles) for problem in _problems(str(at), said)]
        yield from found
        if found:
            return
        try:
            self.board()
        except ConfigError as error:
            yield ("board",), str(error)


def _rest(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != "tile"}


def _problems(at: str, said: dict[str, Any]) -> Iterator[Problem]:
    path = ("board", "tiles", at)
    if "tile" not in said:
        yield path, f"tile is missing: it is one of {', '.join(KINDS)}"
        return
    kind = KINDS.get(said["tile"]) if isinstance(said["tile"], str) else None
    if kind is None:
        hint = closest(str(said["tile"]), KINDS) or f": it is one of {', '.join(KINDS)}"
        yield (*path, "tile"), f"there is no tile {said['tile']!r}{hint}"
        return
    known = {option.name: option for option in fields(kind)}
    wrong = False
    for name, value in _rest(said).items():
        if name not in known:
            wrong = True
            yield (*path, name), f"a {kind.kind} tile has no option {name!r}{closest(name, known)}"
        elif not _fits(value, str(known[name].type)):
            wrong = True
            yield (*path, name), f"{name} is {_worded(str(known[name].type))}, not {value!r}"
    if wrong:
        return
    try:
        kind(**_rest(said))
    except ConfigError as error:
        yield (*path, str(error).split()[0].partition(".")[0]), str(error)
    except TypeError:
        missing = [name for name in ("channel", "field", "fields") if name in known and name not in said]
        yield path, f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"


def _fits(value: object, kind: str) -> bool:
    """Is it of the kind that the option was declared with?"""
    if kind.startswith("Sequence"):
        return isinstance(value, list)
    if kind.startswith("Mapping"):
        return isinstance(value, dict)
    if isinstance(value, bool):
        return False
    if kind.startswith("float"):
        return isinstance(value, int | float)
    return isinstance(value, int) if kind.startswith("int") else isinstance(value, str)


def _worded(kind: str) -> str:
    words = {"Sequence": "a list", "Mapping": "a table", "float": "a number", "int": "a whole number"}
    return next((word for name, word in words.items() if kind.startswith(name)), "text")
