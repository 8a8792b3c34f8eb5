"""How far files were read, in a file that a restart goes on from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gapless import ConfigError
from gapless.feeds.files import Mark
from gapless.feeds.positions import Positions, Sending, default_path
from gapless.feeds.sent import Reached

LOG = Path("/var/log/a.log")
REACHED = Reached([Mark(1, 2, 300, b"\xff head"), Mark(1, 3, 0, b"")], 7)


def test_what_was_saved_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "state.json"
    kept = Positions(path)
    kept.set(LOG, REACHED)
    kept.set(Path("/var/log/\udcff.log"), Reached([], 1))
    kept.sending = Sending("logs", "key", [b'{"n": 12345678901234567890123}'])
    kept.save()
    again = Positions(path)
    assert again.of(LOG) == REACHED
    assert again.of(Path("/var/log/\udcff.log")) == Reached([], 1)
    assert again.of(tmp_path) is None
    assert again.sending == Sending("logs", "key", [b'{"n": 12345678901234567890123}'])


def test_what_did_not_change_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    kept = Positions(path)
    kept.save()
    assert not path.exists()
    kept.set(LOG, REACHED)
    kept.save()
    path.unlink()
    kept.set(LOG, REACHED)
    kept.sending = None
    kept.save()
    assert not path.exists()


def test_a_disk_that_is_full_leaves_the_old_file_and_no_half_of_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    kept = Positions(path)
    kept.set(LOG, REACHED)
    kept.save()
    before = path.read_bytes()
    path.unlink()
    path.mkdir()
    kept.set(LOG, Reached([], 8))
    with pytest.raises(OSError, match=r"state\.json"):
        kept.save()
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]
    path.rmdir()
    kept.save()
    assert path.read_bytes() != before
    assert Positions(path).of(LOG) == Reached([], 8)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files":{"a":1}}', '{"files":{"a":[{"device":1}]}}'])
def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"state\.json holds no positions; name another file with --state"):
        Positions(path)
    assert path.read_text() == text


def test_so_is_one_that_may_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name another file with --state"):
        Positions(tmp_path)


def test_a_file_of_the_last_version_held_marks_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    mark = {"device": 1, "inode": 2, "offset": 3, "head": "ff"}
    path.write_text(json.dumps({"files": {str(LOG): [mark]}}))
    assert Positions(path).of(LOG) == Reached([Mark(1, 2, 3, b"\xff")], 0)


def test_each_following_has_a_file_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = default_path(["b.log", "a.log"], "logs", "http://h")
    assert path.parent == tmp_path / "gapless"
    assert path == default_path(["a.log", "b.log"], "logs", "http://h"), "in whatever order they are named"
    assert path != default_path(["a.log"], "logs", "http://h")
    assert path != default_path(["a.log", "b.log"], "other", "http://h")
    assert path != default_path(["a.log", "b.log"], "logs", "http://g")
