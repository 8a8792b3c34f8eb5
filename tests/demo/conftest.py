"""Small checkouts for the tests of the demo worker."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gapless.demo.checkout import find_checkout
from gapless.demo.survey import Survey


@pytest.fixture(autouse=True)
def _no_git_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's configuration of git nor a checkout around the temporary directory counts."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[Mapping[str, str | bytes]], Path]:
    """Writes files into a new directory and returns it."""

    def write(files: Mapping[str, str | bytes]) -> Path:
        root = tmp_path / "shop"
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return write


@pytest.fixture
def git() -> Callable[..., None]:
    """Runs git in a directory."""

    def run(directory: Path, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(directory), *arguments], check=True, capture_output=True)

    return run


@pytest.fixture
def survey(
    plant: Callable[[Mapping[str, str | bytes]], Path],
) -> Callable[[Mapping[str, str | bytes]], Survey]:
    """Writes files, and reads them all."""

    def read(files: Mapping[str, str | bytes]) -> Survey:
        found = Survey(find_checkout(plant(files)))
        read = {*found.read(), *found.unreadable}
        assert read == set(found.checkout.files)
        return found

    return read
