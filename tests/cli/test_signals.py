"""Wherever a signal comes, what a feed has read is published once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

import pytest

from gapless.cli import feeding, pipe, running
from gapless.cli.feeding import Signalled, Signals
from gapless.cli.pipe import Pipe, Piping
from gapless.cli.running import Restart, Runner
from gapless.client.outgoing import Entry
from gapless.client.publisher import Publisher

GIVEN = b"one\ntwo\nthree\nthe rest"


class Taker(Publisher):
    """Has room every second time that it is asked, and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        self._has_room = False

    def try_put(self, channel: str, entries: Sequence[Entry], when_room: Callable[[], object]) -> bool:
        self._has_room = not self._has_room
        if self._has_room:
            self.append(channel, entries)
        else:
            when_room()
        return self._has_room

    def put(self, channel: str, entries: Sequence[Entry]) -> bool:
        if channel == "x":
            self.append(channel, entries)
        return True

    def append(self, channel: str, entries: Sequence[Entry]) -> None:
        self.messages += [json.loads(body)["message"] for body, _ in entries]


@contextmanager
def at_line(number: int, watched: Sequence[ModuleType], until: str = "") -> Iterator[Callable[[], int]]:
    """SIGTERM before the so-manieth line of these modules; gives how many there were until that function."""
    count = 0
    files = {module.__file__ for module in watched}

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename not in files:
            return None
        if frame.f_code.co_name == until:
            sys.settrace(None)
        if event == "line":
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGTERM)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lambda: count
    finally:
        sys.settrace(before)


def piped(number: int, chunk: int) -> tuple[list[str], bytes, bytes, int]:
    """Messages, what was passed on, what is still unread, and how many lines were executed."""
    publisher = Taker()
    signals = Signals()
    source, into = os.pipe()
    out, copy = os.pipe()
    os.write(into, GIVEN)
    os.close(into)
    piping = Piping(publisher, "x", Pipe(join=True), signals, chunk_bytes=chunk)
    with signals.heard(), at_line(number, (pipe, feeding)) as lines:
        try:
            piping.run(source, copy)
        except Signalled as ended:
            assert ended.number == signal.SIGTERM
    os.close(copy)
    unread, passed = _all(source), _all(out)
    return publisher.messages, passed, unread, lines()


def _all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()


@pytest.mark.parametrize("chunk", [4, 1000])
def test_wherever_it_comes_what_pipe_has_read_is_published_and_passed_on_once(chunk: int) -> None:
    _, _, _, lines = piped(-1, chunk)
    assert lines > 50
    for number in range(1, lines + 1):
        messages, passed, unread, _ = piped(number, chunk)
        assert passed + unread == GIVEN, f"at line {number}"
        assert "".join(messages) == passed.decode().replace("\n", ""), f"at line {number}"


def ran(number: int, *command: str) -> tuple[int, int]:
    """The exit code, and how many lines there were until the program was listened to."""
    signals = Signals()
    runner = Runner(Taker(), command, "x", "events", quiet=True, join=False, signals=signals)
    with signals.heard(), at_line(number, (running, subprocess), until="_read") as lines:
        try:
            return runner.run(Restart.ON_FAILURE), lines()
        except Signalled as ended:
            return 128 + ended.number, lines()  # it came before anything was started


def test_a_signal_that_comes_while_a_program_is_started_is_the_programs() -> None:
    code, lines = ran(-1, "true")
    assert (code, lines > 50) == (0, True)
    for number in range(1, lines + 1):
        assert ran(number, "sleep", "60")[0] == 128 + signal.SIGTERM, f"at line {number}"


class Late(Taker):
    """Takes what is said of a start only when the program has ended."""

    def put(self, channel: str, entries: Sequence[Entry]) -> bool:
        said = json.loads(entries[0][0])
        if said.get("type") == "process_started":
            os.waitid(os.P_PID, said["data"]["pid"], os.WEXITED | os.WNOWAIT)
        return super().put(channel, entries)


def test_what_a_program_wrote_before_its_end_is_read_however_long_the_hub_took() -> None:
    publisher, signals = Late(), Signals()
    command = ("sh", "-c", "echo one; echo two >&2")
    runner = Runner(
        publisher, command, "x", "events", quiet=True, join=False, signals=signals, linger_seconds=0
    )
    assert runner.run(Restart.NEVER) == 0
    assert sorted(publisher.messages) == ["one", "two"]
