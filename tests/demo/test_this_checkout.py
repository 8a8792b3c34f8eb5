"""A cycle over this very checkout: what must hold for every page of real code."""

from __future__ import annotations

import re
import threading
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from radon.complexity import cc_rank, cc_visit

import gapless
from gapless.demo.checkout import find_checkout
from gapless.demo.source import UnreadableSource, read_source
from gapless.demo.worker import EVENTS, STATS, Worker

PACKAGE = Path(gapless.__file__).parent
SECTIONS = ["Source", "Responsibility", "Public interface", "Collaborators", "How it fits"]


@pytest.fixture(scope="module")
def published() -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []

    def publish(channel: str, data: object) -> None:
        found.append((channel, data))

    Worker(PACKAGE, publish, interval=0, cycles=1).run(threading.Event())
    return found


@pytest.fixture(scope="module")
def documented(published: list[tuple[str, Any]]) -> list[Any]:
    return [data["data"] for channel, data in published if channel == EVENTS and data["type"] == "documented"]


@cache
def root() -> Path:
    return find_checkout(PACKAGE).root


@cache
def lines_of(file: str) -> tuple[str, ...]:
    return read_source(root(), file).lines


def split(page: str) -> tuple[str, str, dict[str, str]]:
    """The header, the source, and the other sections by title, whatever headings are quoted in fences."""
    header, _, rest = page.partition("\n## Source\n\n")
    sections: dict[str, list[str]] = {"Source": []}
    fence, title = "", "Source"
    for line in rest.split("\n"):
        ticks = re.match(r" *(`{3,})", line)
        if ticks is not None and fence in ("", line.strip()):
            fence = "" if fence else ticks[1]
        if not fence and line.startswith("## "):
            title = line.removeprefix("## ")
            sections[title] = []
        else:
            sections[title].append(line)
    source = "\n".join(sections.pop("Source")).strip("\n").split("\n")
    assert source[0].strip("`") == "python"
    assert source[-1] == source[0].removesuffix("python")
    return header, "\n".join(source[1:-1]), {name: "\n".join(text).strip() for name, text in sections.items()}


def test_there_are_pages_about_this_package(documented: list[Any]) -> None:
    found = {each["qualified"]: each for each in documented}
    assert found["gapless.errors.GaplessError"]["kind"] == "class"
    assert found["gapless.errors.GaplessError"]["repo"] == find_checkout(PACKAGE).name
    assert len(found) > 50


def test_every_page_has_its_header_and_all_sections_and_none_is_empty(documented: list[Any]) -> None:
    for each in documented:
        header, _, sections = split(each["page"])
        title = f"# {each['kind'].capitalize()} `{each['name']}`"
        origin = f"- **Repository:** {each['repo']}\n- **File:** `{each['file']}`\n- **Language:** Python\n"
        assert header.startswith(f"{title}\n\n- **Type:** "), each["qualified"]
        assert origin in header, each["qualified"]
        assert list(sections) == SECTIONS[1:], each["qualified"]
        assert all(sections.values()), each["qualified"]


def test_every_page_shows_exactly_the_lines_of_its_file(documented: list[Any]) -> None:
    for each in documented:
        header, source, _ = split(each["page"])
        span = re.search(r"\*\*Lines:\*\* (\d+)(?:–(\d+))? \((\d+) lines?\)", header)
        assert span is not None
        first, last = int(span[1]), int(span[2] or span[1])
        assert source.split("\n") == list(lines_of(each["file"])[first - 1 : last]), each["qualified"]
        assert (first <= each["line"], last, int(span[3])) == (True, each["end_line"], last - first + 1)


def test_every_complexity_is_what_radon_says_of_the_file(documented: list[Any]) -> None:
    said: dict[tuple[str, str, int], int] = {}
    for file in {each["file"] for each in documented}:
        for block in cc_visit("\n".join(lines_of(file))):
            said[file, block.name, block.lineno] = block.complexity
    for each in documented:
        complexity = said[each["file"], each["name"], each["line"]]
        assert each["complexity"] == complexity, each["qualified"]
        assert f"\n- **Complexity:** {complexity}, rank {cc_rank(complexity)}" in each["page"]


USER = re.compile(r" in `([^`]+)`, line (\d+): (?:constructed|called|raised|caught)$", re.MULTILINE)


def test_every_user_that_is_named_names_it_at_that_line(documented: list[Any]) -> None:
    checked = 0
    for each in documented:
        for file, line in USER.findall(split(each["page"])[2]["How it fits"]):
            renamed = any(f"{each['name']} as " in found for found in lines_of(file))
            assert renamed or each["name"] in lines_of(file)[int(line) - 1], (each["qualified"], file, line)
            checked += 1
    assert checked > 20


def test_the_totals_add_up(published: list[tuple[str, Any]], documented: list[Any]) -> None:
    [*_, totals] = [data for channel, data in published if channel == STATS]
    checkout = find_checkout(PACKAGE)
    readable = []
    for file in checkout.files:
        try:
            readable.append(read_source(checkout.root, file))
        except UnreadableSource:
            continue
    assert totals["files"] == len(checkout.files)
    assert totals["lines"] == sum(len(source.lines) for source in readable)
    assert totals["documented"] == len(documented) == sum(totals["by_rank"].values())
    assert totals["errors"] == len(checkout.files) - len(readable)
