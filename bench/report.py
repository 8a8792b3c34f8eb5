"""The figures as text: one Markdown table, the ratios, the machine, and everything again as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from .bars import verdicts
from .sheet import SECTIONS, Cell, Sheet


def write(sheet: Sheet, folder: Path) -> list[Path]:
    """Write `results.json` and `results.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    as_json, as_markdown = folder / "results.json", folder / "results.md"
    as_json.write_text(json.dumps(sheet.to_json(), indent=1, ensure_ascii=False) + "\n")
    as_markdown.write_text(markdown(sheet))
    return [as_json, as_markdown]


def markdown(sheet: Sheet) -> str:
    """The whole report."""
    rounds = sheet.settings.get("rounds", 1)
    parts = [
        "# Gapless: benchmark\n",
        _table([("", ""), *sheet.machine.items()])
        + f"\nMedians of {rounds} rounds, in brackets the lowest and the highest. Server and load generator "
        "are separate processes, each pinned to its own core. No compression and no pings anywhere.\n",
        figures(sheet),
    ]
    ratios = verdicts(sheet)
    if ratios:
        parts.append("## Ratios within this run\n")
        parts.append(
            _table(
                [("", "", "value", "wanted", "")]
                + [
                    (
                        sheet.peers[verdict.peer],
                        verdict.bar.label,
                        f"{verdict.value:.2f}",
                        verdict.bar.wanted,
                        "met" if verdict.met else "**missed**",
                    )
                    for verdict in ratios
                ]
            )
        )
    if sheet.notes:
        parts.append("## Notes\n")
        parts.append("".join(f"* {note}\n" for note in sheet.notes))
    return "\n".join(parts)


def figures(sheet: Sheet) -> str:
    """The one table: rows by section, a column per peer."""
    peers = sheet.measured
    lines: list[tuple[str, ...]] = [("", "unit", *peers.values())]
    section = None
    for row in sheet.rows:
        if row.section != section:
            section = row.section
            lines.append((f"**{SECTIONS[section]}**", "", *("" for _ in peers)))
        cells = (_cell(sheet.cell(row.key, peer)) for peer in peers)
        lines.append((row.label, row.unit, *cells))
    return _table(lines)


def number(value: float) -> str:
    """Three digits that matter, in the form that is read fastest."""
    if math.isinf(value):
        return "stalled"
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    if value >= 1e4:
        return f"{value / 1e3:.0f} k"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    if len(cell.samples) == 1:
        return number(cell.median)
    return f"{number(cell.median)} ({number(cell.low)}–{number(cell.high)})"


def _table(lines: Sequence[Sequence[str]]) -> str:
    """Markdown, padded so that it reads as well in a terminal."""
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(lines[0]))]
    padded = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([padded[0], rule, *padded[1:]]) + "\n"
