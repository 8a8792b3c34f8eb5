"""One hub for all tests of a file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from gapless.cli.app import run

from ..support.commands import serving

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where a hub listens that everybody on this machine may use."""
    with serving() as (url, _):
        yield url


class Ended(NamedTuple):
    """How a verb ended, and what it wrote."""

    code: int
    out: list[str]
    err: list[str]


Verb = Callable[..., Ended]


@pytest.fixture
def verb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Verb:
    """Runs a verb in this process, to its end, without anybody's own settings."""
    for name in list(os.environ):
        if name.startswith("GAPLESS_"):
            monkeypatch.delenv(name)

    def invoke(*arguments: str) -> Ended:
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return Ended(code, out.splitlines(), err.splitlines())

    return invoke


@pytest.fixture
def channel() -> str:
    """A channel of the test's own."""
    return f"c{next(_numbers)}"
