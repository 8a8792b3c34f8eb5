"""Both encodings, and clocks that the test moves."""

from __future__ import annotations

import time

import pytest

from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF, Codec


@pytest.fixture(params=["json", "protobuf"])
def codec(request: pytest.FixtureRequest) -> Codec:
    """Each test that takes it is run in JSON and in Protobuf."""
    if request.param == "json":
        return JSON
    assert PROTOBUF is not None
    return PROTOBUF


class Clock:
    """Unix time, as sessions and tokens read it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stands still until it is moved."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock
