"""What is said of a machine and of what is installed on it."""

from __future__ import annotations

import pytest

from gapless.server.checkup import machine


def test_several_workers_with_a_store_of_their_own_are_bad() -> None:
    found = [f for f in machine({"WEB_CONCURRENCY": "4"}, shared=False) if "WEB_CONCURRENCY" in f.what]
    assert [finding.level for finding in found] == ["bad"]
    found = [f for f in machine({"WEB_CONCURRENCY": "4"}, shared=True) if "worker" in f.what]
    assert [finding.level for finding in found] == ["ok"]


def test_few_files_are_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda which: (256, 1024))
    (found,) = [f for f in machine({}, shared=False) if "open files" in f.what]
    assert found.level == "bad"


def test_an_old_uvicorn_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gapless.server.checkup.version", lambda package: "0.30.1")
    (found,) = [f for f in machine({}, shared=False) if f.what == "uvicorn 0.30.1"]
    assert found.level == "bad"
