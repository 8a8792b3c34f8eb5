"""Asks whether what is installed, and the oldest that may be, has holes that are known.

python tools/audit.py      the pins of requirements/dev.txt and the floors of pyproject.toml
                           exits with 1 when one of them has; says so when nobody could be asked
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent

_FLOOR = re.compile(r"([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?>=([0-9.]+)")


class Judged(NamedTuple):
    """What a report of pip-audit says: one line for each hole, and how many nobody could say anything of."""

    holes: list[str]
    asked: int
    unknown: int


def floors(project: dict[str, Any]) -> Iterator[str]:
    """The oldest versions that a `[project]` table allows, as pins."""
    for one in chain(project["dependencies"], *project["optional-dependencies"].values()):
        if (match := _FLOOR.match(one)) is not None:
            yield f"{match[1]}=={match[2]}"


def judged(report: dict[str, Any]) -> Judged:
    """Read what `pip-audit -f json` wrote."""
    holes, unknown = [], 0
    for one in report["dependencies"]:
        if "skip_reason" in one:
            unknown += 1
        for hole in one.get("vulns", ()):
            mended = ", ".join(hole["fix_versions"]) or "no version"
            holes.append(f"{one['name']} {one['version']}: {hole['id']}, mended in {mended}")
    return Judged(holes, len(report["dependencies"]), unknown)


def audit(requirements: Path) -> Judged:
    """Ask about pins. Raises RuntimeError when pip-audit itself fails."""
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "-f", "json"]
    said = subprocess.run([*command, "-r", str(requirements)], capture_output=True, text=True, check=False)
    if not said.stdout:
        raise RuntimeError(said.stderr.strip().rpartition("\n")[2] or "pip-audit said nothing")
    return judged(json.loads(said.stdout))


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with tempfile.TemporaryDirectory() as directory:
        oldest = Path(directory) / "floors.txt"
        oldest.write_text("\n".join(sorted(set(floors(project)))) + "\n")
        holes = 0
        for what, requirements in (("pins", ROOT / "requirements" / "dev.txt"), ("floors", oldest)):
            try:
                found = audit(requirements)
            except RuntimeError as error:
                print(f"{what}: nobody could be asked: {error}")
                continue
            answered = found.asked - found.unknown
            print(
                f"{what}: {len(found.holes)} holes in {answered}; nobody could be asked about {found.unknown}"
            )
            print(*(f"  {hole}" for hole in found.holes), sep="\n", end="\n" if found.holes else "")
            holes += len(found.holes)
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
