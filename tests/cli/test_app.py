"""All verbs alike: a wrong command line, a hub that is not there, a reader that goes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ..support.commands import environment, gapless
from ..support.until import DEADLINE
from .conftest import Verb


@pytest.mark.parametrize("arguments", [["publish", "c", "1"], ["tail", "c"], ["channels"]])
def test_without_a_hub_it_says_how_to_start_one(verb: Verb, arguments: list[str]) -> None:
    ended = verb(*arguments, "--url", "http://127.0.0.1:9")
    assert (ended.code, ended.out) == (1, [])
    assert ended.err == ["gapless: no hub answers at http://127.0.0.1:9; start one with `gapless serve`"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tail"], "Missing argument 'CHANNEL...'"),
        (["tail", "c", "-n", "ten"], "-n is a whole number or all"),
        (["tail", "c", "-n", "-3"], "-n is a whole number or all"),
        (["search", "c", "x", "--since", "yesterday"], "--since is a time"),
        (["serve", "--port", "99999"], "--port"),
        (["serve", "--workers", "0"], "--workers"),
        (["demo", "/nope"], "/nope"),
        (["demo", "--port", "99999"], "--port"),
        (["tail", "c", "--since", "nonsense"], "a position is EPOCH:OFFSET"),
        (["tail", "a", "b", "--since", "E:1"], "write CHANNEL@EPOCH:OFFSET"),
        (["tail", "a", "--since", "b@E:1"], "b is not among the channels"),
        (["tail", "a", "-o", "yaml"], "--output"),
        (["publish", "c", "1", "--url", "ftp://x"], "http://HOST:PORT"),
        (["publish", "c", "1", "--url", "http://x:99999"], "65536"),
        (["follow", "x", "-c", "{host}"], "{stem}"),
        (["tial"], "Did you mean 'tail'?"),
        (["tail", "c", "--lime"], "--lime"),
    ],
)
def test_a_wrong_command_line_is_one_line(verb: Verb, arguments: list[str], words: str) -> None:
    ended = verb(*arguments)
    assert ended.code == 2
    assert ended.out == []
    (line,) = ended.err
    assert words in line


def test_the_version_and_the_help() -> None:
    assert gapless("--version").stdout.startswith("gapless ")
    ended = gapless("--help")
    assert ended.returncode == 0
    assert all(f" {name} " in ended.stdout for name in ("serve", "publish", "tail", "pipe", "follow", "demo"))


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
