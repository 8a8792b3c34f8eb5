"""One picture per section: bars per row and peer, each with a line from its lowest to its highest round.

Latencies are drawn as marks instead: p50, p99 and the longest one on one line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .report import number
from .sheet import SECTIONS, Row, Sheet

_COLOURS = {
    "hub": "#1f6feb",
    "hub_fast": "#0b3d91",
    "hub_centrifuge": "#3fa7d6",
    "hub_batch": "#79b8ff",
    "naive": "#d9822b",
    "websockets": "#8aa39b",
    "socketio": "#b5b07a",
    "aiohttp": "#b39bc8",
    "centrifugo": "#c97b84",
    "accept_only": "#9aa5b1",
    "accept_only_fast": "#6b7783",
    "bare": "#333333",
    "bare_10": "#777777",
}
_LINE = 0.26  # inches per bar
_MARKS = {"p50": "o", "p99": "D", "max": "|"}
_SPREAD = 50  # between the largest and the smallest, above which the scale is logarithmic


def write(sheet: Sheet, folder: Path) -> list[Path]:
    """Write `section-N.svg` for every section that was measured."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for section in sorted({row.section for row in sheet.rows}):
        path = folder / f"section-{section}.svg"
        draw(sheet, section).savefig(path, bbox_inches="tight")
        paths.append(path)
    return paths


def draw(sheet: Sheet, section: int) -> Figure:
    """One panel per unit, one above the other."""
    rows = [row for row in sheet.rows if row.section == section and row.unit != "%"]
    panels = [_Panel(sheet, unit, rows) for unit in dict.fromkeys(row.unit for row in rows)]
    heights = [_LINE * panel.lines + 0.8 for panel in panels]
    figure = Figure(figsize=(9, sum(heights) + 0.6), layout="constrained")
    figure.suptitle(SECTIONS[section], fontsize=12, fontweight="bold", x=0.01, ha="left")
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        panel.draw(axes)
    return figure


class _Panel:
    """What is measured in one unit: groups of rows, in each a line per peer."""

    def __init__(self, sheet: Sheet, unit: str, rows: Iterable[Row]) -> None:
        self._sheet = sheet
        self._unit = unit
        self._groups: dict[str, list[Row]] = {}
        for row in rows:
            if row.unit == unit:
                name, _, last = row.label.rpartition(", ")
                self._groups.setdefault(name if last in _MARKS else row.label, []).append(row)
        self._values: list[float] = []

    @property
    def lines(self) -> int:
        return sum(1 + len(self._peers(rows)) for rows in self._groups.values())

    def _peers(self, rows: list[Row]) -> list[str]:
        return [peer for peer in self._sheet.measured if any(self._sheet.cell(row.key, peer) for row in rows)]

    def draw(self, axes: Axes) -> None:
        place = 0.0
        names: dict[float, str] = {}
        for label, rows in self._groups.items():
            left = axes.get_yaxis_transform()
            axes.text(0, place - 0.62, f" {label}", transform=left, fontsize=8, fontweight="bold")
            for peer in self._peers(rows):
                names[place] = self._sheet.peers[peer]
                if self._unit == "ms":
                    self._marks(axes, rows, peer, place)
                else:
                    self._bar(axes, rows[0], peer, place)
                place += 1
            place += 1
        axes.set_yticks(list(names), list(names.values()), fontsize=8)
        axes.set_ylim(place - 1.4, -1.2)
        self._scale(axes, next(iter(self._groups.values()))[0])

    def _bar(self, axes: Axes, row: Row, peer: str, place: float) -> None:
        cell = self._sheet.cell(row.key, peer)
        if cell is None or math.isinf(cell.median):
            _say(axes, "stalled", place)
            return
        self._values.append(cell.median)
        axes.barh(place, cell.median, height=0.78, color=_COLOURS.get(peer, "#999999"))
        high = cell.median if math.isinf(cell.high) else cell.high
        axes.plot([cell.low, high], [place, place], color="#000000", linewidth=0.9, alpha=0.6)
        _say(axes, number(cell.median), place, high)

    def _marks(self, axes: Axes, rows: list[Row], peer: str, place: float) -> None:
        colour = _COLOURS.get(peer, "#999999")
        found: list[float] = []
        for row in rows:
            value = self._sheet.median(row.key, peer)
            if value is not None and not math.isinf(value):
                mark = _MARKS.get(row.label.rpartition(", ")[2], "o")
                axes.plot(value, place, mark, color=colour, markersize=10 if mark == "|" else 6)
                found.append(value)
        if not found:
            _say(axes, "stalled", place)
            return
        self._values += found
        axes.plot([min(found), max(found)], [place, place], color=colour, linewidth=1.2)
        _say(axes, " · ".join(map(number, found)), place, max(found))

    def _scale(self, axes: Axes, row: Row) -> None:
        better = "more is better" if row.better == "more" else "less is better"
        if self._unit == "ms":
            better += "; ● p50, ◆ p99, | longest"
        lowest = min(self._values, default=0.0)
        if lowest > 0 and max(self._values) > _SPREAD * lowest:
            axes.set_xscale("log")
            axes.set_xlim(left=lowest / 3)
            better += "; logarithmic"
        elif self._values:
            axes.set_xlim(left=min(0.0, 1.1 * lowest))
        axes.set_xlim(right=axes.get_xlim()[1] * (3 if axes.get_xscale() == "log" else 1.12))
        axes.set_xlabel(f"{self._unit} ({better})", fontsize=8)
        axes.tick_params(axis="x", labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)


def _say(axes: Axes, text: str, place: float, value: float | None = None) -> None:
    """Write right behind a value, or at the left edge."""
    transform = axes.transData if value is not None else axes.get_yaxis_transform()
    axes.annotate(
        text,
        (value or 0.0, place),
        xycoords=transform,
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
    )
