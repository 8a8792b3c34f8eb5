"""The board of the dashboard: tiles, each of which shows what one channel says.

`HubApp(hub, board=Board([Number("app:stats", "jobs.total"), Log("app:logs")]))`. Without a board the page
derives one from what the channels hold. Fields are dotted paths into a publication's data; `where` and
`query` are queries as in the page's own box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as told
from dataclasses import fields as fields_of
from typing import Any, ClassVar, Literal, get_args

from .errors import ConfigError

Unit = Literal["int", "bytes", "duration", "percent"]
Colour = Literal["success", "warning", "error"]

COLUMNS = 12
"""Of the board's grid."""

MOST = 100
"""Tiles of one board; a page with more is no board."""

MOST_ENTRIES = 200
"""Entries of one tile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """What all tiles have. `label` stands above it; `wide` is how many of 12 columns it takes.

    Raises:
        ConfigError: a value that cannot be, naming the option.
    """

    kind: ClassVar[str] = ""

    channel: str = told(kw_only=False)
    label: str | None = None
    wide: int | None = None

    def __post_init__(self) -> None:
        if not self.channel:
            raise ConfigError("channel names the channel that the tile shows, and is empty")
        _between("wide", self.wide, 1, COLUMNS)

    def as_json(self) -> dict[str, Any]:
        """The tile as the page reads it: its kind, and what was said of it."""
        said = {option.name: getattr(self, option.name) for option in fields_of(self)}
        return {"tile": self.kind} | {
            _SPELT.get(name, name): list(value) if isinstance(value, tuple) else value
            for name, value in said.items()
            if value is not None and value != () and value != {}
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Tile):
    """One number, its change, and how it came to it. Above `warn_above` it is a warning."""

    kind: ClassVar[str] = "number"

    field: str = told(kw_only=False)
    unit: Unit | None = None
    warn_above: float | None = None
    bad_above: float | None = None

    def __post_init__(self) -> None:
        Tile.__post_init__(self)
        _named("field", self.field)
        _one_of("unit", self.unit, get_args(Unit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest(Tile):
    """The newest publication that `where` lets through, as rows of its `fields`.

    After `idle_after` seconds without one it is grey.
    """

    kind: ClassVar[str] = "latest"

    where: str | None = None
    fields: Sequence[str] = ()
    idle_after: float | None = None

    def __post_init__(self) -> None:
        Tile.__post_init__(self)
        _list(self, "fields")
        _between("idle_after", self.idle_after, 0, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity(Tile):
    """What a worker is doing: the type of its newest event, on what, and how far it is."""

    kind: ClassVar[str] = "activity"

    where: str | None = None
    idle_after: float | None = None

    def __post_init__(self) -> None:
        Tile.__post_init__(self)
        _between("idle_after", self.idle_after, 0, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Countdown(Tile):
    """The time left until the moment that `field` names; without one, of the usual names."""

    kind: ClassVar[str] = "countdown"

    where: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown(Tile):
    """Bars: of an object of numbers, `field`, or of how often each value of the field `by` came."""

    kind: ClassVar[str] = "breakdown"

    field: str | None = told(default=None, kw_only=False)
    by: str | None = None
    where: str | None = None
    top: int | None = None

    def __post_init__(self) -> None:
        Tile.__post_init__(self)
        if (self.field is None) == (self.by is None):
            raise ConfigError("field is for an object of numbers, by for what is counted: give one of both")
        _between("top", self.top, 1, MOST_ENTRIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed(Tile):
    """The newest publications as a list. `title` and `meta` are templates: `"{data.name} of {data.repo}"`."""

    kind: ClassVar[str] = "feed"

    where: str | None = None
    title: str | None = None
    meta: str | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        Tile.__post_init__(self)
        _between("limit", self.limit, 1, MOST_ENTRIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class States(Tile):
    """One chip for each value of `key`, in the colour of its newest `state`."""

    kind: ClassVar[str] = "states"

    key: str | None = None
    state: str | None = None
    colours: Mapping[str, Colour] = told(default_factory=dict)

    def __post_init__(self) -> None:
        Tile.__post_init__(self)
        for state, colour in self.colours.items():
            _one_of(f"colours.{state}", colour, get_args(Colour))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart(Tile):
    """A line for each of `fields`, over the newest values."""

    kind: ClassVar[str] = "chart"

    fields: Sequence[str] = told(kw_only=False)

    def __post_init__(self) -> None:
        Tile.__post_init__(self)
        _list(self, "fields")
        if not self.fields:
            raise ConfigError("fields names at least one number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log(Tile):
    """A small live list of a channel, with a query where not all of it is wanted."""

    kind: ClassVar[str] = "log"

    query: str | None = None


KINDS: dict[str, type[Tile]] = {
    each.kind: each for each in (Number, Latest, Activity, Countdown, Breakdown, Feed, States, Chart, Log)
}
"""Every kind of tile, by the name that a configuration has for it."""

_SPELT = {"idle_after": "idleAfter"}
"""What is spelt otherwise in the page."""


@dataclass(frozen=True, slots=True)
class Board:
    """Tiles in their order, on a grid of 12 columns. Raises ConfigError."""

    tiles: Sequence[Tile]
    title: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tiles", tuple(self.tiles))
        if not 0 < len(self.tiles) <= MOST:
            raise ConfigError(f"a board has 1 to {MOST} tiles, not {len(self.tiles)}")

    def as_json(self) -> list[dict[str, Any]]:
        """The tiles as the page reads them."""
        return [tile.as_json() for tile in self.tiles]


def _named(name: str, value: str) -> None:
    if not value:
        raise ConfigError(f"{name} is a dotted path into the data, and is empty")


def _one_of(name: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise ConfigError(f"{name} is one of {', '.join(known)}, not {value!r}")


def _between(name: str, value: float | None, least: int, most: int | None) -> None:
    if value is not None and not (least <= value and (most is None or value <= most)):
        above = f" to {most}" if most is not None else " or more"
        raise ConfigError(f"{name} is {least}{above}, not {value!r}")


def _list(tile: Tile, name: str) -> None:
    """Strings in a row; one alone is a slip, and would be taken for its letters."""
    value = getattr(tile, name)
    if isinstance(value, str) or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"{name} is a list of names, not {value!r}")
    object.__setattr__(tile, name, tuple(value))
