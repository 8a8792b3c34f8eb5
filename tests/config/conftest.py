"""What the tests of the configuration share: a file, an environment that says nothing, and the verbs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..cli.conftest import verb

__all__ = ["verb"]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("GAPLESS_", "CENTRIFUGO_")):
            monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gapless.toml"
