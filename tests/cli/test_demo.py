"""`gapless demo`: a hub and a worker, started and ended together."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest

from ..support.commands import started
from ..support.until import DEADLINE
from .conftest import Verb


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "module.py").write_text(
        '"""A module."""\n\n\ndef add(a, b):\n    """Add."""\n    return a + b\n'
    )
    return tmp_path


def test_it_ends_by_itself_after_its_rounds(checkout: Path) -> None:
    with started("demo", str(checkout), "--no-open", "--cycles", "1", "--interval", "0") as demo:
        assert str(checkout) in demo.until("A worker reads")
        assert demo.until("http://").strip().startswith("http://127.0.0.1:")
        assert demo.process.wait(DEADLINE) == 0
        assert demo.rest("err") == []


def test_the_worker_publishes_and_ctrl_c_ends_both(checkout: Path) -> None:
    with started("demo", str(checkout), "--no-open", "--interval", "0") as demo:
        url = demo.until("http://").strip().rstrip("/")
        with (
            httpx.Client(trust_env=False, timeout=DEADLINE) as client,
            client.stream("GET", f"{url}/sse?channel=codeworm:logs") as stream,
        ):
            first = next(line for line in stream.iter_lines() if line.startswith("data:"))
        assert '"channel":"codeworm:logs"' in first
        assert demo.end(signal.SIGINT) == 130
        assert demo.rest("err") == []
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/health", trust_env=False)


def test_with_a_store_it_goes_on_where_it_was(checkout: Path, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/demo.db"
    stands = []
    for _ in range(2):
        with started("demo", str(checkout), "--no-open", "--interval", "0", "--store", store) as demo:
            url = demo.until("http://").strip().rstrip("/")
            with httpx.Client(trust_env=False, timeout=DEADLINE) as client:
                with client.stream("GET", f"{url}/sse?channel=codeworm:logs") as stream:
                    next(line for line in stream.iter_lines() if line.startswith("data:"))
                said = {"channel": "codeworm:logs", "limit": -1}
                stands.append(client.post(f"{url}/api/history", json=said).json()["result"])
            demo.end(signal.SIGINT)
    before, after = stands
    assert after["epoch"] == before["epoch"]
    assert after["offset"] > 0
    kept = [publication["offset"] for publication in before["publications"]]
    assert [publication["offset"] for publication in after["publications"]][: len(kept)] == kept


def test_a_directory_without_code_is_one_line(verb: Verb, tmp_path: Path) -> None:
    ended = verb("demo", str(tmp_path), "--no-open", "--cycles", "1")
    assert ended.code == 1
    (line,) = ended.err
    assert str(tmp_path) in line


def test_outside_a_checkout_it_asks_for_a_path(
    verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = verb("demo", "--no-open")
    assert (ended.code, ended.err) == (
        1,
        ["gapless: this is not inside a git checkout; name one: gapless demo PATH"],
    )
