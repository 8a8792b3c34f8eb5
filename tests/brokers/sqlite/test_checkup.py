"""What `gapless doctor` says of a file and of where it lies."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import NamedTuple

import pytest

from gapless.brokers.sqlite.address import Address
from gapless.brokers.sqlite.checkup import LITTLE_ROOM, checkup

from .opening import Open

pytestmark = pytest.mark.anyio


class Disk(NamedTuple):
    total: int
    used: int
    free: int


def found(address: Address, words: str) -> str:
    """The level of the one finding that holds these words."""
    (level,) = [f.level for f in checkup(address) if words in f"{f.what}: {f.advice}"]
    return level


def levels(address: Address) -> set[str]:
    return {finding.level for finding in checkup(address)}


async def test_one_in_use_is_sound_and_says_what_it_holds(open_store: Open, path: Path) -> None:
    harness = await open_store()
    await harness.fill("a", 3)
    assert levels(Address(path)) == {"ok"}
    assert found(Address(path), "3 publications in 1 channels") == "ok"


def test_one_that_is_not_there_yet_will_be_made(path: Path) -> None:
    assert levels(Address(path)) == {"ok"}
    assert found(Address(path), "it is made when the hub starts") == "ok"
    assert not path.exists()


def test_an_empty_file_is_one(path: Path) -> None:
    path.touch()
    assert found(Address(path), "0 publications") == "ok"


def test_a_directory_that_is_not_there_is_bad(path: Path) -> None:
    assert levels(Address(path.parent / "nowhere" / "app.db")) == {"bad"}


def test_what_belongs_to_another_program_or_is_no_database_is_bad(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    assert found(Address(path), "database of another program") == "bad"
    path.write_bytes(b"something else entirely" * 100)
    assert found(Address(path), "cannot be a store") == "bad"


async def test_publications_that_are_missing_are_bad(open_store: Open, path: Path) -> None:
    harness = await open_store()
    await harness.fill("a", 3)
    await harness.broker.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM publications WHERE offset = 2")
    connection.close()
    assert found(Address(path), "1 are missing") == "bad"


@pytest.mark.parametrize("which", ["app.db", "."])
def test_what_may_not_be_written_is_bad(path: Path, which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path.touch()
    kept = (path.parent / which).resolve()
    monkeypatch.setattr(os, "access", lambda asked, mode: Path(asked).resolve() != kept)
    assert found(Address(path), "may not be written") == "bad"


@pytest.mark.parametrize(
    ("free", "max_mib", "level"),
    [
        (LITTLE_ROOM - 1, None, "bad"),
        (LITTLE_ROOM, None, "ok"),
        (2 << 30, 1024, "ok"),
        (2 << 30, 4096, "note"),
    ],
)
def test_room_on_the_disk(
    path: Path, free: int, max_mib: int | None, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda where: Disk(free, 0, free))
    assert found(Address(path, max_mib=max_mib), "free on its disk") == level
