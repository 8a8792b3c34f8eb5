"""`gapless store`, `gapless search`, and serving from a store: over a restart, and with several workers."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..support.commands import gapless, serving
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


def test_searching_shows_the_newest_last(store: str, api: httpx.Client, verb: Verb, tmp_path: Path) -> None:
    file = tmp_path / "gapless.toml"
    file.write_text('[channels."*"]\nhistory = 100\nsearch = true\n')
    with serving("--store", store, "--config", str(file)) as (url, _):
        for level, message in (("ERROR", "disk full"), ("INFO", "disk fine"), ("ERROR", "net down")):
            ask(api, url, "publish", channel="logs", data={"level": level, "message": message})
        found = verb("search", "logs", "disk", "--url", url, "-o", "json")
        assert [json.loads(line)["offset"] for line in found.out] == [1, 2]
        found = verb("search", "logs", "--level", "error", "-n", "1", "-o", "raw", "--url", url)
        assert [json.loads(line) for line in found.out] == [{"level": "ERROR", "message": "net down"}]
        found = verb("search", "logs", "disk", "--before", "2", "--until", "2200-01-01", "--url", url)
        assert "disk full" in found.out[0]
        assert verb("search", "logs", "--since", "2200-01-01", "--url", url).out == []
        assert "is a time as" in verb("search", "logs", "--since", "yesterday", "--url", url).err[0]


class TestWorkers:
    def test_memory_cannot_be_shared(self, verb: Verb) -> None:
        ended = verb("serve", "--workers", "2")
        assert ended.code == 1
        assert ended.err == ["gapless: 2 workers need a store that they share: --store sqlite:///gapless.db"]

    def test_what_is_wrong_is_said_once(self, verb: Verb, tmp_path: Path) -> None:
        ended = verb("serve", "--port", "0", "--workers", "3", "--store", f"sqlite:///{tmp_path}/none/app.db")
        assert ended.code == 1
        (line,) = ended.err
        assert "is no directory" in line

    def test_a_taken_port_is_said(self, store: str) -> None:
        with serving("--store", store) as (url, _):
            port = url.rpartition(":")[2]
            ended = gapless("serve", "--port", port, "--workers", "2", "--store", f"{store}2")
            assert ended.returncode == 1
            assert "is taken" in ended.stderr

    def test_all_serve_one_crashes_and_all_end(self, store: str, api: httpx.Client) -> None:
        with serving("--store", store, "--workers", "2") as (url, running):
            before = nodes(api, url, 2)
            offsets = [ask(api, url, "publish", channel="logs", data=n)["offset"] for n in range(20)]
            assert offsets == list(range(1, 21))
            assert [p["data"] for p in history(api, url)] == list(range(20))
            worker = int(next(iter(before.values()))["name"].rpartition("_")[2])
            os.kill(worker, signal.SIGKILL)
            assert "by SIGKILL and is started again" in running.until("worker", "err")
            after = nodes(api, url, 3)  # the dead one is shown until its last report is too old
            assert len(after.keys() - before.keys()) == 1
            assert ask(api, url, "publish", channel="logs", data=20)["offset"] == 21
            children = [int(node["name"].rpartition("_")[2]) for node in after.values()]
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(DEADLINE)
            assert running.process.returncode == -signal.SIGTERM
            for child in children:
                with pytest.raises(ProcessLookupError):
                    os.kill(child, 0)

    def test_nobody_is_left_behind_when_the_watcher_is_killed(self, store: str, api: httpx.Client) -> None:
        with serving("--store", store, "--workers", "2") as (url, running):
            children = [int(node["name"].rpartition("_")[2]) for node in nodes(api, url, 2).values()]
            running.process.kill()
            running.process.wait()
            deadline = time.monotonic() + DEADLINE
            while any(map(is_alive, children)):
                assert time.monotonic() < deadline
                time.sleep(0.05)


def nodes(api: httpx.Client, url: str, count: int) -> dict[str, Any]:
    """The processes, by their uid, as soon as there are so many."""
    deadline = time.monotonic() + DEADLINE
    seen: dict[str, Any] = {}
    while len(seen) < count:
        assert time.monotonic() < deadline, seen
        seen |= {node["uid"]: node for node in ask(api, url, "info")["nodes"]}
        time.sleep(0.05)
    return seen


def history(api: httpx.Client, url: str) -> list[Any]:
    found: list[Any] = ask(api, url, "history", channel="logs", limit=-1)["publications"]
    return found


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
