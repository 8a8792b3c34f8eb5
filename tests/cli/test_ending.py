"""How a command ends that cannot begin, or whose reader is gone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ..support.commands import environment
from ..support.until import DEADLINE


def test_without_the_server_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['typer'] = None; from gapless.__main__ import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr == 'gapless: typer is not installed; pip install "gapless[server]"\n'


def test_a_reader_that_goes_ends_it_without_noise(url: str, channel: str) -> None:
    readable, writable = os.pipe()
    pipe = subprocess.Popen(
        [sys.executable, "-m", "gapless", "pipe", channel, "--url", url],
        stdin=subprocess.PIPE,
        stdout=writable,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    os.close(writable)
    os.close(readable)
    _, said = pipe.communicate(b"one\ntwo\n", timeout=DEADLINE)
    assert (pipe.returncode, said) == (0, b"")


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], []])
def test_a_help_whose_reader_goes_ends_without_noise(arguments: list[str]) -> None:
    readable, writable = os.pipe()
    os.close(readable)
    command = [sys.executable, "-m", "gapless", *arguments]
    shown = subprocess.Popen(command, stdout=writable, stderr=subprocess.PIPE, env=environment())
    os.close(writable)
    _, said = shown.communicate(timeout=DEADLINE)
    assert (shown.returncode, said) == (0, b"")


def test_a_tail_whose_reader_goes_ends_without_noise(url: str, channel: str) -> None:
    publish = [sys.executable, "-m", "gapless", "publish", channel, "1", "--url", url]
    subprocess.run(publish, check=True, capture_output=True, env=environment(), timeout=DEADLINE)
    readable, writable = os.pipe()
    os.close(readable)
    tail = subprocess.Popen(
        [sys.executable, "-m", "gapless", "tail", channel, "--url", url],
        stdout=writable,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    os.close(writable)
    _, said = tail.communicate(timeout=DEADLINE)
    assert (tail.returncode, said) == (0, b"")
