"""The page's files, without a browser: everything they refer to is there, and nothing is inline."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from .fake_hub import STATIC

PAGES = ["index.html", "signin.html"]
MODULES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js"))
FILES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())
MAX_LINES = 300
MAX_LINES_OF_THE_CLIENT = 420
"""Other people's pages import it, and nothing beside it."""
IMPORT = r"(?:^(?:import|export) .*?from |\bimport\()\"(.*?)\""


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
        if address == "" or address.startswith("#"):
            continue  # the page itself
        assert address.startswith("static/"), address
        assert address.removeprefix("static/") in FILES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_neither_script_nor_style_in_it(name: str) -> None:
    assert References(name).forbidden == []


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_files_that_are_there(name: str) -> None:
    path = STATIC / name
    text = path.read_text("utf-8")
    for address in re.findall(IMPORT, text, re.MULTILINE):
        assert address.startswith("."), address
        assert (path.parent / address).resolve().is_relative_to(STATIC)
        assert (path.parent / address).is_file(), address
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)


def test_every_module_is_reached_from_a_page_or_is_there_for_others() -> None:
    reached = {"app.js", "signin.js", "client.js", "element.js"}
    waiting = list(reached)
    while waiting:
        name = waiting.pop()
        for address in re.findall(IMPORT, (STATIC / name).read_text("utf-8"), re.MULTILINE):
            found = ((STATIC / name).parent / address).resolve().relative_to(STATIC).as_posix()
            if found not in reached:
                reached.add(found)
                waiting.append(found)
    assert set(MODULES) <= reached


def test_the_client_imports_nothing() -> None:
    assert "\nimport " not in (STATIC / "client.js").read_text("utf-8")


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_short(name: str) -> None:
    most = MAX_LINES_OF_THE_CLIENT if name == "client.js" else MAX_LINES
    assert len((STATIC / name).read_text("utf-8").splitlines()) < most
