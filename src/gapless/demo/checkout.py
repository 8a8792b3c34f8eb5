"""A checkout: which source files it holds, and what it is called."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError
from .language import clipped
from .languages import SUFFIXES, language_named, language_of

MAX_FILES = 20_000
"""Source files of one checkout that are read; the rest is counted and left out."""

MAX_NAME = 100
"""Characters of a repository's name; a longer one ends in an ellipsis."""

GIT_SECONDS = 30.0
"""How long one call of git may take; then the directory is walked instead."""

_NOT_SOURCE = {"__pycache__", "node_modules"}


class Skipped(NamedTuple):
    """A path that is not read, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """The source files below one directory.

    `files` are sorted, relative to `root` and separated by `/`. They were regular files when
    they were listed: no symbolic links, no pipes.
    """

    root: Path
    name: str
    files: tuple[str, ...]
    tracked: bool
    """Did git list them? Otherwise the directory was walked."""
    skipped: tuple[Skipped, ...] = ()
    left_out: int = 0
    """How many files lie beyond the bound."""


def find_checkout(path: Path, *, max_files: int = MAX_FILES) -> Checkout:
    """List the source files that git tracks below `path`, or all that are there.

    A directory inside a git checkout stands for that part of it: file names stay relative to
    the checkout's root. Where git is missing, fails, or tracks no source, the directory is walked,
    without hidden directories, virtual environments and `node_modules`.

    Raises:
        ConfigError: there is no such directory, or no source in it.
    """
    try:
        top = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"{path} cannot be opened ({_why(error)}): name the directory of a checkout"
        ) from error
    if not top.is_dir():
        raise ConfigError(f"{path} is a file: name the directory of the checkout that holds it")
    found = _tracked(top, max_files) or _walked(top, max_files)
    if not found.files:
        reasons = "".join(f"; {file}: {reason}" for file, reason in found.skipped[:3])
        known = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
        raise ConfigError(f"{path} holds no source file{reasons}: name a directory with any of {known} in it")
    return found


def _tracked(top: Path, max_files: int) -> Checkout | None:
    shown = _git(top, "rev-parse", "--show-toplevel")
    listed = _git(top, "ls-files", "-z", "--full-name", "--", *(f"*{suffix}" for suffix in SUFFIXES))
    if not shown or not listed:
        return None
    root = Path(os.fsdecode(shown.removesuffix(b"\n"))).resolve()
    # A file in conflict is listed once per side.
    names = sorted({os.fsdecode(name) for name in listed.split(b"\0") if name})
    found = _regular(root, names, [])
    if not found[0]:
        return None
    remote = _git(top, "config", "--get", "remote.origin.url") or b""
    name = _repository(remote) or _project(root) or root.name
    return _checkout(root, name, found, tracked=True, max_files=max_files)


def _walked(top: Path, max_files: int) -> Checkout:
    skipped: list[Skipped] = []
    names = sorted(_walk(top, skipped))
    found = _regular(top, names, skipped)
    return _checkout(top, _project(top) or top.name, found, tracked=False, max_files=max_files)


def _checkout(
    root: Path, name: str, found: tuple[list[str], list[Skipped]], *, tracked: bool, max_files: int
) -> Checkout:
    files, skipped = found
    left_out = max(0, len(files) - max_files)
    name = clipped(" ".join(_utf8(name).split()), MAX_NAME) or "unnamed"
    return Checkout(root, name, tuple(files[:max_files]), tracked, tuple(skipped), left_out)


def _git(directory: Path, *arguments: str) -> bytes | None:
    """What git prints; None when it is missing, fails or takes too long."""
    git = shutil.which("git")
    if git is None:
        return None
    # A repository may name a program as its fsmonitor, and a hook that starts us sets GIT_DIR.
    command = [git, "-C", str(directory), "-c", "core.fsmonitor=false", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 -- no shell, fixed words
            command, capture_output=True, check=True, env=environment, timeout=GIT_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _repository(remote: bytes) -> str:
    """The last part of a remote's address, of which nothing else is looked at."""
    address = os.fsdecode(remote).strip().rstrip("/").removesuffix(".git").rstrip("/")
    return address.replace(":", "/").rpartition("/")[2]


def _project(root: Path) -> str:
    file = root / "pyproject.toml"
    try:
        name = tomllib.loads(file.read_text("utf-8"))["project"]["name"] if file.is_file() else ""
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""
    return name if isinstance(name, str) else ""


def _walk(top: Path, skipped: list[Skipped]) -> Iterator[str]:
    def unreadable(error: OSError) -> None:
        skipped.append(Skipped(_utf8(os.path.relpath(error.filename, top)), _why(error)))

    for directory, inner, names in os.walk(top, onerror=unreadable):
        inner[:] = sorted(name for name in inner if _may_hold_source(directory, name))
        for name in names:
            if name.endswith(SUFFIXES):
                yield Path(directory, name).relative_to(top).as_posix()


def _may_hold_source(directory: str, name: str) -> bool:
    if name.startswith(".") or name in _NOT_SOURCE:
        return False
    return not os.path.exists(os.path.join(directory, name, "pyvenv.cfg"))


def _regular(root: Path, names: list[str], skipped: list[Skipped]) -> tuple[list[str], list[Skipped]]:
    """Keep what can be opened without leaving the checkout or waiting for a writer."""
    files = []
    real: dict[Path, bool] = {}
    for name in names:
        reason = _unfit(root, name, real)
        if reason is None:
            files.append(name)
        elif reason:
            skipped.append(Skipped(_utf8(name), reason))
    return files, skipped


def _unfit(root: Path, name: str, real: dict[Path, bool]) -> str | None:
    """Why a file is not read; empty when it is merely tracked and not there.

    `real` remembers which directories are what they are called, and not reached through a link.
    """
    if _utf8(name) != name:
        return "its name is not UTF-8"
    if language_of(name) is None:
        return f"no grammar for {language_named(name)}"
    if ".min." in name.rpartition("/")[2]:
        return "minified"
    path = root / name
    try:
        mode = path.lstat().st_mode
        if path.parent not in real:
            real[path.parent] = path.parent.resolve() == path.parent
        if stat.S_ISLNK(mode) or not real[path.parent]:
            return "a symbolic link"
    except FileNotFoundError:
        return ""
    except (OSError, RuntimeError) as error:
        return _why(error)
    return None if stat.S_ISREG(mode) else "not a regular file"


def _utf8(text: str) -> str:
    return os.fsencode(text).decode("utf-8", "replace")


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
