"""Files that are followed while they are written, rotated and cut off."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from gapless.errors import ConfigError
from gapless.feeds.files import FollowedFile, Place, Seen, Step, next_step


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def everything(file: FollowedFile) -> list[str]:
    """What several reads give until nothing is left; bounded, so that a loop would fail the test."""
    found: list[str] = []
    for _ in range(50):
        lines = file.read()
        found += lines
        if not lines:
            lines = file.read()
            found += lines
            if not lines:
                return found
    raise AssertionError("it never came to rest")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.mark.parametrize(
    ("place", "size", "seam", "seen", "step"),
    [
        (None, 0, True, None, Step.WAIT),
        (None, 0, True, Seen(1, 7, 0), Step.OPEN),
        (Place(1, 7, 10), 10, True, Seen(1, 7, 10), Step.WAIT),
        (Place(1, 7, 10), 12, True, Seen(1, 7, 12), Step.READ),
        (Place(1, 7, 10), 12, True, Seen(1, 8, 3), Step.READ),
        (Place(1, 7, 12), 12, True, Seen(1, 8, 3), Step.ROTATE),
        (Place(1, 7, 12), 12, True, Seen(2, 7, 12), Step.ROTATE),
        (Place(1, 7, 12), 12, True, None, Step.WAIT),
        (Place(1, 7, 12), 3, True, Seen(1, 7, 3), Step.REWIND),
        (Place(1, 7, 12), 40, False, Seen(1, 7, 40), Step.REWIND),
    ],
)
def test_the_next_step_follows_from_what_was_read_and_what_is_there(
    place: Place | None, size: int, seam: bool, seen: Seen | None, step: Step
) -> None:
    assert next_step(place, size, seam, seen) is step


def test_it_begins_at_the_end_and_reads_what_is_added(path: Path) -> None:
    append(path, "old\n")
    file = FollowedFile(path)
    assert everything(file) == []
    append(path, "new\nnewer\n")
    assert everything(file) == ["new", "newer"]


def test_it_can_begin_at_the_start(path: Path) -> None:
    append(path, "old\n")
    assert everything(FollowedFile(path, from_start=True)) == ["old"]


def test_a_line_that_is_being_written_comes_whole(path: Path) -> None:
    append(path, "old\nhalf")
    file = FollowedFile(path)
    assert everything(file) == []
    append(path, " and")
    assert everything(file) == []
    append(path, " half\n")
    assert everything(file) == ["half and half"]


def test_a_file_that_appears_later_is_read_from_its_start(path: Path) -> None:
    file = FollowedFile(path)
    assert everything(file) == []
    append(path, "first\n")
    assert everything(file) == ["first"]


def test_after_a_rotation_the_old_file_is_read_to_its_end_first(path: Path) -> None:
    append(path, "")
    file = FollowedFile(path)
    append(path, "one\n")
    path.rename(path.with_suffix(".1"))
    append(path.with_suffix(".1"), "two\nthree")
    append(path, "four\n")
    assert everything(file) == ["one", "two", "three", "four"]
    assert file.rewound == 0


def test_between_two_files_of_a_rotation_the_old_one_is_kept(path: Path) -> None:
    append(path, "")
    file = FollowedFile(path)
    path.rename(path.with_suffix(".1"))
    append(path.with_suffix(".1"), "late\n")
    assert everything(file) == ["late"]
    append(path, "new\n")
    assert everything(file) == ["new"]


def test_a_truncated_file_is_read_from_its_start(path: Path) -> None:
    append(path, "a long line\n")
    file = FollowedFile(path)
    path.write_text("")
    append(path, "new\n")
    assert everything(file) == ["new"]
    assert file.rewound == 1


def test_a_file_rewritten_to_the_same_length_or_more_is_noticed(path: Path) -> None:
    append(path, "one\ntwo\n")
    file = FollowedFile(path)
    path.write_text("uno\ndue\ntre\n")
    assert everything(file) == ["uno", "due", "tre"]
    assert file.rewound == 1


@pytest.mark.parametrize(("mark", "encoding"), [(b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")])
def test_utf16_is_read_from_anywhere_and_a_restart_goes_on_in_it(
    path: Path, mark: bytes, encoding: str
) -> None:
    def write(text: str) -> None:
        with path.open("ab") as file:
            file.write(text.encode(encoding))

    path.write_bytes(mark)
    write("old ĊĀ\nbeg")  # characters with a byte that is a line break elsewhere
    with closing(FollowedFile(path)) as file:
        write("un\nnext ä😀\nha")
        assert everything(file) == ["begun", "next ä😀"]
        marks = file.marks()
    write("lf\n")
    with closing(FollowedFile(path, marks=marks)) as file:
        assert everything(file) == ["half"]
        with path.open("ab") as out:
            out.write("odd".encode(encoding)[:3])
        assert everything(file) == []
        marks = file.marks()
    with path.open("ab") as out:
        out.write("odd\n".encode(encoding)[3:])
    with closing(FollowedFile(path, marks=marks)) as file:
        assert everything(file) == ["odd"]
    with closing(FollowedFile(path, from_start=True)) as file:
        assert everything(file) == ["old ĊĀ", "begun", "next ä😀", "half", "odd"]


def test_a_file_larger_than_one_turn_is_read_completely(path: Path) -> None:
    lines = [f"line {number:06}" for number in range(60_000)]
    file = FollowedFile(path)
    append(path, "\n".join(lines) + "\n")
    assert everything(file) == lines


def test_directories_and_pipes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a regular file"):
        FollowedFile(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="gapless pipe"):
        FollowedFile(tmp_path / "pipe")


def test_closing_gives_the_descriptor_back(path: Path) -> None:
    append(path, "x\n")
    before = len(os.listdir("/dev/fd"))
    file = FollowedFile(path)
    assert len(os.listdir("/dev/fd")) == before + 1
    file.close()
    assert len(os.listdir("/dev/fd")) == before
