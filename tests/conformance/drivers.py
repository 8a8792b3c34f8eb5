"""Runs a driver, a program that plays scenarios with one official client, and reads what it reports."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SECONDS = 150.0
"""All scenarios of one driver, on a machine that is busy with other things."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one scenario ended over one transport. `error` is None when the server conforms."""

    transport: str
    scenario: str
    seconds: float
    error: str | None
    frames: Sequence[str]

    def judge(self) -> None:
        """Fail the test with the client's error and the last frames, if the server did not conform."""
        if self.error is not None:
            exchanged = "\n".join(f"    {frame}" for frame in self.frames)
            pytest.fail(
                f"{self.transport}: {self.scenario}\n{self.error}\nframes:\n{exchanged}", pytrace=False
            )


@dataclass(frozen=True, slots=True)
class Report:
    """What a driver said: what it was going to play, and how each ended.

    `errors_inside` is how many exceptions the server did not expect, whatever its clients saw of them.
    """

    plan: frozenset[tuple[str, str]]
    outcomes: Sequence[Outcome]
    errors_inside: int = 0

    @classmethod
    def parse(cls, said: str) -> Report:
        plan: frozenset[tuple[str, str]] = frozenset()
        outcomes: list[Outcome] = []
        for line in map(json.loads, said.splitlines()):
            if "plan" in line:
                plan = frozenset((transport, scenario) for transport, scenario in line["plan"])
            else:
                outcomes.append(Outcome(**line))
        return cls(plan, outcomes)

    def of(self, transport: str) -> list[Outcome]:
        """The outcomes over one transport. Raises AssertionError when one that was planned is missing."""
        found = [outcome for outcome in self.outcomes if outcome.transport == transport]
        planned = {scenario for planned_for, scenario in self.plan if planned_for == transport}
        assert planned, f"the driver planned nothing for {transport}"
        assert {outcome.scenario for outcome in found} == planned
        return found


def run(command: Sequence[str], environment: Mapping[str, str]) -> Report:
    """Play a driver to its end. Raises AssertionError when it fails as a program."""
    done = subprocess.run(
        command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, f"{command[:4]} ended with {done.returncode}:\n{done.stderr[-4000:]}"
    return Report.parse(done.stdout)
