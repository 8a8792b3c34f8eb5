"""The pictures of the dashboard in the documentation: they are of the page that is there."""

from __future__ import annotations

import importlib.util
import json
import struct
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "img"
NAMES = ("live", "board", "clients")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("screenshots", ROOT / "tools" / "screenshots.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_of_the_files_that_are_there(tool: ModuleType, name: str) -> None:
    taken = json.loads((IMAGES / "dashboard.json").read_text("utf-8"))
    assert taken[name] == tool.digest(name), f"the page changed: make screenshots, and look at {name}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_has_a_picture_in_both_themes(tool: ModuleType, name: str, theme: str) -> None:
    data = (IMAGES / f"dashboard-{name}-{theme}.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (tool.SIZE["width"], tool.SIZE["height"])


def test_two_of_them_stand_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert text.count("docs/img/dashboard-") >= 2


def test_spaces_and_comments_make_no_picture_old(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.css"
    monkeypatch.setattr(tool, "parts", lambda name: [path])
    path.write_text("a { color: red }\n")
    before = tool.digest("live")
    path.write_text("/* why */\n\n   a { color: red }   \n")
    assert tool.digest("live") == before
    path.write_text("a { color: blue }\n")
    assert tool.digest("live") != before
