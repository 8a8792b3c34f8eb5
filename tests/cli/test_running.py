"""`gapless run`: a program as it would be without it, and its lines in a channel."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

import pytest

from ..support.commands import gapless, started
from .conftest import Verb

BOTH = 'import sys; print(\'{"n":12345678901234567890123}\'); print("bad", file=sys.stderr); sys.exit(3)'


def rows(verb: Verb, url: str, channel: str) -> list[Any]:
    ended = verb("tail", channel, "--url", url, "-n", "all", "-o", "raw", "--no-follow")
    return [json.loads(line) for line in ended.out]


def test_both_streams_are_published_and_passed_on_and_the_exit_code_is_the_programs(
    verb: Verb, url: str, channel: str
) -> None:
    ended = gapless(
        "run", "-c", channel, "--events", f"{channel}:e", "--url", url, "--", sys.executable, "-c", BOTH
    )
    assert (ended.returncode, ended.stderr) == (3, "bad\n")
    assert ended.stdout == '{"n":12345678901234567890123}\n'
    found = {row["stream"]: row for row in rows(verb, url, channel)}
    assert found["stdout"]["n"] == 12345678901234567890123
    assert found["stderr"]["message"] == "bad"
    begun, ended_ = rows(verb, url, f"{channel}:e")
    assert (begun["type"], ended_["type"], ended_["data"]["code"]) == ("process_started", "process_exited", 3)
    assert ended_["data"]["command"] == [sys.executable, "-c", BOTH]


def test_signals_are_the_programs(verb: Verb, url: str, channel: str) -> None:
    patient = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); "
    patient += "print('here'); signal.pause()"
    with started(
        "run", "-c", channel, "--events", f"{channel}:e", "--url", url, "--", sys.executable, "-c", patient
    ) as run:
        assert run.line() == "here"
        assert run.end(signal.SIGTERM) == 7
    assert rows(verb, url, f"{channel}:e")[-1]["data"]["code"] == 7


def test_a_program_that_a_signal_ended_is_told_as_shells_do(verb: Verb, url: str, channel: str) -> None:
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    ended = gapless("run", "--events", channel, "--url", url, "--", sys.executable, "-c", killed)
    assert ended.returncode == 137
    assert rows(verb, url, channel)[-1]["data"]["signal"] == "SIGKILL"


def test_it_is_started_again_where_that_is_asked_for(url: str, channel: str, tmp_path: Any) -> None:
    once = f"import os, sys; made = os.path.exists('{tmp_path}/x'); open('{tmp_path}/x', 'w'); "
    once += "print(made); sys.exit(not made)"
    ended = gapless(
        "run", "--restart", "on-failure", "--events", channel, "--url", url, "--", sys.executable, "-c", once
    )
    assert (ended.returncode, ended.stdout) == (0, "False\nTrue\n")
    assert "it is started again" in ended.stderr


@pytest.mark.parametrize(("command", "code"), [("/no/such/program", 127), ("/", 126)])
def test_what_cannot_be_run_is_told_as_shells_do(url: str, command: str, code: int) -> None:
    ended = gapless("run", "--url", url, "--", command)
    assert ended.returncode == code
    assert ended.stderr.startswith(f"gapless: {command}: ")


def test_without_a_hub_the_program_runs_all_the_same() -> None:
    ended = gapless("run", "--url", "http://127.0.0.1:9", "--", sys.executable, "-c", "print('here')")
    assert (ended.returncode, ended.stdout) == (0, "here\n")
    assert "no hub answers" in ended.stderr
