"""Files are read when they are needed, and no more of them than a page needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless.demo.checkout import find_checkout
from gapless.demo.index import Entry
from gapless.demo.survey import Survey

from .trees.planted import Plant

FILES = {
    "a.py": "def ship(): ...\n",
    "b.py": "from a import ship\nship()\n",
    "c.py": "def other(): ...\n",
    "d.py": "x = 'no word of it: shipment'\n",
}


@pytest.fixture
def unread(plant: Plant) -> Survey:
    return Survey(find_checkout(plant(FILES)))


def entry_of(survey: Survey, file: str) -> Entry:
    module = survey.module(file)
    assert module is not None
    return Entry(module, module.definitions[0])


def test_a_page_has_those_read_that_mention_its_definition(unread: Survey) -> None:
    entry = entry_of(unread, "a.py")
    assert unread.prepare(entry, most_bytes=len(FILES["b.py"]))
    assert set(unread.modules) == {"a.py", "b.py"}
    assert [link.module.file for link in unread.index.uses_of(entry)] == ["b.py"]


def test_where_that_would_be_too_much_it_waits(unread: Survey) -> None:
    entry = entry_of(unread, "a.py")
    assert not unread.prepare(entry, most_bytes=len(FILES["b.py"]) - 1)
    assert set(unread.modules) == {"a.py"}


def test_what_is_left_is_read_in_portions_until_all_is(unread: Survey) -> None:
    first = list(unread.read(most_bytes=1))
    assert (first, unread.complete) == (["a.py"], False)
    assert list(unread.read()) == ["b.py", "c.py", "d.py"]
    assert unread.complete
    assert list(unread.read()) == []


def test_what_cannot_be_read_is_named_once_and_is_no_module(plant: Plant, tmp_path: Path) -> None:
    survey = Survey(find_checkout(plant({"a.py": "def (\n", "b.py": "x = 1\n"})))
    assert survey.module("a.py") is None
    assert survey.module("a.py") is None
    assert set(survey.unreadable) == {"a.py"}
    assert survey.module("nothing.py") is None
