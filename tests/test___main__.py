"""How the command line begins, and ends where it cannot."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .support.until import DEADLINE


def test_without_the_server_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['typer'] = None; from gapless.__main__ import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr == 'gapless: typer is not installed; pip install "gapless[server]"\n'


@pytest.mark.parametrize(
    ("happens", "code", "words"),
    [
        ("raise KeyboardInterrupt", 130, ""),
        ("raise ModuleNotFoundError(name='redis.asyncio')", 1, "ModuleNotFoundError"),
        ("raise ModuleNotFoundError(name='httpx._client')", 1, "httpx._client is not installed"),
        ("return 3", 3, ""),
    ],
)
def test_what_the_verbs_come_to_is_the_exit_code(happens: str, code: int, words: str) -> None:
    """A module that is missing and belongs to no extra of ours is a fault of the program's, shown as such."""
    program = (
        "import sys, types\n"
        f"def run():\n    {happens}\n"
        "sys.modules['gapless.cli.app'] = types.SimpleNamespace(run=run)\n"
        "from gapless.__main__ import main\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert ended.returncode == code
    assert words in ended.stderr
    assert ended.stderr == "" or words
