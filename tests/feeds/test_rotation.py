"""Every way in which a file is rotated, and no line of it lost."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gapless.feeds.files import FollowedFile
from gapless.feeds.rotation import siblings

from .test_files import append, everything


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    append(path, "")
    return path


def rotate(path: Path, keep: int = 5) -> None:
    """As logrotate does: app.log.2 becomes app.log.3, app.log.1 app.log.2, app.log app.log.1."""
    for number in range(keep, 0, -1):
        old = path.with_name(f"{path.name}.{number - 1}" if number > 1 else path.name)
        if old.exists():
            old.replace(path.with_name(f"{path.name}.{number}"))


def test_several_rotations_between_two_looks_lose_nothing(path: Path) -> None:
    file = FollowedFile(path)
    append(path, "zero\n")
    path.rename(path.with_name("app.log.2"))
    append(path, "a\n")
    path.rename(path.with_name("app.log.1"))
    append(path, "b\n")
    assert everything(file) == ["zero", "a", "b"]


def test_many_rotations_are_read_in_their_order(path: Path) -> None:
    file = FollowedFile(path)
    for number in range(5):
        append(path, f"{number}\n")
        rotate(path)
        append(path, "")
    append(path, "last\n")
    assert everything(file) == ["0", "1", "2", "3", "4", "last"]


def test_rotations_are_seen_while_nothing_is_read_and_nothing_is_lost_when_the_old_ones_are_deleted(
    path: Path,
) -> None:
    file = FollowedFile(path)
    expected = []
    for number in range(10):
        append(path, f"{number}\n")
        expected.append(str(number))
        rotate(path, keep=2)
        append(path, "")
        file.look()
    assert everything(file) == expected


def test_what_is_written_late_to_a_renamed_file_is_read(path: Path) -> None:
    file = FollowedFile(path)
    append(path, "one\n")
    rotate(path)
    append(path, "two\n")
    assert everything(file) == ["one", "two"]
    append(path.with_name("app.log.1"), "late\n")
    assert everything(file) == ["late"]
    append(path, "three\n")
    assert everything(file) == ["three"]


def test_what_stood_beside_it_before_is_not_read(path: Path) -> None:
    append(path.with_name("app.log.1"), "old\n")
    append(path.with_name("app.log.2.gz"), "packed\n")
    file = FollowedFile(path)
    rotate(path)
    append(path, "new\n")
    assert everything(file) == ["new"]


def copytruncate(path: Path) -> None:
    shutil.copyfile(path, path.with_name("app.log.1"))
    os.truncate(path, 0)


def test_what_was_written_before_a_copytruncate_is_read_from_the_copy(path: Path) -> None:
    lost: list[str] = []
    file = FollowedFile(path, lost=lost.append)
    append(path, "one\n")
    assert everything(file) == ["one"]
    append(path, "two\nhal")
    copytruncate(path)
    append(path, "three\n")
    assert everything(file) == ["two", "hal", "three"]
    assert lost == []


def test_a_copy_is_not_read_a_second_time_when_the_file_is_renamed_later(path: Path) -> None:
    file = FollowedFile(path)
    lines = [f"line {number:04}" for number in range(100)]
    append(path, "\n".join(lines) + "\n")
    assert everything(file) == lines
    shutil.copyfile(path, path.with_name("app.log.copy"))
    path.rename(path.with_name("app.log.1"))
    append(path, "new\n")
    assert everything(file) == ["new"]


def test_a_cut_without_a_copy_is_told(path: Path) -> None:
    lost: list[str] = []
    file = FollowedFile(path, lost=lost.append)
    append(path, "one\n")
    assert everything(file) == ["one"]
    os.truncate(path, 0)
    append(path, "2\n")
    assert everything(file) == ["2"]
    assert lost == [f"{path} was cut off or rewritten; what stood in it unread is missing"]


def test_a_writer_that_does_not_append_leaves_a_hole_and_no_row_of_it(path: Path) -> None:
    lost: list[str] = []
    file = FollowedFile(path, lost=lost.append)
    with path.open("wb", buffering=0) as writer:
        writer.write(b"x" * 200_000 + b"\n")
        assert [len(line) for line in everything(file)] == [200_000]
        os.truncate(path, 0)
        writer.write(b"after\n")
        assert everything(file) == ["after"]
        writer.write(b"more\n")
        assert everything(file) == ["more"]
    assert any("has a hole" in line for line in lost)


def test_a_symlink_that_is_switched_is_followed(tmp_path: Path) -> None:
    one, two, link = tmp_path / "2026-11-27.log", tmp_path / "2026-11-28.log", tmp_path / "current"
    append(one, "one\n")
    link.symlink_to(one)
    file = FollowedFile(link, from_start=True)
    assert everything(file) == ["one"]
    append(one, "rest\n")
    append(two, "two\n")
    other = tmp_path / "other"
    other.symlink_to(two)
    other.replace(link)
    assert everything(file) == ["rest", "two"]


# -- a restart


def restarted(file: FollowedFile, lost: Callable[[str], None] = lambda line: None) -> FollowedFile:
    marks = file.marks()
    file.close()
    return FollowedFile(file.path, marks=marks, lost=lost)


def test_a_restart_goes_on_where_it_was_with_the_whole_of_a_begun_line(path: Path) -> None:
    file = FollowedFile(path)
    append(path, "one\nhal")
    assert everything(file) == ["one"]
    file = restarted(file)
    append(path, "f\ntwo\n")
    assert everything(file) == ["half", "two"]


def test_a_restart_reads_what_was_rotated_meanwhile(path: Path) -> None:
    file = FollowedFile(path)
    append(path, "one\n")
    assert everything(file) == ["one"]
    marks = file.marks()
    file.close()
    append(path, "two\n")
    for number in range(3):
        rotate(path)
        append(path, f"{number}\n")
    file = FollowedFile(path, marks=marks)
    assert everything(file) == ["two", "0", "1", "2"]


def test_a_file_that_is_gone_at_a_restart_is_told(path: Path) -> None:
    lost: list[str] = []
    file = FollowedFile(path)
    append(path, "one\n")
    assert everything(file) == ["one"]
    marks = file.marks()
    file.close()
    path.unlink()
    append(path, "new\n")
    file = FollowedFile(path, marks=marks, lost=lost.append)
    assert everything(file) == ["new"]
    assert len(lost) == 1
    assert "is gone; its rest is missing" in lost[0]


# -- at random


@pytest.mark.parametrize("seed", range(20))
def test_whatever_order_things_happen_in_each_line_comes_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "app.log"
    append(path, "")
    file = FollowedFile(path)
    written: list[str] = []
    found: list[str] = []
    for number in range(300):
        match chance.choice(["write", "write", "write", "read", "look", "rotate", "restart"]):
            case "write":
                append(path, f"line {number}\n")
                written.append(f"line {number}")
            case "read":
                found += file.read()
            case "look":
                file.look()
            case "rotate" if len(siblings(path)) < 90:
                rotate(path, keep=100)
                append(path, "")
            case "restart":
                file = restarted(file)
    found += everything(file)
    assert found == written, f"seed {seed}"
