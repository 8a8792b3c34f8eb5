"""The figures of one run: a row per thing measured, a column per peer, a sample per round."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal

SECTIONS = {
    0: "Publishing",
    1: "Fan-out, one publication at a time, 128 B",
    2: "Fan-out under pressure, 128 B",
    3: "Latency, publish to read",
    4: "Many channels",
    5: "Idle memory",
    6: "Connecting",
    7: "With 1 % of the clients frozen and 10 % slow",
    8: "Subscribers in the same process",
    9: "Classes that hold connections: awaited broadcasts, 128 B",
    10: "Publications over HTTP, 128 B, 16 connections that are kept",
}

DISTURBED = 0.1
"""Share of a core from which on other processes are worth a note."""

STALLED = math.inf
"""The sample of something that came to a halt."""

Better = Literal["more", "less"]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is measured. `key` is stable across runs, `section` is one of `SECTIONS`."""

    key: str
    section: int
    label: str
    unit: str
    better: Better = "more"


@dataclass(frozen=True, slots=True)
class Cell:
    """All rounds of one peer in one row."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.samples)

    @property
    def low(self) -> float:
        return min(self.samples)

    @property
    def high(self) -> float:
        return max(self.samples)


@dataclass(slots=True)
class Sheet:
    """Everything a run found, in the order in which it was found."""

    peers: dict[str, str]
    """Name → label."""
    machine: dict[str, str]
    disturbance: list[float] = field(default_factory=list)
    """Per measurement: what processes that are not ours used of our two cores; 1.0 is one core."""
    settings: dict[str, Any] = field(default_factory=dict)
    _notes: dict[str, str] = field(default_factory=dict)
    _rows: dict[str, Row] = field(default_factory=dict)
    _samples: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, peer: str, row: Row, sample: float) -> None:
        """Keep one sample."""
        self._rows.setdefault(row.key, row)
        self._samples.setdefault((row.key, peer), []).append(sample)

    def note(self, subject: str, text: str) -> None:
        """Keep something that a reader of the figures must know; once per subject."""
        self._notes.setdefault(subject, text)

    @property
    def notes(self) -> list[str]:
        """What a reader must know."""
        notes = [f"{subject}: {text}" for subject, text in self._notes.items()]
        disturbed = [share for share in self.disturbance if share > DISTURBED]
        if disturbed:
            notes.append(
                f"disturbed: during {len(disturbed)} of {len(self.disturbance)} measurements other processes "
                f"used {DISTURBED:.0%} to {max(disturbed):.0%} of a core; repeat on a quiet machine"
            )
        return notes

    @property
    def rows(self) -> list[Row]:
        """Section by section, within it as found."""
        return sorted(self._rows.values(), key=lambda row: row.section)

    def cell(self, key: str, peer: str) -> Cell | None:
        """The samples of one peer in one row; None when it was not measured."""
        samples = self._samples.get((key, peer))
        return Cell(tuple(samples)) if samples else None

    def median(self, key: str, peer: str) -> float | None:
        cell = self.cell(key, peer)
        return cell.median if cell else None

    @property
    def measured(self) -> dict[str, str]:
        """The peers that have at least one figure, name → label."""
        found = {peer for _, peer in self._samples}
        return {name: label for name, label in self.peers.items() if name in found}

    def to_json(self) -> dict[str, Any]:
        """Plain data; a stalled sample is null."""
        return {
            "machine": self.machine,
            "settings": self.settings,
            "notes": self.notes,
            "peers": self.measured,
            "rows": [
                asdict(row)
                | {
                    "samples": {
                        peer: [None if math.isinf(sample) else sample for sample in cell.samples]
                        for peer in self.peers
                        if (cell := self.cell(row.key, peer))
                    }
                }
                for row in self.rows
            ],
        }
