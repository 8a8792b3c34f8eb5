"""Several workers with a memory each are told so, and nobody else is."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gapless import ConfigError, Hub
from gapless.node.siblings import Siblings, process_is_worker

from ..support.until import DEADLINE, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return "app"


HOLDER = """
import asyncio, os, sys
from gapless.node.siblings import Siblings

async def hold():
    siblings = Siblings(sys.argv[1], is_worker=lambda: True)
    siblings.begin("allow" if sys.argv[1] == "none" else "warn")
    print("held", flush=True)
    sys.stdin.read()

asyncio.run(hold())
"""


@pytest.fixture
def holders(application: str) -> Iterator[Any]:
    """Workers of the same parent: this very process is the parent's other child's stand-in."""
    running: list[subprocess.Popen[str]] = []

    def hold(name: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in running:
        process.kill()
        process.communicate(timeout=DEADLINE)


def ended(process: subprocess.Popen[str]) -> str:
    """What a worker said, which ends by itself."""
    _, said = process.communicate(timeout=DEADLINE)
    return said


async def test_two_workers_are_each_told_once(holders: Any) -> None:
    first, second = holders("app"), holders("app")
    assert ended(second).count("has its own memory") == 1
    assert first.poll() is None


async def test_who_came_first_finds_the_other_a_little_later(
    application: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "getppid", os.getpid)  # so that our children are our siblings
    siblings = Siblings(application, is_worker=lambda: True)
    siblings.begin("warn")
    assert caplog.text == ""
    other = subprocess.Popen(  # noqa: ASYNC220 - it takes no time
        [sys.executable, "-c", HOLDER, application], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        await until(lambda: "has its own memory" in caplog.text, "the word")
        assert f"process {os.getpid()}" in caplog.text
    finally:
        other.kill()
        other.communicate(timeout=DEADLINE)
        siblings.end()


async def test_one_that_has_ended_is_no_sibling_and_another_application_neither(holders: Any) -> None:
    first = holders("app")
    first.send_signal(signal.SIGKILL)
    first.wait(DEADLINE)
    other, again = holders("other"), holders("app")
    assert ended(again) == ended(other) == ""


async def test_it_may_be_an_error(application: str, holders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    holders(application)
    monkeypatch.setattr(os, "getppid", os.getpid)
    with pytest.raises(ConfigError, match="Share a store"):
        Siblings(application, is_worker=lambda: True).begin("error")
    Siblings(application, is_worker=lambda: True).begin("allow")
    Siblings(application, is_worker=lambda: False).begin("error")


SERVED = """
from gapless import Hub, HubApp
app = HubApp(Hub())
"""


@pytest.mark.parametrize(("how", "words"), [(["--workers", "2"], 2), (["--reload"], 0), ([], 0)])
def test_with_the_server_that_most_people_use(tmp_path: Path, how: list[str], words: int) -> None:
    (tmp_path / "served.py").write_text(SERVED)
    command = [sys.executable, "-m", "uvicorn", "served:app", "--port", "0", *how]
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stderr is not None
        told, started = set[str](), 0
        for line in process.stderr:
            if found := re.search(r"this worker \(process (\d+)\) has its own memory", line):
                told.add(found[1])
            started += "Application startup complete" in line
            if started >= max(1, words) and len(told) == words:
                break
        assert len(told) == words
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


def _tell(answers: Any) -> None:
    answers.put(process_is_worker())


def test_what_a_server_starts_is_a_worker_and_what_a_shell_starts_is_none() -> None:
    assert not process_is_worker()
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    worker = context.Process(target=_tell, args=(answers,))
    worker.start()
    assert answers.get(timeout=DEADLINE) is True
    worker.join(DEADLINE)
    asked = "from gapless.node.siblings import process_is_worker; print(process_is_worker())"
    for _ in range(2):
        said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
        assert said.stdout == "False\n"


def test_the_choice_is_one_of_three() -> None:
    with pytest.raises(ConfigError, match="warn, error, allow"):
        Hub(workers="maybe")  # type: ignore[arg-type]
