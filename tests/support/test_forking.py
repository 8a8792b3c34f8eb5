"""A command that is forked ends, and says, what it does when Python starts for it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .commands import environment, gapless, serving
from .forking import CAN_FORK, forked
from .until import DEADLINE

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="there every command is started anew")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("no-such-verb",),
        ("publish", "c", "--url", "http://127.0.0.1:9"),
        ("serve", "--config", "wrong.toml"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_it_is_as_if_it_was_started(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / arguments[0]
    directory.mkdir()
    monkeypatch.chdir(directory)
    if "wrong.toml" in arguments:
        (directory / "wrong.toml").write_text("there = 'where it is run'")
    started = subprocess.run(
        [sys.executable, "-m", "gapless", *arguments],
        input="1",
        capture_output=True,
        text=True,
        env=environment(),
        timeout=DEADLINE,
        check=False,
    )
    ready = gapless(*arguments, given="1")
    assert (ready.returncode, ready.stdout, ready.stderr) == (
        started.returncode,
        started.stdout,
        started.stderr,
    )


def test_it_has_the_environment_it_was_given_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gapless("publish", "c", "1", GAPLESS_URL="http://127.0.0.1:9").stderr.count("127.0.0.1:9") == 1
    monkeypatch.setenv("GAPLESS_URL", "http://127.0.0.1:10")
    process = forked(["publish", "c", "1"], {**environment(), "GAPLESS_URL": "http://127.0.0.1:11"})
    assert "127.0.0.1:11" in process.communicate("", DEADLINE)[1]


def test_it_is_killed_as_any_child() -> None:
    with serving() as (_, running):
        running.process.kill()
        assert running.process.wait(DEADLINE) == -signal.SIGKILL
        assert running.process.poll() == -signal.SIGKILL
        running.process.send_signal(signal.SIGTERM)  # it has ended, and nobody else has its number


def test_one_that_does_not_end_in_time_is_told_so() -> None:
    with serving() as (_, running):
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(0.01)
