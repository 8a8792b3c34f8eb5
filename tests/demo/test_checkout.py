"""Which files of a checkout are read, and what it is called."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gapless.demo.checkout import Skipped, find_checkout
from gapless.errors import ConfigError

Plant = Callable[..., Path]
Git = Callable[..., None]

CODE = "def f(): pass\n"


def test_in_a_git_checkout_the_tracked_source_files_are_found_and_no_others(plant: Plant, git: Git) -> None:
    root = plant({"b.py": CODE, "a/c.py": CODE, "new.py": CODE, "read.me": "", "page.pyx": ""})
    git(root, "init")
    git(root, "add", "b.py", "a", "read.me", "page.pyx")
    found = find_checkout(root)
    assert (found.files, found.tracked, found.root) == (("a/c.py", "b.py"), True, root)


def test_a_directory_of_a_git_checkout_stands_for_that_part_of_it(plant: Plant, git: Git) -> None:
    root = plant({"src/b.py": CODE, "src/a/c.py": CODE, "tests/t.py": CODE})
    git(root, "init")
    git(root, "add", ".")
    found = find_checkout(root / "src")
    assert (found.files, found.root) == (("src/a/c.py", "src/b.py"), root)


def test_a_tracked_file_that_is_gone_is_not_missed(plant: Plant, git: Git) -> None:
    root = plant({"gone.py": CODE, "here.py": CODE})
    git(root, "init")
    git(root, "add", ".")
    (root / "gone.py").unlink()
    found = find_checkout(root)
    assert (found.files, found.skipped) == (("here.py",), ())


def test_without_git_the_directory_is_walked(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    root = plant({"b.py": CODE, "a/c.py": CODE})
    monkeypatch.setenv("PATH", "")
    found = find_checkout(root)
    assert (found.files, found.tracked) == (("a/c.py", "b.py"), False)


def test_where_git_tracks_no_source_the_directory_is_walked(plant: Plant, git: Git) -> None:
    root = plant({"vendor/lib/x.py": CODE, ".gitignore": "vendor/\n"})
    git(root, "init")
    git(root, "add", ".")
    found = find_checkout(root / "vendor" / "lib")
    assert (found.files, found.tracked, found.name) == (("x.py",), False, "lib")


def test_a_walk_leaves_out_what_nobody_wrote_here(plant: Plant) -> None:
    root = plant(
        {
            "a.py": CODE,
            ".hidden/b.py": CODE,
            "__pycache__/c.py": CODE,
            "node_modules/d/e.py": CODE,
            "env/pyvenv.cfg": "",
            "env/lib/f.py": CODE,
        }
    )
    assert find_checkout(root).files == ("a.py",)


def test_the_environment_of_a_git_hook_does_not_lead_to_another_repository(
    plant: Plant, git: Git, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = plant({"a.py": CODE})
    git(root, "init")
    git(root, "add", ".")
    git(tmp_path, "init", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert find_checkout(root).tracked


def test_a_repository_cannot_have_a_program_run(plant: Plant, git: Git, tmp_path: Path) -> None:
    root, trace = plant({"a.py": CODE}), tmp_path / "was-run"
    hook = tmp_path / "monitor"
    hook.write_text(f"#!/bin/sh\ntouch '{trace}'\n")
    hook.chmod(stat.S_IRWXU)
    git(root, "init")
    git(root, "add", ".")
    git(root, "config", "core.fsmonitor", str(hook))
    assert find_checkout(root).tracked
    assert not trace.exists()


@pytest.mark.parametrize(
    "address",
    [
        "https://user:secret@example.org/team/emporium.git",
        "git@example.org:team/emporium.git",
        "https://example.org/team/emporium/",
        "/srv/git/emporium/.git",
        "example.org:emporium",
    ],
)
def test_a_repository_is_called_what_its_origin_is_called(plant: Plant, git: Git, address: str) -> None:
    root = plant({"a.py": CODE, "pyproject.toml": '[project]\nname = "store"\n'})
    git(root, "init")
    git(root, "add", ".")
    git(root, "config", "remote.origin.url", address)
    assert find_checkout(root).name == "emporium"


@pytest.mark.parametrize(
    ("project", "name"),
    [
        ('[project]\nname = "store"\n', "store"),
        ('[project]\nname = "store\\n## of  all"\n', "store ## of all"),
        ("[project]\nname = 7\n", "shop"),
        ("[project]\nname = [\n", "shop"),
        ("project = 1\n", "shop"),
        (b"\xff", "shop"),
        ("[project]\n", "shop"),
        ("x = " + "[" * 5000, "shop"),
        (f'[project]\nname = "{"x" * 500}"\n', "x" * 99 + "…"),
    ],
)
def test_else_it_is_called_what_its_project_says_or_its_directory(
    plant: Plant, project: str | bytes, name: str
) -> None:
    root = plant({"a.py": CODE, "pyproject.toml": project})
    assert find_checkout(root).name == name


def test_a_path_that_does_not_exist_is_named_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere cannot be opened \(No such file.*name the directory"):
        find_checkout(tmp_path / "nowhere")


def test_a_file_is_no_checkout(plant: Plant) -> None:
    with pytest.raises(ConfigError, match=r"a\.py is a file: name the directory"):
        find_checkout(plant({"a.py": CODE}) / "a.py")


def test_a_directory_without_source_is_named_with_the_fix(plant: Plant) -> None:
    with pytest.raises(ConfigError, match=r"shop holds no source file: name a directory with any of \*\.py"):
        find_checkout(plant({"read.me": ""}))


def test_where_nothing_can_be_read_the_error_says_why(plant: Plant) -> None:
    root = plant({"read.me": ""})
    (root / "a.py").symlink_to("/dev/null")
    with pytest.raises(ConfigError, match=r"no source file; a\.py: a symbolic link: name"):
        find_checkout(root)


@pytest.mark.parametrize("tracked", [False, True])
def test_links_are_not_followed_and_pipes_not_waited_for(plant: Plant, git: Git, tracked: bool) -> None:
    root = plant({"a.py": CODE, "real/b.py": CODE})
    (root / "away.py").symlink_to("/etc/passwd")
    if tracked:
        git(root, "init")
        git(root, "add", ".")
        (root / "real" / "b.py").unlink()
        os.mkfifo(root / "real" / "b.py")
        skipped = (Skipped("away.py", "a symbolic link"), Skipped("real/b.py", "not a regular file"))
    else:
        (root / "pipe").mkdir()
        os.mkfifo(root / "pipe" / "p.py")
        (root / "loop").symlink_to(root)
        skipped = (Skipped("away.py", "a symbolic link"), Skipped("pipe/p.py", "not a regular file"))
    found = find_checkout(root)
    assert (found.tracked, found.skipped) == (tracked, skipped)
    assert found.files == (("a.py",) if tracked else ("a.py", "real/b.py"))


def test_a_tracked_directory_that_became_a_link_is_not_followed(
    plant: Plant, git: Git, tmp_path: Path
) -> None:
    root = plant({"a.py": CODE, "in/b.py": CODE})
    git(root, "init")
    git(root, "add", ".")
    (root / "in").rename(tmp_path / "out")
    (root / "in").symlink_to(tmp_path / "out")
    assert find_checkout(root).files == ("a.py",)


def test_a_name_that_is_not_utf8_is_skipped_and_shown(plant: Plant) -> None:
    root = plant({"a.py": CODE})
    try:
        open(os.fsencode(root) + b"/caf\xe9.py", "w").close()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert find_checkout(root).skipped == (Skipped("caf\ufffd.py", "its name is not UTF-8"),)


def test_a_directory_that_may_not_be_read_is_skipped(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    root, scandir = plant({"a.py": CODE, "closed/b.py": CODE}), os.scandir

    def scan(path: str) -> Any:  # root may read everything, and tests may run as root
        if path.endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    found = find_checkout(root)
    assert (found.files, found.skipped) == (("a.py",), (Skipped("closed", "Permission denied"),))


def test_the_number_of_files_is_bounded_and_the_rest_counted(plant: Plant) -> None:
    found = find_checkout(plant(dict.fromkeys(("c.py", "a.py", "d.py", "b.py"), CODE)), max_files=2)
    assert (found.files, found.left_out) == (("a.py", "b.py"), 2)
