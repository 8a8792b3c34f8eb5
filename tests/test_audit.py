"""What the audit of dependencies makes of what it is told."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "tools" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_dependency_that_names_a_version_has_a_floor(audit: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    assert len(list(audit.floors(project))) == sum(">=" in one for one in wanted) >= 20
    floors = audit.floors({"dependencies": ["a[b]>=1.2,<2"], "optional-dependencies": {"all": ["me[c]"]}})
    assert list(floors) == ["a==1.2"]


def test_a_hole_is_one_line_and_what_nobody_knows_is_counted_apart(audit: ModuleType) -> None:
    report = {
        "dependencies": [
            {"name": "sound", "version": "1", "vulns": []},
            {"name": "leaky", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1", "3"]}]},
            {"name": "hopeless", "version": "3", "vulns": [{"id": "CVE-2", "fix_versions": []}]},
            {"name": "foreign", "skip_reason": "not found"},
        ]
    }
    found = audit.judged(report)
    assert found.holes == ["leaky 2: CVE-1, mended in 2.1, 3", "hopeless 3: CVE-2, mended in no version"]
    assert (found.asked, found.unknown) == (4, 1)


@pytest.mark.parametrize("name", ["dev", "audit"])
def test_what_is_installed_is_known_by_its_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = text.replace(" \\\n", " ").splitlines()
    pin = re.compile(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.]+( +--hash=sha256:[0-9a-f]{64})+")
    assert len(pins) > 20
    assert [line for line in pins if not pin.fullmatch(line)] == []
