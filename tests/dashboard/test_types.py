"""The page's modules under TypeScript: what their comments say of types holds where they use one another."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ..support.npm import installed, missing

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "tests" / "browser" / "node"

pytestmark = pytest.mark.node


def checked(config: Path) -> str:
    """What the compiler says, a line each."""
    node = shutil.which("node")
    if node is None:
        missing("node is missing: apt-get install nodejs")
    compiler = installed(PROJECT, "typescript/bin/tsc")
    done = subprocess.run(
        [node, compiler, "--project", config, "--pretty", "false"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout + done.stderr


def test_the_modules_keep_to_the_types_that_they_say() -> None:
    assert checked(PROJECT / "tsconfig.json") == ""


def test_a_module_that_does_not_is_found(tmp_path: Path) -> None:
    """The check looks at the page's own files, and at what they say in comments."""
    static = ROOT / "src" / "gapless" / "dashboard" / "static"
    (tmp_path / "wrong.js").write_text(
        f'import {{ make }} from "{static / "core" / "dom.js"}";\nmake("input").checked = "yes";\n'
    )
    (tmp_path / "tsconfig.json").write_text(
        f'{{"extends": "{PROJECT / "tsconfig.json"}", "include": ["{tmp_path}/*.js"]}}'
    )
    assert "Type 'string' is not assignable to type 'boolean'" in checked(tmp_path / "tsconfig.json")
