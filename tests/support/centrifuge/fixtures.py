"""Both encodings, and clocks that the test moves."""

from __future__ import annotations

import time

import pytest

from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF, Codec

from ..clock import Clock


@pytest.fixture(params=["json", "protobuf"])
def codec(request: pytest.FixtureRequest) -> Codec:
    """Each test that takes it is run in JSON and in Protobuf."""
    if request.param == "json":
        return JSON
    assert PROTOBUF is not None
    return PROTOBUF


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stands still until it is moved."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock
