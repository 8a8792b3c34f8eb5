"""The official JavaScript client: every scenario of node/scenarios, over every transport."""

from __future__ import annotations

import pytest

from .conftest import DEFAULT, FAST, Play

pytestmark = pytest.mark.node


@pytest.mark.parametrize(
    ("ws", "transport"),
    [
        (FAST, "websocket-json"),
        (FAST, "websocket-protobuf"),
        (FAST, "http_stream-json"),
        (FAST, "http_stream-protobuf"),
        (FAST, "sse-json"),
        (DEFAULT, "websocket-json"),
        (DEFAULT, "websocket-protobuf"),
    ],
)
def test_it_finds_the_server_conforming(
    ws: str, transport: str, play_javascript: Play, subtests: pytest.Subtests
) -> None:
    report = play_javascript(ws)
    for outcome in report.of(transport):
        with subtests.test(outcome.scenario):
            outcome.judge()
    assert report.errors_inside == 0
