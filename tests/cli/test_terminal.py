"""What several verbs take and write."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from rich.console import Console

from gapless.cli.terminal import DEFAULT_URL, Paint, WrongUsage, hub_at, safe, safe_json, say, write

from ..support.until import DEADLINE


def test_the_hub_is_where_the_url_says() -> None:
    assert hub_at(DEFAULT_URL, None).url == DEFAULT_URL


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:99999"])
def test_a_url_that_cannot_be_is_a_wrong_command_line(url: str) -> None:
    with pytest.raises(WrongUsage, match="http"):
        hub_at(url, None)


def test_control_characters_are_shown_as_what_they_are() -> None:
    assert safe("a\x1b\n\t\x9b\u202eb") == r"a\x1b\n\t\x9b\u202eb"
    assert safe_json('"\x7f\u202e"') == r'"\u007f\u202e"'


def test_results_and_what_is_said_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    write(["one", "two"])
    say("a name\x1b[2J")
    assert capsys.readouterr() == ("one\ntwo\n", "gapless: a name\\x1b[2J\n")


def test_without_a_terminal_or_with_no_color_nothing_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert Paint(Console(file=io.StringIO(), force_terminal=True))("x", "red") == "\x1b[31mx\x1b[0m"
    assert Paint(Console(file=io.StringIO()))("x", "red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Paint(Console(file=io.StringIO(), force_terminal=True))("x", "red") == "x"


@pytest.mark.parametrize("closed", [False, True], ids=["nobody reads", "there was no stdout"])
def test_what_is_announced_may_go_unread(closed: bool) -> None:
    code = "from gapless.cli.terminal import announce\nannounce(['x'])\nraise SystemExit(7)"
    readable, writable = os.pipe()
    os.close(readable)
    ended = subprocess.run(
        [sys.executable, "-c", code],
        stdout=writable,
        stderr=subprocess.PIPE,
        timeout=DEADLINE,
        check=False,
        preexec_fn=(lambda: os.close(1)) if closed else None,
    )
    os.close(writable)
    assert (ended.returncode, ended.stderr) == (7, b"")


def test_what_the_encoding_of_a_terminal_lacks_is_escaped() -> None:
    code = "from gapless.cli.terminal import prepare, write\nprepare()\nwrite(['\\u2192'])"
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=env, timeout=DEADLINE, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, b"\\u2192\n")
