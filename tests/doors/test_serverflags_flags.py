"""Which flags of uvicorn are missing, by what it was told."""

from __future__ import annotations

import pytest
import uvicorn

from gapless.doors.serverflags import HTTP, WS, advice, missing
from gapless.server.bounded_http import BoundedHttpProtocol


def told(**options: object) -> list[str]:
    config = uvicorn.Config("gapless:HubApp", log_config=None, **options)  # type: ignore[arg-type]
    config.load()
    return missing(config)


def test_a_uvicorn_that_was_told_nothing_misses_both() -> None:
    assert told() == [f"--ws {WS}", f"--http {HTTP}"]


@pytest.mark.parametrize("ws", ["websockets-sansio", "wsproto"])
def test_with_another_protocol_that_flag_is_missing(ws: str) -> None:
    assert told(ws=ws, http=HTTP) == [f"--ws {WS}"]


@pytest.mark.parametrize("http", [HTTP, BoundedHttpProtocol])
def test_ours_are_ours_by_name_and_by_class(http: object) -> None:
    assert told(ws=WS, http=http) == []


def test_who_serves_no_websockets_needs_no_protocol_for_them() -> None:
    assert told(ws="none", http=HTTP) == []


def test_one_that_is_built_on_ours_is_bounded_too() -> None:
    class Own(BoundedHttpProtocol):
        pass

    assert told(ws=WS, http=Own) == []


def test_the_advice_can_be_copied() -> None:
    said = advice(told())
    assert f"--ws {WS} --http {HTTP}" in said
    assert "gapless serve module:app" in said
