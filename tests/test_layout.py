"""Where tests are: beside each module that has behaviour, in the directory of its room."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "src" / "gapless"

ELSEWHERE: dict[str, str] = {
    # Contracts, records and files that are read: nothing in them could break by itself.
    "brokers/base.py": "brokers/test_contract.py",
    "brokers/redis/scripts.py": "brokers/redis/test_broker.py",
    "protocol/centrifuge/messages.py": "protocol/centrifuge/test_schema.py",
}
"""Modules without a test file beside them, by name or pattern, and what tests them. It may only shrink."""


def has_behaviour(path: Path) -> bool:
    """Does it define anything, and is it written by hand?"""
    if path.name == "client_pb2.py":
        return False
    tree = ast.parse(path.read_text())
    return any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in ast.walk(tree))


MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if has_behaviour(PACKAGE / path))


def is_tested(module: Path) -> bool:
    """`room/x.py` has `room/test_x.py`, `room/test_x_….py` or a directory `room/x/` with tests in it.

    A package's own module, `room/__init__.py`, has any test of the room; so has a module at the top.
    """
    if module.name == "__init__.py":
        return any((HERE / module.parent).glob("test_*.py"))
    beside = HERE / module.parent
    own = [beside / f"test_{module.stem}.py", *beside.glob(f"test_{module.stem}_*.py")]
    return any(path.exists() for path in own) or any((beside / module.stem).glob("test_*.py"))


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_has_its_tests_beside_it(module: Path) -> None:
    excused = any(fnmatchcase(str(module), name) for name in ELSEWHERE)
    assert is_tested(module) or excused, f"write tests/{module.parent}/test_{module.stem}.py"


def test_nothing_is_excused_that_needs_no_excuse() -> None:
    """Nor one that is gone."""
    untested = [str(module) for module in MODULES if not is_tested(module)]
    assert [name for name in ELSEWHERE if not any(fnmatchcase(module, name) for module in untested)] == []
    assert all((HERE / stands).exists() for stands in ELSEWHERE.values())


def test_every_room_of_the_tests_is_one_of_the_source_or_stands_for_all_of_it() -> None:
    across = {
        "attacks",
        "browser",
        "conformance",
        "faults",
        "properties",
        "simulation",
        "support",
        "variants",
    }
    rooms = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()} | across
    found = {path.name for path in HERE.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))}
    assert found <= rooms


def test_the_map_of_the_house_names_modules_that_exist_and_what_is_in_them() -> None:
    text = (HERE.parent / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?!tests/)[a-z_]+/[a-z_]+)(?:\.(?!py)([a-z_]+))?`(?: \(`([a-z_]+)`\))?", text)
    assert len(named) > 15
    wrong = []
    for place, inside, beside in named:
        path = PACKAGE / f"{place}.py"
        if not path.exists() or f"def {inside or beside}" not in path.read_text():
            wrong.append(place)
    assert wrong == []


HELD = {
    "circles": [0],
    "upward": [0],
    "starts": [1],
    "loops": [1],
    "methods": [17, 20, 12],
    "small": [14],
    "publish": [38, 26, 3],
    "reconnect": [145, 60, 3],
}
"""What each figure of the house may be at most: of `methods` those of Session, Hub and Node; of the
two traced ways calls across files, files, and pairs that call both ways."""


def test_the_figures_of_the_house_hold() -> None:
    tool = HERE.parent / "tools" / "figures.py"
    said = subprocess.run(
        [sys.executable, str(tool), *HELD], capture_output=True, text=True, check=True, timeout=120
    )
    found = {}
    for line in said.stdout.splitlines():
        name, _, figures = line.partition(" ")
        numbers = [
            int(number) for number in re.findall(r"\b\d+\b", figures.partition(";")[0].partition(":")[0])
        ]
        found[name] = numbers
    assert list(found) == list(HELD)
    assert {
        name: numbers
        for name, numbers in found.items()
        if len(numbers) != len(HELD[name]) or any(map(int.__gt__, numbers, HELD[name]))
    } == {}
