"""The official Python client, the newest and the oldest: every scenario of python/scenarios."""

from __future__ import annotations

import pytest

from .conftest import DEFAULT, FAST, WSPROTO, Play


@pytest.mark.parametrize("ws", [FAST, DEFAULT])
@pytest.mark.parametrize("codec", ["json", "protobuf"])
def test_the_newest_finds_the_server_conforming(
    ws: str, codec: str, play_newest_python: Play, subtests: pytest.Subtests
) -> None:
    report = play_newest_python(ws)
    for outcome in report.of(codec):
        with subtests.test(outcome.scenario):
            outcome.judge()
    assert report.errors_inside == 0


@pytest.mark.parametrize("ws", [FAST, WSPROTO])
@pytest.mark.parametrize("codec", ["json", "protobuf"])
def test_the_oldest_finds_the_server_conforming(
    ws: str, codec: str, play_oldest_python: Play, subtests: pytest.Subtests
) -> None:
    report = play_oldest_python(ws)
    for outcome in report.of(codec):
        with subtests.test(outcome.scenario):
            outcome.judge()
    assert report.errors_inside == 0
