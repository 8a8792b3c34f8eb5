"""`gapless store`, and serving from one over a restart."""

from __future__ import annotations

import io
import json
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..support.commands import serving
from ..support.until import DEADLINE
from .conftest import Verb


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/app.db"


@pytest.fixture
def api() -> Iterator[httpx.Client]:
    # A connection for each request: with several workers, each may come to another.
    with httpx.Client(trust_env=False, timeout=DEADLINE, headers={"connection": "close"}) as client:
        yield client


def ask(api: httpx.Client, url: str, method: str, **said: Any) -> Any:
    answer = api.post(f"{url}/api/{method}", json=said).json()
    assert set(answer) == {"result"}, answer
    return answer["result"]


def test_what_was_published_is_there_after_a_restart_and_can_be_looked_after(
    store: str, api: httpx.Client, verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving("--store", store) as (url, running):
        first = ask(api, url, "publish", channel="logs", data={"message": "one"})
        assert verb("store", "compact", store).code == 1  # it is in use
        running.end(signal.SIGTERM)
    with serving("--store", store) as (url, running):
        again = ask(api, url, "publish", channel="logs", data={"message": "two"})
        running.end(signal.SIGINT)
    assert again == {"offset": 2, "epoch": first["epoch"]}

    checked = verb("store", "check", store)
    assert (checked.code, checked.err) == (0, [])
    assert checked.out[0].startswith("ok: 1 channels, 2 publications")
    assert verb("store", "compact", store).code == 0
    exported = verb("store", "export", store, "--channel", "logs").out
    assert [json.loads(line).get("data") for line in exported] == [
        None,
        {"message": "one"},
        {"message": "two"},
    ]
    other = f"sqlite:///{tmp_path}/other.db"
    for code, out in ((0, ["2 publications in 1 channels"]), (1, [])):
        given = io.BytesIO("\n".join(exported).encode())
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(given))
        imported = verb("store", "import", other)
        assert (imported.code, imported.out) == (code, out)

    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("DELETE FROM publications WHERE offset = 1")
    connection.commit()
    connection.close()
    damaged = verb("store", "check", other)
    assert damaged.code == 1
    assert "1 are missing" in damaged.err[0]


def test_a_store_that_is_not_there_is_one_line(verb: Verb, store: str) -> None:
    for what in ("check", "compact", "export"):
        ended = verb("store", what, store)
        assert (ended.code, len(ended.err)) == (1, 1)
        assert "there is no store" in ended.err[0]
    assert verb("store", "check", "memory://").code == 1
