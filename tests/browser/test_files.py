"""The page's files, without a browser: everything they refer to is there, and nothing is inline."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from .fake_hub import STATIC

PAGES = ["index.html", "signin.html"]
MODULES = sorted(path.name for path in STATIC.glob("*.js"))
FILES = sorted(path.name for path in STATIC.iterdir())
MAX_LINES = 300


class References(HTMLParser):
    """What a page loads, and what its policy would forbid."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.forbidden: list[str] = []
        self._tag = ""
        self.feed((STATIC / name).read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        for name, value in attrs:
            if name in ("src", "href"):
                self.loaded.append(value or "")
            if name == "style" or name.startswith("on"):
                self.forbidden.append(f"{tag} {name}")

    def handle_data(self, data: str) -> None:
        if self._tag in ("script", "style") and data.strip():
            self.forbidden.append(data.strip())


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_only_files_that_are_there_by_relative_addresses(name: str) -> None:
    loaded = References(name).loaded
    assert loaded
    for address in loaded:
        assert address.startswith("static/"), address
        assert address.removeprefix("static/") in FILES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_neither_script_nor_style_in_it(name: str) -> None:
    assert References(name).forbidden == []


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_its_neighbours(name: str) -> None:
    text = (STATIC / name).read_text("utf-8")
    for address in re.findall(r"^import .*?from \"(.*?)\";$", text, re.MULTILINE):
        assert address.removeprefix("./") in MODULES
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)


def test_the_client_imports_nothing() -> None:
    assert "\nimport " not in (STATIC / "client.js").read_text("utf-8")


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_short(name: str) -> None:
    assert len((STATIC / name).read_text("utf-8").splitlines()) < MAX_LINES
