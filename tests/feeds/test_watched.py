"""Names, patterns and directories → files, and how far they were read across restarts."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from gapless.errors import ConfigError
from gapless.feeds.files import Mark
from gapless.feeds.positions import Positions, Sending, default_path
from gapless.feeds.sent import Reached
from gapless.feeds.watched import Changes, Watched

from ..support.until import DEADLINE
from .test_files import append


def read(watched: Watched, seconds: float) -> dict[str, list[str]]:
    """What each file gives, by its name, after a look at that time."""
    watched.look(seconds)
    found = {
        path.name: [line for _ in range(5) for line in file.read()] for path, file in watched.files.items()
    }
    return {name: lines for name, lines in found.items() if lines}


def test_a_pattern_takes_what_is_there_from_its_end_and_what_comes_from_its_start(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "old\n")
    append(tmp_path / "a.txt", "other\n")
    watched = Watched([str(tmp_path / "*.log")])
    append(tmp_path / "a.log", "new\n")
    append(tmp_path / "b.log", "first\n")
    assert read(watched, 10.0) == {"a.log": ["new"], "b.log": ["first"]}
    watched.close()


def test_a_directory_stands_for_its_files_but_for_what_is_packed(tmp_path: Path) -> None:
    append(tmp_path / "a", "one\n")
    append(tmp_path / "a.1.gz", "packed\n")
    (tmp_path / "below").mkdir()
    watched = Watched([str(tmp_path)], from_start=True)
    assert read(watched, 10.0) == {"a": ["one"]}
    assert watched.directories == {tmp_path}
    watched.close()


def test_what_a_pattern_finds_of_a_rotation_is_not_read_twice(tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(100)]
    append(tmp_path / "a.log", "\n".join(lines) + "\n")
    watched = Watched([str(tmp_path / "a.log*")], from_start=True)
    assert read(watched, 10.0) == {"a.log": lines}
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    append(tmp_path / "a.log", "new\n")
    assert read(watched, 20.0) == {"a.log": ["new"]}
    shutil.copyfile(tmp_path / "a.log.1", tmp_path / "a.log.copy")
    assert read(watched, 30.0) == {}
    watched.close()


def test_a_name_with_a_star_in_it_that_exists_is_meant_itself(tmp_path: Path) -> None:
    append(tmp_path / "a*.log", "one\n")
    append(tmp_path / "ab.log", "two\n")
    watched = Watched([str(tmp_path / "a*.log")], from_start=True)
    assert read(watched, 10.0) == {"a*.log": ["one"]}
    watched.close()


def test_positions_survive_a_restart(tmp_path: Path) -> None:
    log, state = tmp_path / "a.log", tmp_path / "deep" / "state.json"
    append(log, "one\n")
    positions = Positions(state)
    assert positions.of(log) is None
    watched = Watched([str(log)], from_start=True)
    assert read(watched, 1.0) == {"a.log": ["one"]}
    reached = Reached(watched.files[log].marks(), 7)
    positions.set(log, reached)
    positions.save()
    watched.close()
    append(log, "two\n")
    assert Positions(state).of(log) == reached
    watched = Watched([str(log)], marks=lambda path: reached.marks)
    assert read(watched, 1.0) == {"a.log": ["two"]}
    watched.close()


def test_what_is_under_way_survives_as_it_was_written(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    positions = Positions(state)
    sending = Sending("a b", "key-1", [b'{"n":12345678901234567890123}', '"ä"'.encode(), b"1.0"])
    positions.sending = sending
    positions.save()
    known = Positions(state)
    assert known.sending == sending
    known.sending = None
    known.save()
    assert Positions(state).sending is None


def test_positions_of_the_last_version_are_read(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text(
        '{"gapless": 1, "files": {"/a.log": [{"device": 1, "inode": 2, "offset": 3, "head": "6f"}]}}'
    )
    positions = Positions(state)
    assert positions.of(Path("/a.log")) == Reached([Mark(1, 2, 3, b"o")], 0)
    assert positions.sending is None


def test_a_file_that_was_not_there_in_an_earlier_life_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, "one\n")
    watched = Watched([str(log)], marks=lambda path: [])
    assert read(watched, 1.0) == {"a.log": ["one"]}
    watched.close()


def test_what_a_pattern_finds_that_came_since_an_earlier_life_is_read_from_its_start(tmp_path: Path) -> None:
    log, state, pattern = tmp_path / "a.log", tmp_path / "state", str(tmp_path / "*.log*")
    append(log, "old\n")
    with contextlib.closing(Watched([pattern])) as watched:
        assert read(watched, 10.0) == {}
        before = Positions(state)
        before.follow(watched.patterns)
        before.set(log, Reached(watched.files[log].marks(), 0))
        before.save()
    shutil.copyfile(log, tmp_path / "a.log.1")  # as a rotation does, of which nothing is new
    append(tmp_path / "b.log", "first\n")
    known = Positions(state)

    def marks(path: Path) -> list[Mark] | None:
        reached = known.of(path)
        return None if reached is None else list(reached.marks)

    with contextlib.closing(Watched([pattern], marks=marks, came_since=known.came_since)) as watched:
        assert read(watched, 10.0) == {"b.log": ["first"]}
    other = str(tmp_path / "*")
    with contextlib.closing(Watched([other], marks=marks, came_since=known.came_since)) as watched:
        assert "b.log" not in read(watched, 10.0)  # nobody looked for it before


def test_a_file_that_holds_something_else_is_not_overwritten(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text("my diary")
    with pytest.raises(ConfigError, match="--state"):
        Positions(state)
    assert state.read_text() == "my diary"


def test_positions_are_kept_apart_by_what_is_followed_and_to_where(tmp_path: Path) -> None:
    one = default_path(["a.log"], "logs", "http://h")
    assert one == default_path([str(Path("a.log").absolute())], "logs", "http://h")
    assert (
        len({one, default_path(["b.log"], "logs", "http://h"), default_path(["a.log"], "l", "http://h")}) == 3
    )


def test_a_change_in_a_directory_is_told_at_once(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    told = threading.Event()
    changes = Changes([tmp_path], told.set)
    deadline = time.monotonic() + DEADLINE
    number = 0
    while not told.is_set():  # the system may not watch yet when the first one comes
        assert time.monotonic() < deadline
        number += 1
        append(tmp_path / "a.log", f"{number}\n")
        told.wait(0.05)
    changes.close()


def test_where_nothing_tells_of_changes_nothing_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Changes([], lambda: None).close()
    Changes([tmp_path / "gone"], lambda: None).close()
    monkeypatch.setitem(sys.modules, "watchfiles", None)  # as where it is not installed
    Changes([tmp_path], lambda: None).close()
